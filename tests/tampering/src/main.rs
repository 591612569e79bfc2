//! `tampering mutants [COUNT]`, `tampering honest [COUNT]`, `tampering mutant SEED`: campaigns against
//! the verifier, and the replay of one mutant. Ends with 1 at the first answer that is not the wanted one.

use std::process::ExitCode;
use tampering::{Disagreement, Tally};

const USAGE: &str = "usage: tampering mutants [COUNT [FROM_SEED]] | honest [COUNT [FROM_SEED]] | mutant SEED";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Result<Vec<u64>, _> = arguments.iter().skip(1).map(|text| text.parse()).collect();
    let Ok(numbers) = numbers else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let answer = match (arguments.first().map(String::as_str), &numbers[..]) {
        (Some("mutants"), rest @ ([] | [_] | [_, _])) => {
            campaign(rest, 1_000_000, tampering::mutants).and_then(|tally| {
                match tally.never_effective(&tampering::kinds()) {
                    never if never.is_empty() => Ok(()),
                    never => Err(format!("these kinds never broke anything; make more mutants: {}", never.join(", "))),
                }
            })
        }
        (Some("honest"), rest @ ([] | [_] | [_, _])) => campaign(rest, 100_000, tampering::honest).map(drop),
        (Some("mutant"), [seed]) => {
            let judged = tampering::mutant(*seed);
            println!("{judged:#?}");
            tampering::agree(*seed, &judged).map_err(|found| found.to_string())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one on every core and prints its table.
#[expect(clippy::print_stdout, reason = "a program for a terminal")]
fn campaign(
    numbers: &[u64],
    default: u64,
    run: fn(u64, u64, usize) -> Result<Tally, Disagreement>,
) -> Result<Tally, String> {
    let count = numbers.first().copied().unwrap_or(default);
    let from_seed = numbers.get(1).copied().unwrap_or(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tally = run(from_seed, count, threads).map_err(|found| found.to_string())?;
    println!("{tally}");
    Ok(tally)
}
