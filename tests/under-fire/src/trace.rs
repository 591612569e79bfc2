//! What `strace` saw of a process, and the rule it is held against: nothing is acknowledged before all
//! that was written is synced, what was lost by a failed sync is written again before, and no log is
//! deleted before the database that it was copied to is synced.

use crate::Finding;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A system call that came back, or that never did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The thread.
    pub thread: u32,
    /// `pwrite64`, say.
    pub name: String,
    arguments: String,
    result: String,
}

impl Call {
    /// Whether it did what it was asked.
    pub fn succeeded(&self) -> bool {
        !self.result.starts_with(['-', '?'])
    }

    /// The file behind the descriptor in its first argument.
    fn file(&self) -> Option<&str> {
        self.arguments.split_once('<')?.1.split_once('>').map(|(path, _)| path)
    }

    /// Its `i`-th argument from the right; strings may hold anything, numbers at the end do not.
    fn number_from_right(&self, i: usize) -> Option<u64> {
        self.arguments.rsplit(", ").nth(i)?.parse().ok()
    }

    fn paths(&self) -> Option<(&str, &str)> {
        let mut parts = self.arguments.split('"').skip(1).step_by(2);
        Some((parts.next()?, parts.next()?))
    }
}

/// The calls of a log that `strace -f -y -o` wrote, in their order.
pub fn calls(log: &str) -> Vec<Call> {
    let mut unfinished = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let (Ok(thread), rest) = (thread.parse::<u32>(), rest.trim_start()) else { continue };
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, start.to_owned());
            continue;
        }
        let whole = match rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => unfinished.remove(&thread).unwrap_or_default() + end,
            None => rest.to_owned(),
        };
        let Some((name, rest)) = whole.split_once('(') else { continue };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { continue };
        let arguments = arguments.trim_end().trim_end_matches(')').to_owned();
        calls.push(Call { thread, name: name.to_owned(), arguments, result: result.to_owned() });
    }
    calls
}

/// Stretches of a file.
type Ranges = BTreeSet<(u64, u64)>;

fn without(ranges: &Ranges, from: u64, to: u64) -> Ranges {
    let pieces = |&(a, b): &(u64, u64)| [(a, b.min(from)), (a.max(to), b)].into_iter().filter(|(a, b)| a < b);
    ranges.iter().flat_map(pieces).collect()
}

#[derive(Debug, Default)]
struct File {
    /// Where a `write` goes on.
    position: u64,
    /// Written and not synced.
    dirty: Ranges,
    /// Written, and then a sync failed: the system may have forgotten it and yet say that all is well.
    lost: Ranges,
    /// The end of the newest write. What was lost beyond it belongs to no transaction any more.
    end: u64,
    /// Its writer said that it failed, and has not written since: nobody relies on what is in doubt.
    given_up: bool,
}

impl File {
    fn write(&mut self, from: u64, length: u64) {
        let to = from + length;
        self.lost = without(&self.lost, from, to);
        self.dirty.insert((from, to));
        (self.position, self.end, self.given_up) = (to, to, false);
    }

    fn is_safe(&self) -> bool {
        self.given_up || self.dirty.is_empty() && self.lost.iter().all(|(from, _)| *from >= self.end)
    }
}

