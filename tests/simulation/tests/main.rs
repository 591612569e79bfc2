//! CI's share of the simulation: the same seed is the same run, every crash point, 20,000 seeds, and
//! the power to find bugs.

use simulation::run::{Run, campaign, every_crash_point};
use simulation::{Bug, SCENARIOS, scenario};

const THREADS: usize = 2;

fn assert_holds<T>(result: Result<T, Box<(Run, String)>>) -> T {
    result.unwrap_or_else(|failed| panic!("{}\nto see it: {}", failed.1, failed.0.replay()))
}

#[test]
fn the_same_seed_is_the_same_run_byte_for_byte() {
    for seed in 0..90 {
        let run = Run { traced: true, ..Run::of_seed(seed) };
        let first = run.go();
        assert!(first.trace.lines().count() > 20, "seed {seed} has no trace");
        // Another thread has another place in memory and other random states of its maps.
        let second = std::thread::scope(|scope| scope.spawn(|| run.go()).join().unwrap());
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!((first.steps, first.points), (second.steps, second.points), "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_run() {
    let trace = |seed| Run { traced: true, ..Run::of_seed(seed) }.go().trace;
    assert_ne!(trace(0), trace(SCENARIOS.len() as u64));
}

#[test]
fn a_process_may_die_at_every_await() {
    for scenario in SCENARIOS {
        for schedule in 0..scenario.schedules {
            let points = assert_holds(every_crash_point(scenario, schedule, THREADS));
            assert!(points > 50, "{} has {points} crash points", scenario.name);
        }
    }
}

/// What must happen in a campaign at least once, or it proves less than it seems to.
const SOMETIMES: &[&str] = &[
    "append: not acknowledged",
    "append: refused after a rollback",
    "archive: again",
    "archive: done",
    "archive: what was the newest block, too",
    "caller: gone",
    "client: offered again",
    "clock: jumped",
    "clock: leapt",
    "cold store: answers wrongly",
    "cold store: keeps something else",
    "drain: left for later",
    "event: again",
    "expire: again",
    "expire: done",
    "expire: held",
    "hold: again",
    "hold: released",
    "hold: too late for some",
    "list: again",
    "log: unreadable",
    "port: slow",
    "process: died",
    "process: froze",
    "queue: comes back although acknowledged",
    "queue: gives little",
    "queue: message doubled",
    "queue: messages forgotten",
    "queue: part of a batch not sent",
    "queue: reordered",
    "read: lost",
    "rebuild: again",
    "record: not taken",
    "record: refused, the id is taken",
    "redrive: failed",
    "redrive: sent back",
    "restore: again",
    "restore: done",
    "sign: not signed",
    "signer: no answer",
    "sweep: again",
    "sweep: done",
    "table: lost blocks only",
    "table: restored from a backup",
    "tail: again",
    "verify: again",
    "write: applied but unknown",
    "write: applied later",
    "write: in conflict with its own retry",
    "write: lost",
    "write: throttled",
];

#[test]
fn twenty_thousand_seeds_lose_nothing_and_double_nothing() {
    let tally = assert_holds(campaign(20_000, THREADS, Run::of_seed));
    assert_eq!(tally.runs, 20_000);
    let never: Vec<_> = SOMETIMES.iter().filter(|mark| !tally.marks.contains_key(*mark)).collect();
    assert!(never.is_empty(), "the campaign never met {never:?}");
    let unlisted: Vec<_> = tally.marks.keys().filter(|mark| !SOMETIMES.contains(mark)).collect();
    assert!(unlisted.is_empty(), "add {unlisted:?} to what must happen");
}

#[test]
fn every_planted_bug_is_found_within_twenty_thousand_seeds() {
    assert!(Bug::ALL.len() >= 20);
    for bug in Bug::ALL.iter().copied() {
        let found = campaign(20_000, THREADS, |seed| Run::in_search_of(bug, seed));
        let Err(failed) = found else { panic!("`{}` was not found in 20,000 seeds", bug.name()) };
        // The seed that found it does so again.
        assert!(failed.0.go().failure.is_some(), "{}", bug.name());
        // And it finds the bug, not something else.
        let without = Run { bug: None, ..failed.0 };
        assert_eq!(without.go().failure, None, "{}", without.replay());
    }
}

/// Runs that failed once. What they found has tests of its own, too, since a change of the simulator
/// makes other runs of these seeds.
#[test]
fn seeds_that_failed_once_hold() {
    let archives = [5_000_000, 5_000_237, 5_000_585, 5_002_551].map(|seed| ("archives", seed));
    for (name, seed) in [("restored", 10), ("restored", 623), ("logs", 3490)].into_iter().chain(archives) {
        let run = Run { scenario: scenario(name).unwrap(), ..Run::of_seed(seed) };
        assert_eq!(run.go().failure, None, "{}", run.replay());
    }
}
