//! `dezky export`: lines, companion, checkpoints.

use crate::failure::Failure;
use services::Context;
use services::export::Export;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File for the lines; `OUT.companion.json` and `OUT.checkpoints` come beside it
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// First event
    #[arg(long, default_value_t = 1, value_name = "SEQ")]
    from: u64,
    /// Last event [default: the newest]
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
}

pub(crate) async fn run(cx: &Context, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let path = &arguments.out;
    let failed = |error: std::io::Error| Failure::file(path, &error);
    if arguments.from == 0 || arguments.to.is_some_and(|to| to < arguments.from) {
        return Err(Failure::usage("events are numbered from 1, and --to is not before --from"));
    }
    let mut export = Export::start(cx, arguments.from, arguments.to).await?;
    // Aside first: an export that fails must not take the last good one with it.
    let aside = beside(path, ".part");
    let mut out = BufWriter::new(File::create(&aside).map_err(failed)?);
    while let Some(lines) = export.next().await? {
        out.write_all(&lines).map_err(failed)?;
    }
    out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    std::fs::rename(&aside, path).map_err(failed)?;
    let companion = export.companion().await?;
    write(&beside(path, ".companion.json"), &[companion.canonical(), b"\n".to_vec()].concat())?;
    let mut checkpoints = Vec::new();
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let page = services::checkpoints::lines_after(cx, &after).await?;
        let Some((newest, _)) = page.last() else { break };
        after.clone_from(newest);
        count += page.len();
        page.iter().for_each(|(_, line)| checkpoints.extend([&line[..], b"\n"].concat()));
    }
    write(&beside(path, ".checkpoints"), &checkpoints)?;
    if json {
        super::print_json(&companion);
    } else {
        let events = companion.as_object().and_then(|o| o.get("eventCount")?.as_u64()).unwrap_or_default();
        eprintln!("wrote {events} events to {}, its companion and {count} checkpoints beside it", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| Failure::file(path, &error))
}
