//! Writes the golden vectors of `docs/format.md`, section 9. With `--check` it writes nothing and
//! fails if a file on disk is not what it would write.

#![expect(clippy::print_stderr, reason = "a tool for people")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let check = std::env::args().any(|a| a == "--check");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut stale = false;
    for (name, text) in support::vectors::all() {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        if check {
            eprintln!("tests/vectors/{name} is stale: run `cargo xtask vectors` and review the change");
            stale = true;
        } else if let Err(error) = std::fs::write(&path, text) {
            eprintln!("cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
