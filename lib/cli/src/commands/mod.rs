//! A file per command.
#![expect(clippy::print_stdout, reason = "stdout is where a command's data goes")]
#![expect(clippy::print_stderr, reason = "stderr is where everything else goes")]

pub(crate) mod accept_break;
pub(crate) mod checkpoint;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod rebuild;
pub(crate) mod record;
pub(crate) mod verify;

use domain::json::Value;

/// One JSON document on stdout.
fn print_json(value: &Value) {
    println!("{}", String::from_utf8_lossy(&value.canonical()));
}
