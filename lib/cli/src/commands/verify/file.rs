//! An exported file, with no installation.

use super::{Arguments, add_keys, anchors, lines_of, scratch, text};
use crate::commands::progress::Progress;
use crate::failure::Failure;
use domain::hash::Hash;
use domain::json::{Limits, Value, parse};
use domain::keys::KeyRing;
use domain::verify::{Break, Options, Report, Start, verify_lines};
use installation::threads;
use ports::Ids;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

/// Checks an exported file.
pub(super) fn offline(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let Some(path) = &arguments.file else { return Err(Failure::new("give the file to check: --file EXPORT")) };
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let mut ring = KeyRing::default();
    add_keys(&mut ring, &arguments.key)?;
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let (start, end) = match &arguments.companion {
        Some(companion) => stated_range(companion)?,
        None => (Start::FirstLine, None),
    };
    let options = Options {
        ring,
        start,
        end,
        parse_after: parse_after(arguments)?,
        all_checkpoints: arguments.checkpoints.is_some(),
        repeat_key: adapters_local::RandomIds.nonce(),
        threads: threads(),
    };
    let checkpoints = match &arguments.checkpoints {
        Some(path) => lines_of(path)?,
        None => Vec::new(),
    };
    let mut progress = Progress::new();
    let mut report = verify_lines(
        BufReader::with_capacity(128 * 1024, file),
        checkpoints.into_iter().map(Ok),
        &anchors(&arguments.anchor)?,
        None,
        &options,
        scratch()?,
        |bytes| progress.at(bytes, size),
    )?;
    progress.end();
    if arguments.companion.is_none()
        && let Some(first) = report.first_seq.filter(|first| *first > 1)
    {
        report.missing.push(format!("the file starts at event {first}, and no --companion states that it should"));
    }
    if let Some(companion) = &arguments.companion {
        compare_companion(path, companion, &mut report)?;
    }
    text::answer(&report.into(), json)
}

/// Holds the file against everything that its companion says of it.
fn compare_companion(path: &Path, companion: &Path, report: &mut Report) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let text = std::fs::read(companion).map_err(|error| Failure::file(companion, &error))?;
    let value = parse(text.trim_ascii(), Limits::FORMAT)?;
    let said = |name: &str| value.as_object().and_then(|o| o.get(name)).cloned().unwrap_or(Value::Null);
    let mut file = BufReader::with_capacity(128 * 1024, File::open(path).map_err(failed)?);
    let (mut sha, mut bytes) = (Sha256::new(), 0);
    loop {
        let buffer = file.fill_buf().map_err(failed)?;
        if buffer.is_empty() {
            break;
        }
        sha.update(buffer);
        let read = buffer.len();
        bytes += read as u64;
        file.consume(read);
    }
    let number = |n| Value::integer(n).unwrap_or(Value::Null);
    let sha256 = Hash(sha.finalize().into()).to_hex();
    let mut found = vec![
        ("filter", Value::Null),
        ("eventCount", number(report.events_total)),
        ("bytes", number(bytes)),
        ("sha256", sha256.into()),
    ];
    if let Some((seq, hash)) = report.head {
        found.extend([("endSeq", number(seq)), ("headHash", hash.to_hex().into())]);
    }
    for (name, found) in found {
        let said = said(name);
        if said != found {
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                other => String::from_utf8_lossy(&other.canonical()).into_owned(),
            };
            report.add(Break::of_companion(name, text(&said), text(&found)));
        }
    }
    Ok(())
}

/// Lines that no given checkpoint covers are parsed in full: nobody has vouched for their shape.
fn parse_after(arguments: &Arguments) -> Result<u64, Failure> {
    let Some(path) = &arguments.checkpoints else { return Ok(0) };
    let heads = lines_of(path)?.into_iter().filter_map(|line| {
        let value = parse(&line, Limits::FORMAT).ok()?;
        value.as_object()?.get("headSeq")?.as_u64()
    });
    Ok(heads.max().unwrap_or(0))
}

fn stated_range(path: &Path) -> Result<(Start, Option<u64>), Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let value = parse(bytes.trim_ascii(), Limits::FORMAT)?;
    let member = |name| value.as_object().and_then(|o| o.get(name));
    let seq = member("startSeq").and_then(Value::as_u64);
    let prev_hash = member("prevHash").and_then(Value::as_str).and_then(|h| Hash::from_hex(h.as_bytes()));
    match (seq, prev_hash) {
        (Some(seq), Some(prev_hash)) => Ok((Start::At { seq, prev_hash }, member("endSeq").and_then(Value::as_u64))),
        _ => Err(Failure::new(format!("{} is no companion: it states no startSeq and prevHash", path.display()))),
    }
}
