//! `dezky verify`: the log of this installation, or what somebody was given of one.

mod archives;
mod file;
mod hub;
mod objects;
mod text;

use super::progress::Progress;
use crate::failure::Failure;
use crate::target::Target;
use domain::keys::KeyRing;
use domain::verify::Scratch;
use installation::threads;
use services::verify::{Request, Tiers};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Check this export instead of the log: needs no data directory, network or account
    #[arg(long, value_name = "EXPORT", group = "offline")]
    file: Option<PathBuf>,
    /// Check these archives instead of the log: a directory that holds them somewhere, or s3://BUCKET/PREFIX?…
    #[arg(long, value_name = "DIR|URL", group = "offline")]
    archive: Option<String>,
    /// The chain's checkpoints, one per line
    #[arg(long, value_name = "FILE", requires = "offline")]
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
    /// Also read every archive in the cold store
    #[arg(long, conflicts_with = "offline")]
    cold: bool,
    /// Also hold every derived row against the events
    #[arg(long, conflicts_with = "offline")]
    index: bool,
}

impl Arguments {
    pub(crate) fn is_offline(&self) -> bool {
        self.file.is_some() || self.archive.is_some()
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
            return hub::ask(remote, arguments.cold, json).await;
        }
    };
    let mut cx = installation.hub.cx.clone();
    add_keys(&mut cx.ring, &arguments.key)?;
    let request = Request {
        index: arguments.index,
        anchors: anchors(&arguments.anchor)?,
        scratch: scratch()?,
        tiers: if arguments.cold { Tiers::All } else { Tiers::Hot },
        ..Request::with_threads(threads())
    };
    let mut progress = Progress::new();
    let verification = services::verify::verify_tiers(&cx, request, |seq, last| progress.at(seq, last)).await?;
    progress.end();
    text::answer(&verification, json)
}

/// Checks what somebody was given, with no installation.
pub(crate) fn offline(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    match &arguments.archive {
        Some(place) => archives::offline(place, arguments, json),
        None => file::offline(arguments, json),
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
