//! Writers killed at their k-th acknowledgement, several at once on one data directory, and looked
//! after: after every kill everything acknowledged so far is there, whole, and the log verifies.

use crate::acks::Acks;
use crate::{Finding, check, life, text};
use adapters_local::{DirectoryBucket, ShiftedClock};
use services::append::Appender;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Rounds on one data directory: a young one is verified quickly.
const ROUNDS: u64 = 4;
/// The events of a run, in batches.
const EVENTS: u64 = 30 * BATCH;
const BATCH: u64 = 25;

/// A mode that runs again and again while the others do, and which events or objects it is about.
struct Slot {
    mode: &'static str,
    first: u64,
    /// From the start of a round to that of the next: most begin again among what the last one had.
    step: u64,
    count: u64,
}

const SLOTS: [Slot; 6] = [
    Slot { mode: "append", first: 0, step: 200, count: EVENTS },
    Slot { mode: "append", first: 100, step: 200, count: EVENTS },
    Slot { mode: "record", first: 500, step: 200, count: EVENTS },
    Slot { mode: "pump", first: 700, step: 200, count: EVENTS },
    Slot { mode: "sign", first: 50_000, step: 100, count: 40 },
    Slot { mode: "put", first: 0, step: 10, count: 40 },
];

/// What was done and found to be right.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Kills of each mode.
    pub kills: BTreeMap<&'static str, u64>,
    /// Data directories.
    pub directories: u64,
    /// Acknowledgements that were held against what is stored, in events, checkpoints and objects.
    pub acked: u64,
}

impl Outcome {
    /// All kills.
    pub fn total(&self) -> u64 {
        self.kills.values().sum()
    }
}

/// One data directory, its processes, and what they were acknowledged.
struct Place<'a> {
    program: &'a Path,
    data: &'a Path,
    number: u64,
    /// Later processes have later clocks, so that messages which a killed one held are free.
    shift: AtomicI64,
    acked: Mutex<Acks>,
    kills: [AtomicU64; SLOTS.len()],
}

/// Kills at least so many writers.
///
/// # Errors
/// The first loss, with what led to it.
pub fn run(program: &Path, kills: u64) -> Result<Outcome, Finding> {
    let mut outcome = Outcome::default();
    while outcome.total() < kills {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let place = Place {
            program,
            data: folder.path(),
            number: outcome.directories,
            shift: AtomicI64::new(0),
            acked: Mutex::default(),
            kills: Default::default(),
        };
        place.fight().map_err(|finding| format!("data directory {}: {finding}", place.number))?;
        outcome.directories += 1;
        for (slot, killed) in SLOTS.iter().zip(&place.kills) {
            *outcome.kills.entry(slot.mode).or_default() += killed.load(Ordering::SeqCst);
        }
        let acked = place.acked();
        outcome.acked += (acked.chained.len() + acked.queued.len() + acked.signed.len() + acked.objects.len()) as u64;
        if outcome.directories > kills {
            return Err(format!("the writers end before they are killed: {outcome:?}"));
        }
    }
    Ok(outcome)
}

impl Place<'_> {
    fn fight(&self) -> Result<(), Finding> {
        std::thread::scope(|scope| {
            let slots: Vec<_> = (0..SLOTS.len()).map(|slot| scope.spawn(move || self.run_slot(slot))).collect();
            slots.into_iter().try_for_each(|slot| slot.join().map_err(|_| "a slot panicked".to_owned())?)
        })?;
        self.quiet().map_err(|finding| format!("when all were dead: {finding}"))
    }

    fn run_slot(&self, slot: usize) -> Result<(), Finding> {
        let Slot { mode, first, step, count } = SLOTS[slot];
        for round in 0..ROUNDS {
            let from = first + round * step;
            let kill_at = (slot as u64 * 5 + round * 3 + self.number) % 7 + 1;
            let mut child = Command::new(self.program)
                .arg("worker")
                .arg(self.data)
                .arg(mode)
                .args([from, from + count, BATCH].map(|number| number.to_string()))
                .env("CLOCK_SHIFT_MILLIS", self.later().to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .map_err(|e| e.to_string())?;
            let (killed, said) = kill_at_line(&mut child, kill_at)?;
            let acked = Acks::of(&said);
            self.acked.lock().unwrap_or_else(PoisonError::into_inner).extend(&acked);
            let context = |finding| format!("{mode}, round {round}, killed at line {kill_at}: {finding}");
            if killed {
                self.kills[slot].fetch_add(1, Ordering::SeqCst);
            } else {
                ended_well(child).map_err(context)?;
            }
            self.check().map_err(context)?;
        }
        Ok(())
    }

    /// The others go on writing meanwhile.
    fn check(&self) -> Result<(), Finding> {
        let acked = self.acked();
        crate::block_on(async {
            let cx = support::world::embedded(self.data);
            check::intact(&cx).await?;
            check::acked_is_stored(&cx, Some(&self.data.join("queue.db")), &acked).await?;
            let bucket = DirectoryBucket::open(&self.data.join(check::OBJECTS)).map_err(|e| e.to_string())?;
            check::objects_whole(&bucket, &acked.objects).await.map(drop)
        })
    }

    /// Nobody writes any more: what was accepted is chained, and every object is what the chain says.
    fn quiet(&self) -> Result<(), Finding> {
        let acked = self.acked();
        let later = ShiftedClock(self.later());
        crate::block_on(async {
            let cx = support::world::embedded_at(self.data, Arc::new(later));
            life::pump(&cx, &Appender::new(cx.clone())).await?;
            services::sign::sign(&cx, domain::checkpoint::Reason::Interval).await.map_err(|e| text(&e))?;
            check::intact(&cx).await?;
            let chain = check::acked_is_stored(&cx, None, &acked).await?;
            check::bucket_whole(&cx, &chain).await
        })
    }

    fn later(&self) -> i64 {
        self.shift.fetch_add(61_000, Ordering::SeqCst)
    }

    fn acked(&self) -> Acks {
        self.acked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Kills at the k-th line, unless it ended before; says whether it had to, and what was said.
pub(crate) fn kill_at_line(child: &mut Child, k: u64) -> Result<(bool, String), Finding> {
    let mut lines = BufReader::new(child.stdout.take().ok_or("its output is a pipe")?);
    let mut said = String::new();
    for _ in 0..k {
        if lines.read_line(&mut said).map_err(|e| e.to_string())? == 0 {
            return Ok((false, said));
        }
    }
    child.kill().map_err(|e| e.to_string())?;
    // What was written before the kill was acknowledged, too.
    lines.read_to_string(&mut said).map_err(|e| e.to_string())?;
    child.wait().map_err(|e| e.to_string())?;
    Ok((true, said))
}

/// Waits for the end.
pub(crate) fn ended_well(child: Child) -> Result<(), Finding> {
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("it ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
