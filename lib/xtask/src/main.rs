//! `cargo xtask ci` is what CI runs, and nothing else; `cargo xtask vectors` writes what is derived.
#![expect(clippy::print_stderr, reason = "a tool for people")]

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("ci") => ci(),
        Some("vectors") => cargo(&["run", "--quiet", "--package", "tests", "--bin", "make-vectors"]),
        Some("bench") => cargo(&["bench", "--package", "tests"]),
        _ => {
            eprintln!(
                "cargo xtask ci       format, lints, docs, all tests\n\
                       cargo xtask vectors  write tests/vectors anew\n\
                       cargo xtask bench    the figures of docs/benchmarks.md"
            );
            return ExitCode::from(2);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ci() -> bool {
    cargo(&["fmt", "--all", "--check"])
        && cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
        && with_env("RUSTDOCFLAGS", "-D warnings", &["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        && cargo(&["test", "--workspace", "--locked"])
}

fn cargo(arguments: &[&str]) -> bool {
    with_env("CARGO_TERM_COLOR", "auto", arguments)
}

fn with_env(name: &str, value: &str, arguments: &[&str]) -> bool {
    eprintln!("xtask: cargo {}", arguments.join(" "));
    let status = Command::new("cargo").args(arguments).env(name, value).status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("xtask: cannot run cargo: {error}");
            false
        }
    }
}
