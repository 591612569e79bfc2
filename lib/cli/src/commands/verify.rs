//! `dezky verify`: the log of this installation, or a file that somebody was given.

use crate::failure::Failure;
use crate::target::Target;
use api::{Verification, VerificationStatus};
use domain::hash::Hash;
use domain::json::{Limits, Value, parse};
use domain::keys::KeyRing;
use domain::verify::{Break, Options, Report, Scratch, Start, Status, verify_lines};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use installation::threads;
use ports::Ids;
use services::verify::{Request, report_value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Check this export instead of the log: needs no data directory, network or account
    #[arg(long, value_name = "EXPORT")]
    file: Option<PathBuf>,
    /// The chain's checkpoints, one per line
    #[arg(long, value_name = "FILE", requires = "file")]
    checkpoints: Option<PathBuf>,
    /// The export's companion, which states its range; file and companion must agree
    #[arg(long, value_name = "FILE", requires = "file")]
    companion: Option<PathBuf>,
    /// A key that may have signed: ALG:HEX, ALG:HEX@FROM-TO, or @FILE with one such a line
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// A checkpoint that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// Also hold every derived row against the events
    #[arg(long, conflicts_with = "file")]
    index: bool,
}

impl Arguments {
    pub(crate) fn is_offline(&self) -> bool {
        self.file.is_some()
    }
}

/// Checks the log of an installation.
pub(crate) async fn stored(target: &Target, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let installation = match target {
        Target::Here(installation) => installation,
        Target::There(remote) => {
            if arguments.index || !arguments.key.is_empty() || !arguments.anchor.is_empty() {
                let advice = "with --url the hub verifies, with its own keys and copies; \
                              export the log and use --file to verify with yours";
                return Err(Failure::usage(advice));
            }
            return answer_of_hub(&remote.get("/audit/verify").await?, json);
        }
    };
    let mut cx = installation.hub.cx.clone();
    add_keys(&mut cx.ring, &arguments.key)?;
    let request = Request {
        index: arguments.index,
        anchors: anchors(&arguments.anchor)?,
        scratch: scratch()?,
        ..Request::with_threads(threads())
    };
    let mut progress = Progress::new();
    let verification = services::verify::verify_tiers(&cx, request, |seq, last| progress.at(seq, last)).await?;
    progress.end();
    Ok(answer(&verification, json))
}

/// Checks an exported file.
pub(crate) fn offline(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
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
    Ok(answer(&report.into(), json))
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

fn add_keys(ring: &mut KeyRing, keys: &[String]) -> Result<(), Failure> {
    for key in keys {
        match key.strip_prefix('@') {
            Some(path) => {
                let path = Path::new(path);
                let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
                for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    // A data directory's key file holds the bare HMAC key.
                    let bare = !line.contains(':');
                    let line = if bare { format!("hmac-sha256:{line}") } else { line.to_owned() };
                    ring.add_list(&line).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
                }
            }
            None => ring.add_list(key).map_err(|error| Failure::usage(format!("--key: {error}")))?,
        }
    }
    Ok(())
}

fn anchors(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut anchors = Vec::new();
    for path in paths {
        anchors.extend(lines_of(path)?);
    }
    Ok(anchors)
}

fn lines_of(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let lines = BufReader::new(File::open(path).map_err(failed)?).split(b'\n');
    let lines: Vec<Vec<u8>> = lines.collect::<Result<_, _>>().map_err(failed)?;
    Ok(lines.into_iter().filter(|line| !line.is_empty()).collect())
}

fn scratch() -> Result<Option<Box<dyn Scratch>>, Failure> {
    Ok(Some(Box::new(tempfile::tempfile()?)))
}

fn answer(verification: &services::verify::Verification, json: bool) -> ExitCode {
    let report = &verification.report;
    if json {
        super::print_json(&report_value(verification));
    } else {
        print_text(report);
    }
    match report.status() {
        Status::Intact => ExitCode::SUCCESS,
        Status::Broken => ExitCode::from(10),
        Status::Incomplete => ExitCode::from(11),
    }
}

/// Says what a hub found, as if it had been found here.
fn answer_of_hub(body: &[u8], json: bool) -> Result<ExitCode, Failure> {
    let found: Verification = serde_json::from_slice(body)?;
    if json {
        say!("{}", String::from_utf8_lossy(body));
    } else {
        let status = match found.status {
            VerificationStatus::Intact => Status::Intact,
            VerificationStatus::Broken => Status::Broken,
            VerificationStatus::Incomplete => Status::Incomplete,
        };
        print_summary(
            status,
            [found.events_verified, found.events_total, found.checkpoints_verified, found.unsigned_tail],
            found.head.as_ref().map(|head| (head.seq, head.hash.clone())),
            found.anchored,
        );
        if let Some(found) = &found.r#break {
            let places = [("event", found.seq), ("checkpoint over event", found.head_seq), ("block", found.block)];
            let details = [
                ("member", found.member.as_deref()),
                ("expected", found.expected.as_deref()),
                ("actual", found.actual.as_deref()),
            ];
            say!("break: {}", describe(&found.kind, places, details));
        }
    }
    Ok(match found.status {
        VerificationStatus::Intact => ExitCode::SUCCESS,
        VerificationStatus::Broken => ExitCode::from(10),
        VerificationStatus::Incomplete => ExitCode::from(11),
    })
}

fn print_summary(status: Status, counts: [u64; 4], head: Option<(u64, String)>, anchored: bool) {
    let [verified, total, checkpoints, unsigned] = counts;
    say!("{}: {verified} of {total} events and {checkpoints} checkpoints hold", status.as_str());
    match head {
        Some((seq, hash)) => say!("head: event {seq}, hash {hash}"),
        None => say!("there are no events"),
    }
    say!("unsigned tail: {unsigned} events");
    if total > 0 && checkpoints == 0 {
        say!("no signature covers any of these events: they fit each other, and nobody vouches for them");
    }
    let anchored = if anchored { "yes" } else { "no; a rollback of everything cannot be seen" };
    say!("compared with copies outside the table: {anchored}");
}

fn print_text(report: &Report) {
    print_summary(
        report.status(),
        [report.events_verified, report.events_total, report.checkpoints_verified, report.unsigned_tail],
        report.head.map(|(seq, hash)| (seq, hash.to_hex())),
        report.anchored,
    );
    report.missing.iter().for_each(|missing| say!("not checked: {missing}"));
    for found in report.breaks.iter().take(20) {
        let places = [("event", found.seq), ("checkpoint over event", found.head_seq), ("block", found.block)];
        let details =
            [("member", found.member), ("expected", found.expected.as_deref()), ("actual", found.actual.as_deref())];
        say!("break: {}", describe(found.kind.as_str(), places, details));
    }
    if report.breaks_total > 20 {
        say!("… and {} more breaks", report.breaks_total - 20);
    }
}

fn describe(kind: &str, places: [(&str, Option<u64>); 3], details: [(&str, Option<&str>); 3]) -> String {
    let places = places.iter().filter_map(|(name, value)| Some(format!(", {name} {}", (*value)?)));
    let details = details.iter().filter_map(|(name, value)| Some(format!(", {name} {}", (*value)?)));
    kind.to_owned() + &places.chain(details).collect::<String>()
}

/// A bar on a terminal, nothing elsewhere.
struct Progress(ProgressBar);

impl Progress {
    fn new() -> Self {
        // Hides itself where stderr is no terminal.
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:25} {percent:>3} %  {eta}");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn at(&mut self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done.min(all));
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
