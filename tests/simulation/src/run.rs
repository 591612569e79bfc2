//! One run from its seed to its verdict, and many of them.

use crate::mix::Mix;
use crate::ports::at_once;
use crate::scenarios::{SCENARIOS, Scenario};
use crate::sim::{Plan, Sim};
use domain::verify::{Break, BreakKind, Report, Status};
use services::blocks::{ReadError, get_event};
use services::derive;
use services::layout::rows::SCHEMA;
use services::planted::{Bug, with, with_low_limits};
use services::verify::{Request, Tiers, verify};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bugs of what only archives have.
const OF_ARCHIVES: [Bug; 13] = [
    Bug::ArchiveIsNotReadBack,
    Bug::ArchivesTheHead,
    Bug::NextBatchBeforeDone,
    Bug::ClaimIsOverwritten,
    Bug::ManifestIsSignedTwice,
    Bug::StubsBeforeTheManifest,
    Bug::EventIsOnlyQueued,
    Bug::StubsUnconditionally,
    Bug::MarkersAreDropped,
    Bug::HoldsAreReadTooEarly,
    Bug::ExpiresInSilence,
    Bug::SweepsAnothersLease,
    Bug::RestoresUnchecked,
];

/// What is run.
#[derive(Clone, Copy)]
pub struct Run {
    /// What kind of run.
    pub scenario: &'static Scenario,
    /// What decides everything else.
    pub seed: u64,
    /// A planted bug.
    pub bug: Option<Bug>,
    /// The await at which a process dies; such a run has no other faults.
    pub crash_at: Option<u64>,
    /// Whether faults are drawn at all.
    pub faults: bool,
    /// Whether a trace is kept.
    pub traced: bool,
}

/// What came of it.
pub struct Outcome {
    /// The first thing that did not hold.
    pub failure: Option<String>,
    /// The trace, if one was kept.
    pub trace: String,
    /// Awaits at which a process could have been made to die.
    pub points: u64,
    /// Steps.
    pub steps: u64,
    /// What happened how often.
    pub marks: BTreeMap<&'static str, u64>,
}

impl Run {
    /// The run of this seed: it chooses the scenario, too.
    pub fn of_seed(seed: u64) -> Self {
        let scenario = &SCENARIOS[usize::try_from(seed % SCENARIOS.len() as u64).expect("few")];
        Self { scenario, seed, bug: None, crash_at: None, faults: true, traced: false }
    }

    /// The run of this seed with a planted bug: of archives, where nothing else can show it.
    pub fn in_search_of(bug: Bug, seed: u64) -> Self {
        let run = Self { bug: Some(bug), ..Self::of_seed(seed) };
        match SCENARIOS.iter().find(|scenario| scenario.name == "archives") {
            Some(scenario) if OF_ARCHIVES.contains(&bug) => Self { scenario, ..run },
            _ => run,
        }
    }

    /// Does it.
    pub fn go(&self) -> Outcome {
        let mut dice = crate::dice::Dice::new(self.seed);
        // Pages end, blocks are full and partitions change within a few events in half of the runs.
        let low = dice.below(2) == 0;
        let work = move || {
            let mix = match (self.faults, self.crash_at) {
                (true, None) => Mix::swarm(&mut dice),
                _ => Mix::only_reordered(),
            };
            let plan = Plan { crash_at: self.crash_at };
            let mut sim = Sim::new(self.seed, mix, plan, self.traced, self.scenario.max_deliveries);
            (self.scenario.run)(&mut sim);
            close(&sim);
            let failure = sim.world.checker().failure().map(str::to_owned);
            let (trace, marks) = (sim.world.trace(), sim.world.marks());
            let steps = sim.world.state().step;
            Outcome { failure, trace, points: sim.points(), steps, marks }
        };
        with_low_limits(low, || with(self.bug, work))
    }

    /// How to see it again.
    pub fn replay(&self) -> String {
        let crash = self.crash_at.map_or_else(String::new, |point| format!(" --crash-at {point}"));
        let bug = self.bug.map_or_else(String::new, |bug| format!(" --bug {}", bug.name()));
        let calm = if self.faults || self.crash_at.is_some() { "" } else { " --calm" };
        let (scenario, seed) = (self.scenario.name, self.seed);
        format!("cargo run --release --package simulation -- replay {scenario} {seed}{crash}{bug}{calm}")
    }
}

