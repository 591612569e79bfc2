//! Every system call by which the embedded stores write, let fail in turn: at each invocation an error
//! of the disk, a full disk, and death. After each the installation is opened anew, looked at, and the
//! work is finished.

use crate::strace::{self, CALLS, Fault, Injection, Run};
use crate::trace::synced_before_said;
use crate::{Finding, aftermath, check};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which calls are hit. Each thread counts for itself, so a place is chosen such that, but for the one
/// that says otherwise, one thread makes its calls.
struct Place {
    /// What the process does: `life`, `life` on an empty directory (`first`), or `put`.
    work: &'static str,
    name: &'static str,
    /// Only calls on these files of the data directory; any without some.
    files: &'static [&'static str],
    /// Only calls whose names start so.
    calls: &'static [&'static str],
}

const PLACES: [Place; 7] = [
    Place { work: "life", name: "table", files: &["table.db", "table.db-wal", "table.db-shm"], calls: &[""] },
    Place { work: "life", name: "queue", files: &["queue.db", "queue.db-wal", "queue.db-shm"], calls: &[""] },
    Place { work: "life", name: "folder", files: &[""], calls: &["fsync", "fdatasync"] },
    // Only the bucket's thread makes these.
    Place { work: "life", name: "bucket", files: &[], calls: &["write", "rename", "link"] },
    Place { work: "life", name: "all threads", files: &[], calls: &["fsync", "fdatasync"] },
    Place { work: "first", name: "all threads", files: &[], calls: &[""] },
    Place { work: "put", name: "bucket", files: &[], calls: &[""] },
];

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub enum Extent {
    /// Every injection there is.
    All,
    /// So many, spread over all of them.
    Some(usize),
}

/// A call at a place, and what came of its injections.
#[derive(Debug, Clone, Default)]
pub struct Row {
    place: usize,
    /// The call.
    pub call: String,
    /// How often it occurs without injections, in the thread that makes most.
    pub invocations: usize,
    /// Runs in which a fault was injected.
    pub injections: usize,
    killed: usize,
    recovered: usize,
    refused: usize,
}

/// What was done and found to be right.
#[derive(Debug)]
pub struct Outcome {
    /// All calls that occur.
    pub rows: Vec<Row>,
}

impl Outcome {
    /// Runs in which a fault was injected, as the logs show.
    pub fn injections(&self) -> usize {
        self.rows.iter().map(|row| row.injections).sum()
    }

    /// For people. `recovered`: the process ended well; `refused`: it said what failed.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<6} {:<12} {:<10} {:>11} {:>10} {:>7} {:>9} {:>7}\n",
            "work", "files", "call", "invocations", "injections", "killed", "recovered", "refused"
        );
        for Row { place, call, invocations, injections, killed, recovered, refused } in &self.rows {
            let Place { work, name, .. } = PLACES[*place];
            text += &format!(
                "{work:<6} {name:<12} {call:<10} {invocations:>11} {injections:>10} {killed:>7} {recovered:>9} {refused:>7}\n"
            );
        }
        let occurring: BTreeSet<&str> = self.rows.iter().map(|row| row.call.as_str()).collect();
        let never: Vec<&str> = CALLS.into_iter().filter(|call| !occurring.contains(call)).collect();
        text + &format!("never called: {}\n{} injections, nothing lost", never.join(", "), self.injections())
    }
}

/// Injects faults, each into a process of its own.
///
/// # Errors
/// Every loss, with the injection that led to it.
pub fn run(program: &Path, extent: Extent) -> Result<Outcome, Finding> {
    strace::is_there()?;
    let range = Range::prepare(program)?;
    let rows = range.count()?;
    let mut planned = plan(&rows);
    if let Extent::Some(number) = extent {
        planned = spread(&rows, number);
    }
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(rows));
    let findings = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let work = || {
            while let Some((row, injection)) = planned.get(next.fetch_add(1, Ordering::SeqCst)) {
                let place = rows.lock().unwrap_or_else(PoisonError::into_inner)[*row].place;
                match range.strike(place, injection) {
                    Ok(run) => rows.lock().unwrap_or_else(PoisonError::into_inner)[*row].take(&run),
                    Err(finding) => {
                        let Place { work, name, .. } = PLACES[place];
                        let finding = format!("{work}, {name}, {injection:?}: {finding}");
                        findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
                    }
                }
            }
        };
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !findings.is_empty() {
        return Err(format!("{} of {} injections:\n{}", findings.len(), planned.len(), findings.join("\n")));
    }
    Ok(Outcome { rows: rows.into_inner().unwrap_or_else(PoisonError::into_inner) })
}

impl Row {
    fn take(&mut self, run: &Run) {
        self.injections += usize::from(run.injected > 0);
        match (run.killed, run.succeeded) {
            (true, _) => self.killed += 1,
            (false, true) => self.recovered += 1,
            (false, false) => self.refused += 1,
        }
    }
}

fn plan(rows: &[Row]) -> Vec<(usize, Injection)> {
    let of_row = |(i, row): (usize, &Row)| {
        let call = row.call.clone();
        let at = move |nth| Fault::ALL.map(|fault| (i, Injection { call: call.clone(), nth, fault }));
        (1..=row.invocations).flat_map(at).collect::<Vec<_>>()
    };
    rows.iter().enumerate().flat_map(of_row).collect()
}

