//! Writes the seeds of the corpora: what our own writers make, and what nobody should have made.
//! Files that a fuzzer found stay beside them.
#![expect(clippy::print_stderr, reason = "a tool for people")]

mod archives;
mod chains;
mod texts;

use fuzz_targets::run::corpus_folder;
use std::process::ExitCode;

/// A name and what the file of that name holds.
type Seed = (String, Vec<u8>);

fn main() -> ExitCode {
    let all = [
        ("strict_json", texts::json()),
        ("event", chains::events()),
        ("checkpoint", chains::checkpoints()),
        ("block", chains::blocks()),
        ("archive", archives::archives()),
        ("stub", archives::stubs()),
        ("cursor", texts::cursors()),
        ("ocis_line", texts::ocis_lines()),
        ("query_string", texts::queries()),
        ("message", chains::messages()),
    ];
    for (target, seeds) in all {
        let folder = corpus_folder(target);
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| seeds.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes)));
        if let Err(error) = written {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Seeds that need no name of their own.
fn numbered(kind: &str, inputs: impl IntoIterator<Item = Vec<u8>>) -> Vec<Seed> {
    inputs.into_iter().enumerate().map(|(i, bytes)| (format!("{kind}-{i:02}"), bytes)).collect()
}