/// What must hold once everything is at rest.
fn close(sim: &Sim) {
    if sim.world.checker().failure().is_some() {
        return;
    }
    let cx = sim.stores.quiet(&sim.world);
    if let Err(error) = at_once(derive::derive(&cx, SCHEMA, u64::MAX)) {
        return sim.world.checker().fail(format!("in the end nothing can be derived: {error}"));
    }
    {
        let mut checker = sim.world.checker();
        checker.taken_is_there();
        checker.copies_are_there();
    }
    // The last copy is made by the next tick of a signer.
    if let Err(error) = at_once(services::sign::sign(&cx, domain::checkpoint::Reason::Interval)) {
        return sim.world.checker().fail(format!("in the end nothing can be signed: {error:?}"));
    }
    let request = Request { index: true, tiers: Tiers::All, ..Request::with_threads(0) };
    match at_once(verify(&cx, request, |_, _| ())) {
        Err(error) => sim.world.checker().fail(format!("in the end nothing can be verified: {error}")),
        Ok(report) => judge(sim, &report),
    }
    every_event_is_there(sim, &cx);
}

/// Hot or archived: only what expired is not.
fn every_event_is_there(sim: &Sim, cx: &services::Context) {
    let mut checker = sim.world.checker();
    for seq in 1..=checker.head() {
        let there = match at_once(get_event(cx, seq)) {
            Ok(line) => line.as_deref() == checker.line(seq),
            Err(ReadError::Expired { .. }) => checker.may_be_gone(seq) && !checker.is_kept(seq),
            Err(_) => false,
        };
        if !there {
            return checker.fail(format!("in the end event {seq} cannot be read"));
        }
    }
}

fn judge(sim: &Sim, report: &Report) {
    let mut checker = sim.world.checker();
    let lost = checker.has_lost();
    // Of what expired only the headers are left.
    let gone = (1..=checker.head()).filter(|seq| checker.is_gone(*seq)).count() as u64;
    if (report.events_total, report.events_archived) != (checker.head() - gone, gone) {
        let (found, head) = (report.events_total + report.events_archived, checker.head());
        return checker.fail(format!("verification saw {found} events of {head}"));
    }
    match (report.status(), lost) {
        (Status::Intact, false) => {}
        (Status::Broken, true) => {
            let tells = |found: &Break| match found.kind {
                BreakKind::TailTruncated | BreakKind::CheckpointHeadMismatch | BreakKind::CheckpointChainMismatch => {
                    checker.unvouched().is_none()
                }
                BreakKind::IndexMismatch => found.seq.is_some() && found.seq == checker.unvouched(),
                _ => false,
            };
            if let Some(other) = report.breaks.iter().find(|found| !tells(found)) {
                checker.fail(format!("beside the accepted loss there is {other:?}"));
            }
        }
        (status, _) => checker.fail(format!("in the end the log is {status:?}: {:?}", report.first_break)),
    }
}

/// A campaign's figures.
#[derive(Debug, Default)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// What happened how often.
    pub marks: BTreeMap<&'static str, u64>,
}

/// Does all these runs on this many threads, until one fails: that one and why.
///
/// # Errors
/// The first of the runs, in their order, that failed, as far as it is known by then.
pub fn campaign(count: u64, threads: usize, run: impl Fn(u64) -> Run + Sync) -> Result<Tally, Box<(Run, String)>> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let i = next.fetch_add(1, Ordering::SeqCst);
            if i >= count {
                return Ok(tally);
            }
            let run = run(i);
            let outcome = run.go();
            tally.runs += 1;
            tally.steps += outcome.steps;
            outcome.marks.into_iter().for_each(|(name, count)| *tally.marks.entry(name).or_default() += count);
            if let Some(failure) = outcome.failure {
                next.store(count, Ordering::SeqCst);
                return Err((i, run, failure));
            }
        }
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("runs do not panic")).collect()
    });
    let mut all = Tally::default();
    let mut failed: Option<(u64, Run, String)> = None;
    for result in results {
        match result {
            Ok(tally) => {
                all.runs += tally.runs;
                all.steps += tally.steps;
                tally.marks.into_iter().for_each(|(name, count)| *all.marks.entry(name).or_default() += count);
            }
            Err(found) if failed.as_ref().is_none_or(|other| found.0 < other.0) => failed = Some(found),
            Err(_) => {}
        }
    }
    match failed {
        None => Ok(all),
        Some((_, run, failure)) => Err(Box::new((run, failure))),
    }
}

/// Dies at every await of this run, once at each: how many there are.
///
/// # Errors
/// The first such run that failed.
pub fn every_crash_point(scenario: &'static Scenario, seed: u64, threads: usize) -> Result<u64, Box<(Run, String)>> {
    let calm = Run { scenario, seed, bug: None, crash_at: None, faults: false, traced: false };
    let outcome = calm.go();
    if let Some(failure) = outcome.failure {
        return Err(Box::new((calm, failure)));
    }
    campaign(outcome.points, threads, |i| Run { crash_at: Some(i + 1), ..calm })?;
    Ok(outcome.points)
}