/// So many of the plan: every call in turn, every fault, at the first, a middle and the last invocation.
fn spread(rows: &[Row], number: usize) -> Vec<(usize, Injection)> {
    let mut chosen = Vec::new();
    let rounds = Fault::ALL.len() * 3;
    for round in 0..rounds {
        for (i, row) in rows.iter().enumerate() {
            // In nine rounds each row has all pairs; from row to row they begin with another.
            let fault = Fault::ALL[(i + round) % 3];
            let nth = [1, row.invocations.div_ceil(2), row.invocations][(i / 3 + round + round / 3) % 3];
            let injection = (i, Injection { call: row.call.clone(), nth, fault });
            if chosen.len() < number && !chosen.contains(&injection) {
                chosen.push(injection);
            }
        }
    }
    chosen
}

/// What runs start from.
struct Range<'a> {
    program: &'a Path,
    /// An installation with some content, closed.
    full: tempfile::TempDir,
}

impl<'a> Range<'a> {
    fn prepare(program: &'a Path) -> Result<Self, Finding> {
        let full = tempfile::tempdir().map_err(|e| e.to_string())?;
        let data = full.path().join("data");
        let made = std::process::Command::new(program).arg("worker").arg(&data).arg("prepare").output();
        let made = made.map_err(|e| e.to_string())?;
        if !made.status.success() {
            return Err(format!("no installation to start from: {}", String::from_utf8_lossy(&made.stdout)));
        }
        Ok(Self { program, full })
    }

    /// How often each call occurs at each place, without a fault.
    fn count(&self) -> Result<Vec<Row>, Finding> {
        let mut rows = Vec::new();
        for (place, Place { work, name, calls: prefixes, .. }) in PLACES.iter().enumerate() {
            let run = self.once(place, None).map_err(|finding| format!("{work}, {name}, no fault: {finding}"))?;
            if !run.succeeded || run.injected > 0 {
                return Err(format!("{work}, {name}, no fault: {:?} {}", run.acks.failed, run.stderr));
            }
            for call in CALLS.iter().filter(|call| prefixes.iter().any(|prefix| call.starts_with(prefix))) {
                let mut of_threads: BTreeMap<u32, usize> = BTreeMap::new();
                run.calls
                    .iter()
                    .filter(|c| c.name == *call)
                    .for_each(|c| *of_threads.entry(c.thread).or_default() += 1);
                if let Some(most) = of_threads.into_values().max() {
                    rows.push(Row { place, call: (*call).to_owned(), invocations: most, ..Row::default() });
                }
            }
        }
        Ok(rows)
    }

    /// Names and times differ from run to run, and with them how well a block packs: where the last
    /// invocation does not come this time, the one before is hit.
    fn strike(&self, place: usize, injection: &Injection) -> Result<Run, Finding> {
        let mut injection = injection.clone();
        loop {
            let run = self.once(place, Some(&injection))?;
            if run.injected > 0 || injection.nth == 1 {
                return Ok(run);
            }
            injection.nth -= 1;
        }
    }

    fn once(&self, place: usize, injection: Option<&Injection>) -> Result<Run, Finding> {
        let Place { work, files, .. } = PLACES[place];
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let aside = folder.path().canonicalize().map_err(|e| e.to_string())?;
        let data = aside.join("data");
        match work {
            "life" => copy(&self.full.path().join("data"), &data).map_err(|e| e.to_string())?,
            _ => fs::create_dir(&data).map_err(|e| e.to_string())?,
        }
        let arguments: &[&str] = if work == "put" { &["put", "0", "7"] } else { &["life"] };
        let files: Vec<PathBuf> =
            files.iter().map(|name| if name.is_empty() { data.clone() } else { data.join(name) }).collect();
        let run = strace::run(self.program, arguments, &data, &files, &aside, injection)?;
        if !run.killed && !run.succeeded && run.acks.failed.is_empty() && run.stderr.is_empty() {
            return Err("it ended without a word".to_owned());
        }
        let bucket = data.join(if work == "put" { check::OBJECTS } else { "bucket" });
        let tell = |finding| format!("{finding}; it had said {:?} {}", run.acks.failed, run.stderr);
        if !run.killed {
            aftermath::nothing_unfinished(&data).map_err(tell)?;
        }
        synced_before_said(&run.calls, &bucket).map_err(tell)?;
        crate::block_on(async {
            match work {
                "put" => aftermath::of_objects(&bucket, &run.acks, 7).await,
                _ => aftermath::of_life(&data, &run.acks, work == "life").await,
            }
        })
        .map_err(tell)?;
        Ok(run)
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_reach_every_call_every_fault_and_every_end() {
        let row = |invocations| Row { call: format!("call{invocations}"), invocations, ..Row::default() };
        let rows: Vec<Row> = (10..26).map(row).collect();
        let chosen = spread(&rows, 40);
        assert_eq!(chosen.len(), 40);
        assert!(chosen.iter().all(|injection| plan(&rows).contains(injection)));
        for (i, row) in rows.iter().enumerate() {
            assert!(chosen.iter().filter(|(of, _)| *of == i).count() >= 2, "{}", row.call);
        }
        for fault in Fault::ALL {
            let of_fault = chosen.iter().filter(|(_, injection)| injection.fault == fault);
            let ends: BTreeSet<_> =
                of_fault.map(|(i, Injection { nth, .. })| (*nth == 1, *nth == rows[*i].invocations)).collect();
            assert_eq!(ends.len(), 3, "{fault:?} at the first, a middle and the last");
        }
        assert_eq!(spread(&rows, 1000).len(), 16 * 9, "all of them, in the end");
    }
}
