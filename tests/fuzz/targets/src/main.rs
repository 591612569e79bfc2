//! `fuzz-targets TARGET [EXECUTIONS] [SEED]` attacks a target, or with `all` every one;
//! `fuzz-targets TARGET FILE` tries one input again.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for people")]

use fuzz_targets::run::{Found, attempt, corpus, run};
use fuzz_targets::{TARGETS, Target};
use std::path::Path;
use std::process::ExitCode;

const EXECUTIONS: u64 = 1_000_000;
const SEED: u64 = 1;
/// Bytes of an input that are shown; all of them are in the file.
const SHOWN: usize = 400;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(name) = arguments.first() else { return usage() };
    let chosen: Vec<_> = TARGETS.iter().filter(|(target, _)| name == "all" || name == target).collect();
    let executions = arguments.get(1).map_or(Ok(EXECUTIONS), |text| text.parse());
    let seed = arguments.get(2).map_or(Ok(SEED), |text| text.parse());
    let (executions, seed) = match (executions, seed, chosen.as_slice()) {
        (_, _, []) | (_, Err(_), _) => return usage(),
        (Ok(executions), Ok(seed), _) => (executions, seed),
        (Err(_), Ok(_), [(_, target)]) if arguments.len() == 2 => return again(*target, Path::new(&arguments[1])),
        _ => return usage(),
    };
    let good = chosen.into_iter().map(|(name, target)| attack(name, *target, executions, seed));
    if good.fold(true, |all, good| all & good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    eprintln!(
        "fuzz-targets TARGET [EXECUTIONS] [SEED]  attacks a target, {EXECUTIONS} times if nothing else is said\n\
         fuzz-targets TARGET FILE                 tries one input again\n\
         TARGET is `all` or one of: {}",
        names.join(", ")
    );
    ExitCode::from(2)
}

#[expect(clippy::disallowed_methods, reason = "tells a person how long it took")]
fn attack(name: &str, target: Target, executions: u64, seed: u64) -> bool {
    let corpus = match corpus(name) {
        Ok(corpus) => corpus,
        Err(error) => {
            eprintln!("{name}: the corpus cannot be read: {error}");
            return false;
        }
    };
    let start = std::time::Instant::now();
    match run(target, &corpus, executions, seed) {
        Ok(done) => {
            let seconds = start.elapsed().as_secs_f64();
            println!("{name}: {executions} executions in {seconds:.1} s, 0 panics, {} taken, seed {seed}", done.taken);
            true
        }
        Err(found) => {
            report(name, &found);
            false
        }
    }
}

fn report(name: &str, found: &Found) {
    let Found { seed, execution, input, message } = found;
    println!("{name}: panic at execution {execution} of seed {seed}: {message}");
    println!("input, {} bytes: {}", input.len(), input[..input.len().min(SHOWN)].escape_ascii());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/fuzz");
    let file = folder.join(format!("{name}-{seed}-{execution}"));
    match std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input)) {
        Ok(()) => println!(
            "again: cargo run --release --package fuzz-targets -- {name} target/fuzz/{name}-{seed}-{execution}\n\
             or, with the same corpus: cargo run --release --package fuzz-targets -- {name} {} {seed}",
            execution + 1
        ),
        Err(error) => println!("the input cannot be kept in {}: {error}", file.display()),
    }
}

fn again(target: Target, file: &Path) -> ExitCode {
    match std::fs::read(file).map(|input| attempt(target, &input)) {
        Ok(Ok(taken)) => {
            println!("no panic; {}", if taken { "taken" } else { "refused" });
            ExitCode::SUCCESS
        }
        Ok(Err(message)) => {
            println!("panic: {message}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::from(2)
        }
    }
}
