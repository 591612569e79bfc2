//! A worker under `strace`, which lets one invocation of one system call fail, or kills there.

use crate::Finding;
use crate::acks::Acks;
use crate::trace::{self, Call};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The calls that are attacked. Which of several names a library uses depends on the machine.
pub const CALLS: [&str; 11] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "ftruncate",
    "ftruncate64",
];

/// What happens at an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The disk reports an error.
    Eio,
    /// The disk is full.
    Enospc,
    /// The process dies.
    Kill,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Eio, Self::Enospc, Self::Kill];

    fn as_str(self) -> &'static str {
        match self {
            Self::Eio => "error=EIO",
            Self::Enospc => "error=ENOSPC",
            Self::Kill => "signal=SIGKILL",
        }
    }
}

/// A fault at the `nth` invocation of a call, counted by each thread for itself, as `strace` counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Injection {
    /// The call's name.
    pub call: String,
    /// Which invocation, from 1.
    pub nth: usize,
    /// What happens there.
    pub fault: Fault,
}

/// What a worker did until its end.
pub struct Run {
    /// What it was acknowledged.
    pub acks: Acks,
    /// Its calls.
    pub calls: Vec<Call>,
    /// Calls that were let fail, and kills.
    pub injected: usize,
    /// Whether a kill was injected.
    pub killed: bool,
    /// Whether it ended well.
    pub succeeded: bool,
    /// What it said on stderr.
    pub stderr: String,
}

/// Whether workers can be traced here.
///
/// # Errors
/// What to do about it.
pub fn is_there() -> Result<(), Finding> {
    can_trace("strace")
}

fn can_trace(strace: &str) -> Result<(), Finding> {
    match Command::new(strace).args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]).output() {
        Err(error) => Err(format!("strace cannot be run ({error}); run `cargo xtask setup`, which installs it")),
        Ok(output) if !output.status.success() => Err(format!(
            "strace may not trace a process here; a container needs the capability SYS_PTRACE \
             (`docker run --cap-add SYS_PTRACE`). {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Ok(_) => Ok(()),
    }
}

/// Runs a worker on `data`, an absolute path; only calls on these `files` are counted and hit, or on
/// any without some. Its log and what it says go to `aside`.
///
/// # Errors
/// It hung, or could not be run.
pub fn run(
    program: &Path,
    arguments: &[&str],
    data: &Path,
    files: &[PathBuf],
    aside: &Path,
    injection: Option<&Injection>,
) -> Result<Run, Finding> {
    let (log, said) = (aside.join("strace.log"), aside.join("said"));
    let stdout = fs::File::create(&said).map_err(|e| e.to_string())?;
    // A name that this machine does not have is left out.
    let traced: Vec<String> =
        CALLS.iter().chain(&["writev", "unlink", "unlinkat"]).map(|call| format!("?{call}")).collect();
    // Not with `--seccomp-bpf`, which is faster and forgets most signals that it should inject.
    // A guard against hangs, which are findings; nothing else depends on time. A disk that many share
    // can take minutes for one sync.
    let mut command = Command::new("timeout");
    command.args(["900", "strace", "-f", "-qq", "-y", "-s", "16", "-e", "signal=SIGKILL", "-o"]);
    command.arg(&log).arg("-e").arg(format!("trace={}", traced.join(",")));
    if let Some(Injection { call, nth, fault }) = injection {
        command.arg("-e").arg(format!("inject={call}:{}:when={nth}", fault.as_str()));
    }
    if !files.is_empty() {
        for file in files.iter().chain([&said]) {
            command.arg("-P").arg(file);
        }
    }
    command.arg(program).arg("worker").arg(data).args(arguments);
    let output = command.stdout(stdout).stderr(Stdio::piped()).output().map_err(|e| e.to_string())?;
    let log = fs::read_to_string(&log).map_err(|e| format!("strace left no log: {e}"))?;
    let said = fs::read_to_string(&said).map_err(|e| e.to_string())?;
    if output.status.code() == Some(124) {
        let last: Vec<&str> = log.lines().rev().take(4).collect();
        return Err(format!("it hung; it had said {said:?}, and these were its last calls: {last:#?}"));
    }
    let killed = log.lines().any(|line| line.ends_with("+++ killed by SIGKILL +++"));
    Ok(Run {
        acks: Acks::of(&said),
        calls: trace::calls(&log),
        injected: log.matches("(INJECTED)").count() + usize::from(killed),
        killed,
        succeeded: output.status.success(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_strace_it_says_what_to_do() {
        let error = can_trace("no-such-program").unwrap_err();
        assert!(error.contains("cargo xtask setup"), "{error}");
        let error = can_trace("false").unwrap_err();
        assert!(error.contains("SYS_PTRACE"), "{error}");
    }
}
