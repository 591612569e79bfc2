//! The program from outside.
#![expect(clippy::unwrap_used, reason = "a failed step is the test's finding")]

mod archives;
mod cli;
mod pages;
mod support;
mod up;
mod watch;
