//! Attacks the protocols: seeds, crash points, planted bugs; shows one run again.
#![expect(clippy::print_stderr, reason = "a tool for people")]

use simulation::run::{Run, Tally, campaign, every_crash_point};
use simulation::{Bug, SCENARIOS, scenario};
use std::io::Write as _;
use std::process::ExitCode;

/// Says a line; whoever has heard enough may close the pipe.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

const HELP: &str = "\
simulation seeds [COUNT] [--from SEED] [--scenario NAME] [--bug NAME]  runs seeds (default 1000000)
simulation crash-points [SCHEDULES]     dies at every await of every scenario (default 20 schedules, of archives 2)
simulation bugs [SEEDS]                 plants every bug; each must be found (default 20000 seeds)
simulation replay SCENARIO SEED [--crash-at POINT] [--calm] [--bug NAME]   shows one run
simulation list                         names of scenarios and bugs";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("seeds") => seeds(&arguments[1..]),
        Some("crash-points") => crash_points(&arguments[1..]),
        Some("bugs") => bugs(&arguments[1..]),
        Some("replay") => replay(&arguments[1..]),
        Some("list") => {
            SCENARIOS.iter().for_each(|scenario| say!("scenario {}", scenario.name));
            Bug::ALL.iter().for_each(|bug| say!("bug {:<28} {}", bug.name(), bug.what()));
            Ok(true)
        }
        _ => Err(HELP.to_owned()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::from(2)
        }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The value behind an option.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let place = arguments.iter().position(|argument| argument == name)?;
    arguments.get(place + 1).map(String::as_str)
}

fn number(text: Option<&str>, default: u64) -> Result<u64, String> {
    let Some(text) = text.filter(|text| !text.starts_with("--")) else { return Ok(default) };
    text.parse().map_err(|_| format!("`{text}` is no number\n{HELP}"))
}

fn bug_of(arguments: &[String]) -> Result<Option<Bug>, String> {
    let Some(name) = option(arguments, "--bug") else { return Ok(None) };
    let bug = Bug::ALL.iter().copied().find(|bug| bug.name() == name);
    bug.map(Some).ok_or_else(|| format!("no bug is called `{name}`; see `simulation list`"))
}

fn seeds(arguments: &[String]) -> Result<bool, String> {
    let count = number(arguments.first().map(String::as_str), 1_000_000)?;
    let from = number(option(arguments, "--from"), 0)?;
    let bug = bug_of(arguments)?;
    let only = option(arguments, "--scenario").map(|name| scenario(name).ok_or(format!("no scenario `{name}`")));
    let only = only.transpose()?;
    let result = campaign(count, threads(), |i| {
        let run = Run { bug, ..Run::of_seed(from + i) };
        Run { scenario: only.unwrap_or(run.scenario), ..run }
    });
    match result {
        Ok(tally) => {
            tell(&tally);
            Ok(true)
        }
        Err(failed) => Ok(failure(&failed.0, &failed.1)),
    }
}

fn tell(tally: &Tally) {
    say!("{} runs, {} steps, nothing lost, nothing twice", tally.runs, tally.steps);
    tally.marks.iter().for_each(|(name, count)| say!("{count:>12}  {name}"));
}

fn failure(run: &Run, what: &str) -> bool {
    say!("FAILED: {what}\n  scenario {}, seed {}; to see it: {}", run.scenario.name, run.seed, run.replay());
    false
}

fn crash_points(arguments: &[String]) -> Result<bool, String> {
    for scenario in SCENARIOS {
        let schedules = number(arguments.first().map(String::as_str), scenario.schedules)?;
        let mut points = 0;
        for seed in 0..schedules {
            match every_crash_point(scenario, seed, threads()) {
                Ok(some) => points += some,
                Err(failed) => return Ok(failure(&failed.0, &failed.1)),
            }
        }
        say!("{:<14} {points} crash points in {schedules} schedules, nothing lost, nothing twice", scenario.name);
    }
    Ok(true)
}

fn bugs(arguments: &[String]) -> Result<bool, String> {
    let most = number(arguments.first().map(String::as_str), 20_000)?;
    let mut all = true;
    for bug in Bug::ALL.iter().copied() {
        match campaign(most, threads(), |seed| Run::in_search_of(bug, seed)) {
            Ok(_) => {
                all = false;
                say!("{:<30} NOT FOUND in {most} seeds", bug.name());
            }
            Err(failed) => {
                let (run, what) = *failed;
                say!("{:<30} seed {:<6} {:<13} {what}", bug.name(), run.seed, run.scenario.name);
            }
        }
    }
    Ok(all)
}

fn replay(arguments: &[String]) -> Result<bool, String> {
    let [name, seed, ..] = arguments else { return Err(HELP.to_owned()) };
    let scenario = scenario(name).ok_or(format!("no scenario `{name}`; see `simulation list`"))?;
    let crash_at = option(arguments, "--crash-at").map(|point| number(Some(point), 0)).transpose()?;
    let calm = arguments.iter().any(|argument| argument == "--calm");
    let (seed, bug) = (number(Some(seed), 0)?, bug_of(arguments)?);
    let run = Run { scenario, seed, bug, crash_at, faults: !calm, traced: true };
    let outcome = run.go();
    say!("{}", outcome.trace.trim_end());
    match outcome.failure {
        None => {
            say!("nothing lost, nothing twice, in {} steps and {} awaits", outcome.steps, outcome.points);
            Ok(true)
        }
        Some(what) => Ok(failure(&run, &what)),
    }
}
