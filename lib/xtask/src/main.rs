//! `cargo xtask ci` is what CI runs, and nothing else; `derive` and `vectors` write what follows from
//! the code.
#![expect(clippy::print_stderr, reason = "a tool for people")]

mod derive;
mod process;
mod servers;
mod setup;
mod template;

use process::{cargo, run, with_env};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("ci") => ci(),
        Some("setup") => setup::setup(),
        Some("servers") => return ExitCode::from(servers::run(&arguments[1..])),
        Some("vectors") => cargo(&["run", "--quiet", "--package", "tests", "--bin", "make-vectors"]),
        Some("derive") => derive::run(arguments.get(1).map(String::as_str)),
        Some("bench") => cargo(&["bench", "--package", "tests"]),
        _ => {
            eprintln!(
                "cargo xtask ci                all that CI runs: setup, format, lints, docs, tests\n\
                 cargo xtask setup             installs what the tests need beside Rust\n\
                 cargo xtask servers [--only NAME,NAME…] -- COMMAND…\n\
                 \x20                             runs a command with real servers (all of postgres,\n\
                 \x20                             dynamodb, sqs, s3, ceph) in its environment\n\
                 cargo xtask derive [--check]  writes what follows from the list of functions\n\
                 cargo xtask vectors           write tests/vectors anew\n\
                 cargo xtask bench             the figures of docs/benchmarks.md"
            );
            return ExitCode::from(2);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ci() -> bool {
    // Installing waits for the network, compiling for the processor.
    let (installed, sound) = std::thread::scope(|scope| {
        let installing = scope.spawn(setup::setup);
        let sound = derive::run(Some("--check"))
            && cargo(&["fmt", "--all", "--check"])
            && cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
            && with_env("RUSTDOCFLAGS", "-D warnings", &["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
        (installing.join().unwrap_or(false), sound)
    });
    installed
        && sound
        && run(INFRA_PYTHON, &["tests/infra/check.py"])
        && run(INFRA_PYTHON, &["tests/infra/check.py", "--self-test"])
        && cargo(&["test", "--workspace", "--exclude", "stores", "--locked"])
        && servers::run(&STORES.map(str::to_owned)) == 0
}

/// The environment with the checkers of the AWS template.
const INFRA_PYTHON: &str = "target/infra/bin/python";

/// The adapters on the servers they are for.
const STORES: [&str; 6] = ["--", "cargo", "test", "--locked", "--package", "stores"];
