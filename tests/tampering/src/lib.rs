//! Attacks the verifier by machine. From a seed come a log, an edit of a named kind, and the answer that
//! `docs/format.md` demands: the first break to its last member, or that nothing can be told. The
//! expected answer is worked out from the edit, never from what the verifier says.

mod body;
mod dice;
mod edits;
mod events;
mod log;
mod oracle;
mod scene;
mod tally;

use dice::Dice;
use domain::verify::{Report, Start};
use log::Base;
pub use oracle::Expected;
use scene::Scene;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub use tally::{Count, Tally};

/// Mutants that are made of one base: to sign and pack a log costs more than to edit and verify it.
const PER_BASE: u64 = 50;

/// A mutant, and the report of the verifier on it.
#[derive(Debug)]
pub struct Judged {
    /// The kind of edit.
    pub kind: &'static str,
    /// The answer that is wanted.
    pub expected: Expected,
    /// The answer that was given.
    pub report: Report,
}

/// The verifier and the format disagree.
#[derive(Debug)]
pub struct Disagreement {
    /// What the log was made of.
    pub seed: u64,
    /// The kind of edit.
    pub kind: &'static str,
    /// The two answers.
    pub answers: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, kind, answers } = self;
        let command = if *kind == HONEST { "honest 1" } else { "mutant" };
        write!(f, "seed {seed}: {kind}\n{answers}\ncargo run --release --package tampering -- {command} {seed}")
    }
}

impl std::error::Error for Disagreement {}

const HONEST: &str = "honest";

/// Makes and verifies the mutants of the seeds from `from_seed` on.
///
/// # Errors
/// The disagreement with the least seed among those that were found before all threads stopped.
pub fn mutants(from_seed: u64, count: u64, threads: usize) -> Result<Tally, Disagreement> {
    campaign(from_seed, count, threads, |base, seed, tally| {
        let judged = judge(base, seed, tally);
        tally.add(judged.kind, &judged.expected);
        agree(seed, &judged)?;
        tally.agreed(judged.kind, &judged.expected);
        Ok(())
    })
}

/// The names of all kinds of edit.
pub fn kinds() -> Vec<&'static str> {
    edits::kinds().map(|kind| kind.name).collect()
}

/// Makes and verifies one mutant.
pub fn mutant(seed: u64) -> Judged {
    judge(&Base::throw(seed / PER_BASE), seed, &mut Tally::default())
}

/// Whether the answer is the wanted one.
///
/// # Errors
/// If it is not.
pub fn agree(seed: u64, judged: &Judged) -> Result<(), Disagreement> {
    let disagrees = |answers| Disagreement { seed, kind: judged.kind, answers };
    judged.expected.compare(&judged.report).map_err(disagrees)
}

fn judge(base: &Base, seed: u64, tally: &mut Tally) -> Judged {
    let dice = &mut Dice::new(seed, 2);
    let kinds: Vec<_> = edits::kinds().collect();
    loop {
        let scene = Scene::throw(base, dice);
        let kind = *dice.pick(&kinds);
        match (kind.apply)(&scene, dice) {
            Some(mutant) => {
                return Judged { kind: kind.name, expected: mutant.expected, report: mutant.handed.verify() };
            }
            None => tally.does_not_fit(kind.name),
        }
    }
}

/// Makes and verifies honest logs, each of a base of its own.
///
/// # Errors
/// The false alarm with the least seed among those that were found before all threads stopped.
pub fn honest(from_seed: u64, count: u64, threads: usize) -> Result<Tally, Disagreement> {
    campaign(from_seed, count, threads, |_, seed, tally| {
        let base = Base::throw(seed);
        let dice = &mut Dice::new(seed, 3);
        let scene = Scene::throw(&base, dice);
        let mut handed = scene.honest();
        if scene.end.is_none() && dice.once_in(4) {
            handed.options.start = Start::FirstLine;
        }
        handed.options.threads = usize::from(dice.once_in(64));
        let expected = scene.expected();
        tally.add(HONEST, &expected);
        let judged = Judged { kind: HONEST, expected, report: handed.verify() };
        agree(seed, &judged)?;
        let met = scene.given.iter().flatten().filter(|c| scene.lines().iter().any(|l| l.event.seq == c.head_seq));
        let counts = (met.count() as u64, scene.lines().len() as u64);
        let found = (judged.report.checkpoints_verified, judged.report.events_verified);
        let answers = format!("checkpoints and events that hold: wanted {counts:?}, found {found:?}");
        if counts == found { Ok(()) } else { Err(Disagreement { seed, kind: HONEST, answers }) }
    })
}

/// Gives the seeds out to the threads in the runs that share a base.
fn campaign(
    from_seed: u64,
    count: u64,
    threads: usize,
    each: impl Fn(&Base, u64, &mut Tally) -> Result<(), Disagreement> + Sync,
) -> Result<Tally, Disagreement> {
    let (next, stop) = (AtomicU64::new(from_seed / PER_BASE), AtomicBool::new(false));
    let end = from_seed + count;
    let work = || {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let run = next.fetch_add(1, Ordering::Relaxed);
            let seeds = (run * PER_BASE).max(from_seed)..((run + 1) * PER_BASE).min(end);
            if seeds.is_empty() {
                break;
            }
            let base = Base::throw(run);
            for seed in seeds {
                each(&base, seed, &mut tally).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            }
        }
        Ok(tally)
    };
    let answers: Vec<Result<Tally, Disagreement>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("what panicked was printed")).collect()
    });
    let (mut whole, mut first) = (Tally::default(), None::<Disagreement>);
    for answer in answers {
        match answer {
            Ok(tally) => whole.merge(tally),
            Err(found) if first.as_ref().is_none_or(|first| found.seed < first.seed) => first = Some(found),
            Err(_) => {}
        }
    }
    first.map_or(Ok(whole), Err)
}

#[cfg(test)]
mod tests;