/// Holds the calls against the rule. `bucket` is the folder whose failed syncs must fail their caller:
/// nothing there tries again by itself.
///
/// # Errors
/// An acknowledgement that came too early.
pub fn synced_before_said(calls: &[Call], bucket: &Path) -> Result<(), Finding> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let mut unsynced_folders: BTreeSet<String> = BTreeSet::new();
    let mut must_fail = None;
    for call in calls {
        let file = call.file().unwrap_or_default();
        // The index of a write-ahead log lives in memory; its file is made anew after a crash.
        if file.ends_with("-shm") {
            continue;
        }
        let entry = || file.to_owned();
        match (call.name.as_str(), call.succeeded()) {
            ("pwrite64", true) => {
                let from = call.number_from_right(0).ok_or("a pwrite64 without its offset")?;
                let length = call.result.parse().map_err(|_| "a pwrite64 without its result")?;
                files.entry(entry()).or_default().write(from, length);
            }
            ("write", true) => {
                let file = files.entry(entry()).or_default();
                let length = call.result.parse().map_err(|_| "a write without its result")?;
                file.write(file.position, length);
            }
            ("fsync" | "fdatasync", true) => {
                unsynced_folders.remove(file);
                files.entry(entry()).or_default().dirty.clear();
            }
            ("fsync" | "fdatasync", false) => {
                if Path::new(file).starts_with(bucket) && !call.result.starts_with('?') {
                    must_fail = Some(entry());
                    unsynced_folders.remove(file);
                }
                let file = files.entry(entry()).or_default();
                file.lost.append(&mut file.dirty);
            }
            ("rename" | "renameat" | "renameat2", true) => {
                let (from, to) = call.paths().ok_or("a rename without its paths")?;
                if files.remove(from).is_some_and(|file| !file.is_safe()) {
                    return Err(format!("{from} was renamed before it was synced"));
                }
                unsynced_folders.extend(Path::new(to).parent().map(|folder| folder.display().to_string()));
            }
            ("unlink" | "unlinkat", true) => {
                let gone = call.arguments.split('"').nth(1).unwrap_or_default();
                files.remove(gone);
                let copied_to = gone.strip_suffix("-wal").and_then(|database| files.get(database));
                if copied_to.is_some_and(|file| !file.dirty.is_empty() || !file.lost.is_empty()) {
                    return Err(format!("{gone} was deleted before what was copied from it was synced"));
                }
            }
            ("writev", _) => {
                let said = call.arguments.split('"').nth(1).unwrap_or_default();
                if said.starts_with("failed") {
                    must_fail = None;
                    // Its temporary file goes, and with it what was not synced.
                    files.retain(|path, _| !Path::new(path).starts_with(bucket));
                    files.values_mut().for_each(|file| file.given_up = true);
                    unsynced_folders.clear();
                    continue;
                }
                if let Some(file) = must_fail {
                    return Err(format!("the sync of {file} failed, and yet `{said}` was said"));
                }
                if let Some((path, file)) = files.iter().find(|(_, file)| !file.is_safe()) {
                    return Err(format!("`{said}` was said before {path} was synced: {file:?}"));
                }
                if let Some(folder) = unsynced_folders.first() {
                    return Err(format!("`{said}` was said before the folder {folder} was synced"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(log: &str) -> Result<(), Finding> {
        synced_before_said(&calls(log), Path::new("/d/bucket"))
    }

    const WRITE: &str = "7 pwrite64(4</d/t-wal>, \"a, b) = 1\"..., 24, 100) = 24\n";
    const SYNC: &str = "7 fsync(4</d/t-wal>) = 0\n";
    const FAILED: &str = "7 fsync(4</d/t-wal>) = -1 EIO (Input/output error) (INJECTED)\n";
    const ACK: &str = "6 writev(1</d/said>, [{iov_base=\"ack 1\\n\", iov_len=6}], 1) = 6\n";

    #[test]
    fn an_acknowledgement_follows_the_sync() {
        assert_eq!(judge(&[WRITE, SYNC, ACK].concat()), Ok(()));
        assert!(judge(&[WRITE, ACK, SYNC].concat()).is_err());
        let failed = "6 writev(1</d/said>, [{iov_base=\"failed append\\n\", iov_len=6}], 1) = 6\n";
        assert_eq!(judge(&[WRITE, failed, ACK].concat()), Ok(()), "another's");
        assert!(judge(&[WRITE, failed, WRITE, ACK].concat()).is_err());
        let cut = "7 fsync(4</d/t-wal> <unfinished ...>\n6 x() = 0\n7 <... fsync resumed>) = 0\n";
        assert_eq!(judge(&[WRITE, cut, ACK].concat()), Ok(()));
    }

    #[test]
    fn what_a_failed_sync_lost_is_written_again_first() {
        assert!(judge(&[WRITE, FAILED, SYNC, ACK].concat()).is_err(), "the second sync knows nothing of it");
        assert_eq!(judge(&[WRITE, FAILED, WRITE, SYNC, ACK].concat()), Ok(()));
    }

    #[test]
    fn a_log_is_deleted_after_its_database_is_synced() {
        let copy = "7 pwrite64(3</d/t>, \"a\", 1, 0) = 1\n";
        let sync = "7 fsync(3</d/t>) = 0\n";
        let failed = "7 fsync(3</d/t>) = -1 EIO (Input/output error) (INJECTED)\n";
        let delete = "7 unlink(\"/d/t-wal\") = 0\n";
        assert_eq!(judge(&[copy, sync, delete].concat()), Ok(()));
        assert!(judge(&[copy, delete].concat()).is_err());
        assert!(judge(&[copy, failed, delete].concat()).is_err());
    }

    #[test]
    fn an_object_is_synced_then_renamed_then_its_folder_is_synced() {
        let write = "7 write(4</d/bucket/~unfinished/x>, \"a\", 1) = 1\n";
        let sync = "7 fsync(4</d/bucket/~unfinished/x>) = 0\n";
        let rename = "7 renameat(AT_FDCWD</>, \"/d/bucket/~unfinished/x\", AT_FDCWD</>, \"/d/bucket/a/b\") = 0\n";
        let folder = "7 fsync(4</d/bucket/a>) = 0\n";
        let failed = "7 fsync(4</d/bucket/a>) = -1 EIO (Input/output error) (INJECTED)\n";
        let said = "6 writev(1</d/said>, [{iov_base=\"failed put\\n\", iov_len=6}], 1) = 6\n";
        assert_eq!(judge(&[write, sync, rename, folder, ACK].concat()), Ok(()));
        assert!(judge(&[write, rename, sync, folder, ACK].concat()).is_err());
        assert!(judge(&[write, sync, rename, ACK].concat()).is_err());
        assert!(judge(&[write, sync, rename, failed, ACK].concat()).is_err());
        assert_eq!(judge(&[write, sync, rename, failed, said, ACK].concat()), Ok(()));
    }
}
