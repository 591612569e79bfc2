//! `under-fire kills [N]` kills N writers, `under-fire steps` archivers at each step, `under-fire syscalls` lets every system call fail in turn.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for people")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("this program's own file is not known: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match arguments.first().map(String::as_str) {
        Some("worker") => return under_fire::worker::run(&arguments[1..]),
        Some("kills") => {
            let kills = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(1000);
            under_fire::kills::run(&program, kills).map(|outcome| {
                println!(
                    "{} kills on {} data directories, {} acknowledgements, nothing lost: {:?}",
                    outcome.total(),
                    outcome.directories,
                    outcome.acked,
                    outcome.kills
                );
            })
        }
        Some("steps") => {
            under_fire::steps::run(&program).map(|outcome| println!("killed at each step, nothing lost: {outcome:?}"))
        }
        Some("syscalls") => under_fire::syscalls::run(&program, under_fire::syscalls::Extent::All)
            .map(|outcome| println!("{}", outcome.table())),
        _ => {
            eprintln!(
                "under-fire kills [N]   kills N writers (1000) at their k-th acknowledgement\n\
                 under-fire steps       kills archiving, expiry, restoring and rebuilding at each step\n\
                 under-fire syscalls    fails every system call of a process in turn"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => {
            eprintln!("{finding}");
            ExitCode::FAILURE
        }
    }
}
