//! Other programs: those whose output a person watches, and those that are heard only when they fail.

use std::process::{Command, Output, Stdio};

/// Runs cargo, its output as it comes.
pub(crate) fn cargo(arguments: &[&str]) -> bool {
    with_env("CARGO_TERM_COLOR", "auto", arguments)
}

/// Runs cargo with one more variable.
pub(crate) fn with_env(name: &str, value: &str, arguments: &[&str]) -> bool {
    start(Command::new("cargo").args(arguments).env(name, value), "cargo", arguments)
}

/// Runs a program, its output as it comes.
pub(crate) fn run(program: &str, arguments: &[&str]) -> bool {
    start(Command::new(program).args(arguments), program, arguments)
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

/// Runs a program without a word, and gives what it printed.
///
/// # Errors
/// What was run and the end of what it said, if it could not be run or failed.
pub(crate) fn quietly(command: &mut Command) -> Result<String, String> {
    let said = |output: &Output| {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
    };
    let program = command.get_program().to_string_lossy().into_owned();
    let line = command.get_args().fold(program.clone(), |line, word| format!("{line} {}", word.to_string_lossy()));
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(format!("`{line}` failed ({}):\n{}", output.status, last_lines(&said(&output)))),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}

/// The end of a log, indented: what went wrong is said last.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(12);
    lines[first..].iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// Whether a program is there at all.
pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
