//! A file per command.
#![expect(clippy::print_stderr, reason = "stderr is where everything else goes")]

/// `println!` by way of [`print()`].
macro_rules! say {
    ($($text:tt)*) => { crate::commands::print(&format!($($text)*)) };
}

pub(crate) mod accept_break;
pub(crate) mod archive;
pub(crate) mod checkpoint;
pub(crate) mod doctor;
pub(crate) mod expire;
pub(crate) mod export;
pub(crate) mod hold;
pub(crate) mod list;
pub(crate) mod migrate;
mod progress;
pub(crate) mod pump;
pub(crate) mod rebuild;
pub(crate) mod record;
pub(crate) mod restore;
pub(crate) mod token;
pub(crate) mod up;
pub(crate) mod verify;

use crate::failure::Failure;
use domain::json::Value;

/// Over HTTP the token says who asks, and nothing else does.
fn no_operator(given: Option<&str>) -> Result<(), Failure> {
    match given {
        Some(_) => Err(Failure::usage("--operator is for a data directory: with --url the token says who asks")),
        None => Ok(()),
    }
}

/// One JSON document on stdout.
fn print_json(value: &Value) {
    print(&String::from_utf8_lossy(&value.canonical()));
}

/// One line on stdout. A reader that has gone away (`| head`) ends the program quietly, as a shell
/// would; any other trouble is said.
fn print(line: &str) {
    use std::io::{ErrorKind, Write};
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(141);
        }
        eprintln!("dezky: cannot write to stdout: {error}");
        std::process::exit(1);
    }
}
