//! The share of the fire that every run of the tests takes.
#![expect(clippy::unwrap_used, reason = "a failed step is the test's finding")]

mod checks;
mod processes;

use std::path::Path;
use under_fire::syscalls::Extent;

const PROGRAM: &str = env!("CARGO_BIN_EXE_under-fire");

#[test]
fn killed_at_any_acknowledgement_nothing_is_lost_and_nothing_is_twice() {
    let outcome = under_fire::kills::run(Path::new(PROGRAM), 200).unwrap_or_else(|finding| panic!("{finding}"));
    assert!(outcome.total() >= 200, "{outcome:?}");
    assert!(outcome.acked > 1000, "{outcome:?}");
    for mode in ["append", "record", "pump", "sign", "put"] {
        assert!(outcome.kills.get(mode).is_some_and(|kills| *kills > 0), "{mode}: {outcome:?}");
    }
}

#[test]
fn killed_at_each_step_archives_lose_nothing_and_a_second_run_completes() {
    let outcome = under_fire::steps::run(Path::new(PROGRAM)).unwrap_or_else(|finding| panic!("{finding}"));
    for (mode, least) in [("archive", 40), ("expire", 24), ("restore", 6), ("rebuild", 50)] {
        assert!(outcome.get(mode).is_some_and(|kills| *kills >= least), "{mode}: {outcome:?}");
    }
}

#[test]
fn whichever_system_call_fails_nothing_acknowledged_is_lost() {
    let outcome = under_fire::syscalls::run(Path::new(PROGRAM), Extent::Some(40));
    let outcome = outcome.unwrap_or_else(|finding| panic!("{finding}"));
    assert!(outcome.injections() >= 40, "{}", outcome.table());
    let unhurt: Vec<_> = outcome.rows.iter().filter(|row| row.injections == 0).collect();
    assert!(unhurt.is_empty(), "{unhurt:?}");
}
