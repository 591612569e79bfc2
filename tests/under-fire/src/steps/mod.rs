//! Archiving, expiry, restoring and making a table anew, killed at every step: before each write, amid it,
//! and right after it. Whatever the step, nothing is lost, and a second run does what is left.

pub mod check;
pub mod told;
pub mod work;

use crate::kills::{ended_well, kill_at_line};
use crate::{Finding, block_on};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;
use work::Work;

/// Kills that are tried at the same time; each has a directory of its own.
const AT_ONCE: usize = 2;

/// Kills of each work, of which none lost anything.
pub type Outcome = BTreeMap<&'static str, u64>;

/// A log that is copied for every kill, and its lines.
struct Base {
    folder: TempDir,
    before: Vec<Vec<u8>>,
}

/// Kills at every step.
///
/// # Errors
/// The first loss, with the step that led to it.
pub fn run(program: &Path) -> Result<Outcome, Finding> {
    let mut outcome = Outcome::new();
    for work in Work::ALL {
        let base = Base::make(program, work)?;
        let kills = Mutex::new(0_u64);
        std::thread::scope(|scope| {
            let one = |first: u64| -> Result<(), Finding> {
                for line in (first..).step_by(AT_ONCE) {
                    let context = |finding: Finding| format!("{}, killed at line {line}: {finding}", work.mode());
                    if !base.killed_at(program, work, line).map_err(context)? {
                        return Ok(());
                    }
                    *kills.lock().map_err(|e| e.to_string())? += 1;
                }
                Ok(())
            };
            let all: Vec<_> = (1..=AT_ONCE as u64).map(|first| scope.spawn(move || one(first))).collect();
            all.into_iter().try_for_each(|one| one.join().map_err(|_| "a check panicked".to_owned())?)
        })?;
        outcome.insert(work.mode(), kills.into_inner().map_err(|e| e.to_string())?);
    }
    Ok(outcome)
}

impl Base {
    fn make(program: &Path, work: Work) -> Result<Self, Finding> {
        let folder = folder()?;
        // A process of its own: what it leaves is what any process leaves.
        let output = worker(program, folder.path(), "archives", work.mode()).output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            return Err(format!("no log could be made: {}", String::from_utf8_lossy(&output.stdout)));
        }
        let copy = self::folder()?;
        copy_all(folder.path(), copy.path())?;
        let before = block_on(async {
            let cx = work::open(copy.path())?;
            let lines = check::lines(&cx).await?;
            let archived = work::claims(&cx).await?.last().map_or(0, |claim| claim.range.end);
            // Whatever was hot only goes with the table.
            let end = if work == Work::Rebuild { usize::try_from(archived).unwrap_or_default() } else { lines.len() };
            Ok::<_, Finding>(lines[..end].to_vec())
        })?;
        if work == Work::Rebuild {
            for name in ["table.db", "table.db-wal", "table.db-shm"] {
                let _ = std::fs::remove_file(folder.path().join(name));
            }
        }
        Ok(Self { folder, before })
    }

    /// Whether it had to be killed: else it was done before.
    fn killed_at(&self, program: &Path, work: Work, line: u64) -> Result<bool, Finding> {
        let data = folder()?;
        let data = data.path();
        copy_all(self.folder.path(), data)?;
        let mut command = worker(program, data, work.mode(), &line.to_string());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let (killed, said) = kill_at_line(&mut child, line)?;
        if !killed {
            ended_well(child)?;
        }
        let step = |finding: Finding| format!("`{}`: {finding}", said.trim_end().lines().last().unwrap_or_default());
        block_on(async {
            let cx = work::open(data)?;
            check::at_once(&cx, work, &self.before).await.map_err(|e| format!("at once: {e}"))?;
            work::run(&cx, work).await.map_err(|e| format!("the second run: {e}"))?;
            if work == Work::Rebuild {
                if check::lines(&cx).await? != self.before {
                    return Err("the export is another than before".to_owned());
                }
                // The event that named the newest archive was hot, and is lost: it is named again.
                work::run(&cx, Work::Archive).await.map_err(|e| format!("archiving: {e}"))?;
            }
            check::finished(&cx, work, &self.before).await.map_err(|e| format!("after the second run: {e}"))
        })
        .map_err(step)?;
        Ok(killed)
    }
}

fn worker(program: &Path, data: &Path, mode: &str, argument: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("worker").arg(data).args([mode, argument]);
    command
}

/// In memory where that can be: what SIGKILL leaves is the same there, and a sync costs nothing.
fn folder() -> Result<TempDir, Finding> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).map_err(|e| e.to_string())
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Finding> {
    std::fs::create_dir_all(to).map_err(|e| e.to_string())?;
    for entry in std::fs::read_dir(from).map_err(|e| e.to_string())? {
        let path = entry.map_err(|e| e.to_string())?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_all(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}
