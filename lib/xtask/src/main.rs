//! `cargo xtask ci` is what CI runs, and nothing else; `derive` and `vectors` write what follows from
//! the code.
#![expect(clippy::print_stderr, reason = "a tool for people")]

mod derive;
mod template;

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("ci") => ci(),
        Some("setup") => setup(),
        Some("vectors") => cargo(&["run", "--quiet", "--package", "tests", "--bin", "make-vectors"]),
        Some("derive") => derive::run(arguments.get(1).map(String::as_str)),
        Some("cost") => cargo(&["run", "--quiet", "--package", "tests", "--bin", "count-cost"]),
        Some("bench") => cargo(&["bench", "--package", "tests"]),
        _ => {
            eprintln!(
                "cargo xtask ci                all that CI runs: setup, format, lints, docs, tests\n\
                 cargo xtask setup             installs what the tests need beside Rust\n\
                 cargo xtask derive [--check]  writes what follows from the list of functions\n\
                 cargo xtask vectors           write tests/vectors anew\n\
                 cargo xtask cost              counts anew what docs/cost.md says
                 cargo xtask bench             the figures of docs/benchmarks.md"
            );
            return ExitCode::from(2);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ci() -> bool {
    setup()
        && derive::run(Some("--check"))
        && cargo(&["fmt", "--all", "--check"])
        && cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
        && with_env("RUSTDOCFLAGS", "-D warnings", &["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        && run(INFRA_PYTHON, &["tests/infra/check.py"])
        && run(INFRA_PYTHON, &["tests/infra/check.py", "--self-test"])
        && cargo(&["test", "--workspace", "--locked"])
}

/// The environment with the checkers of the AWS template.
const INFRA_PYTHON: &str = "target/infra/bin/python";

/// Installs what the tests need beside Rust: Python environments for the independent verifier, for
/// cargo-lambda and for the checks of the template, curl for the README's tour, and strace, which lets
/// system calls fail.
fn setup() -> bool {
    ["curl", "strace"].iter().all(|program| is_there(program) || debian(&[program]))
        && environment("target/verifier", "tests/verifier/requirements.txt")
        && environment("target/tools", "tests/tools/requirements.txt")
        && environment("target/infra", "tests/infra/requirements.txt")
}

/// A Python environment with what this file requires, made where it is not there or not as required.
fn environment(place: &str, requirements: &str) -> bool {
    let marker = format!("{place}/installed.txt");
    let wanted = std::fs::read_to_string(requirements).unwrap_or_default();
    if std::fs::read_to_string(&marker).is_ok_and(|there| there == wanted) {
        return true;
    }
    let venv = || run("python3", &["-m", "venv", "--clear", place]);
    // Debian keeps the module that makes environments in a package of its own.
    (venv() || (debian(&["python3-venv"]) && venv()))
        && run(&format!("{place}/bin/pip"), &["install", "--quiet", "--requirement", requirements])
        && std::fs::write(marker, wanted).is_ok()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn debian(packages: &[&str]) -> bool {
    run("apt-get", &["update"]) && run("apt-get", &[&["install", "-y"], packages].concat())
}

fn cargo(arguments: &[&str]) -> bool {
    with_env("CARGO_TERM_COLOR", "auto", arguments)
}

fn run(program: &str, arguments: &[&str]) -> bool {
    start(Command::new(program).args(arguments), program, arguments)
}

fn with_env(name: &str, value: &str, arguments: &[&str]) -> bool {
    start(Command::new("cargo").args(arguments).env(name, value), "cargo", arguments)
}

fn start(command: &mut Command, program: &str, arguments: &[&str]) -> bool {
    eprintln!("xtask: {program} {}", arguments.join(" "));
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("xtask: cannot run {program}: {error}");
            false
        }
    }
}
