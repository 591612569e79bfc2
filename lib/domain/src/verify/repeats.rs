//! Which (`source`, `externalId`) stands twice, in bounded memory at any length.
//!
//! Fingerprints are collected, sorted in runs of a fixed size, and the runs merged: the external
//! sort of every textbook. Only the caller knows where runs can be put aside.

use super::check::Fingerprint;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Room for sorted runs: a temporary file, or memory in tests.
pub trait Scratch: Read + Write + Seek + Send {}

impl<T: Read + Write + Seek + Send> Scratch for T {}

/// Bytes of one record: fingerprint, `seq` and block.
const RECORD: usize = 32;
/// Records held in memory: 12 MiB.
const RUN_RECORDS: usize = 384 * 1024;
/// Records that a merge reads from one run at a time.
const READ_RECORDS: usize = 512;

/// What stands for the block of a line that stands in none.
const NO_BLOCK: u64 = u64::MAX;

/// A pair that was met: its fingerprint, the `seq` of its event and the block that holds it.
type Record = (Fingerprint, u64, u64);

/// The `seq` of an event and the block that holds it.
type Place = (u64, Option<u64>);

pub(super) struct Repeats {
    buffer: Vec<Record>,
    run_records: usize,
    runs: Vec<Run>,
    scratch: Option<Box<dyn Scratch>>,
    end: u64,
}

/// A sorted run in the scratch: where it goes on, and how many records are left.
struct Run {
    at: u64,
    left: usize,
    read: Vec<Record>,
}

impl Repeats {
    pub(super) fn new(scratch: Option<Box<dyn Scratch>>) -> Self {
        Self { buffer: Vec::new(), run_records: RUN_RECORDS, runs: Vec::new(), scratch, end: 0 }
    }

    #[cfg(test)]
    pub(super) fn with_runs_of(scratch: Box<dyn Scratch>, run_records: usize) -> Self {
        Self { run_records, ..Self::new(Some(scratch)) }
    }

    pub(super) fn add(&mut self, fingerprint: Fingerprint, seq: u64, block: Option<u64>) -> io::Result<()> {
        self.buffer.push((fingerprint, seq, block.unwrap_or(NO_BLOCK)));
        if self.buffer.len() < self.run_records {
            return Ok(());
        }
        let Some(scratch) = &mut self.scratch else { return Ok(()) };
        sort(&mut self.buffer);
        scratch.seek(SeekFrom::Start(self.end))?;
        let mut out = Vec::with_capacity(64 * 1024);
        for part in self.buffer.chunks(2048) {
            out.clear();
            for (fingerprint, seq, block) in part {
                out.extend_from_slice(&fingerprint.0.to_be_bytes());
                out.extend_from_slice(&fingerprint.1.to_be_bytes());
                out.extend_from_slice(&seq.to_be_bytes());
                out.extend_from_slice(&block.to_be_bytes());
            }
            scratch.write_all(&out)?;
        }
        self.runs.push(Run { at: self.end, left: self.buffer.len(), read: Vec::new() });
        self.end += (self.buffer.len() * RECORD) as u64;
        self.buffer.clear();
        Ok(())
    }

    /// The `seq` and block of every event whose pair stood before, ascending, at most `most` of them,
    /// and how many there are.
    pub(super) fn finish(mut self, most: usize) -> io::Result<(Vec<Place>, u64)> {
        sort(&mut self.buffer);
        let (mut repeated, mut total) = (Vec::new(), 0);
        let mut before = None;
        let mut note = |record: Record| {
            if before == Some(record.0) {
                repeated.push((record.1, Some(record.2).filter(|block| *block != NO_BLOCK)));
                total += 1;
                if repeated.len() > 2 * most {
                    repeated.sort_unstable();
                    repeated.truncate(most);
                }
            }
            before = Some(record.0);
        };
        let mut buffer = std::mem::take(&mut self.buffer).into_iter().peekable();
        let mut heads = std::collections::BinaryHeap::new();
        for run in 0..self.runs.len() {
            if let Some(record) = self.next_of(run)? {
                heads.push(std::cmp::Reverse((record, run)));
            }
        }
        while let Some(std::cmp::Reverse((record, run))) = heads.pop() {
            while let Some(earlier) = buffer.next_if(|b| *b < record) {
                note(earlier);
            }
            note(record);
            if let Some(next) = self.next_of(run)? {
                heads.push(std::cmp::Reverse((next, run)));
            }
        }
        buffer.for_each(&mut note);
        repeated.sort_unstable();
        repeated.truncate(most);
        Ok((repeated, total))
    }

    fn next_of(&mut self, run: usize) -> io::Result<Option<Record>> {
        let run = &mut self.runs[run];
        if run.read.is_empty() && run.left > 0 {
            let records = run.left.min(READ_RECORDS);
            let mut bytes = vec![0; records * RECORD];
            let scratch = self.scratch.as_mut().expect("a run was written to it");
            scratch.seek(SeekFrom::Start(run.at))?;
            scratch.read_exact(&mut bytes)?;
            run.at += bytes.len() as u64;
            run.left -= records;
            run.read = bytes
                .chunks_exact(RECORD)
                .rev()
                .map(|r| {
                    let word = |i: usize| u64::from_be_bytes(r[i * 8..i * 8 + 8].try_into().expect("8 bytes"));
                    ((word(0), word(1)), word(2), word(3))
                })
                .collect();
        }
        Ok(run.read.pop())
    }
}

/// By the whole record. Half a fingerprint tells nearly all of them apart and is quicker to compare.
fn sort(records: &mut [Record]) {
    records.sort_unstable_by_key(|record| record.0.0);
    for equal in records.chunk_by_mut(|a, b| a.0.0 == b.0.0).filter(|equal| equal.len() > 1) {
        equal.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_more_records_are_held_than_a_run_has() {
        let mut repeats = Repeats::with_runs_of(Box::new(io::Cursor::new(Vec::new())), 5);
        for seq in 1..=23 {
            repeats.add((seq, 0), seq, None).unwrap();
            let held = usize::try_from(seq).unwrap();
            assert_eq!((repeats.runs.len(), repeats.buffer.len()), (held / 5, held % 5));
        }
        assert_eq!(RUN_RECORDS * RECORD, 12 * 1024 * 1024);
        // Without a scratch there is nowhere to put them.
        let mut repeats = Repeats { scratch: None, ..repeats };
        (1..=9).for_each(|seq| repeats.add((seq, 0), seq, None).unwrap());
        assert_eq!((repeats.runs.len(), repeats.buffer.len()), (4, 12));
    }

    #[test]
    fn the_least_of_many_repeats_are_named_and_all_are_counted() {
        for run in [1000, 7] {
            let mut repeats = Repeats::with_runs_of(Box::new(io::Cursor::new(Vec::new())), run);
            // Two pairs that differ in their second half, in falling order.
            (1..=40).rev().for_each(|seq| repeats.add((1, seq % 2), seq, Some(seq)).unwrap());
            assert_eq!(repeats.finish(3).unwrap(), (vec![(3, Some(3)), (4, Some(4)), (5, Some(5))], 38));
        }
    }

    #[test]
    fn a_run_is_read_back_in_pieces() {
        let mut repeats = Repeats::with_runs_of(Box::new(io::Cursor::new(Vec::new())), 1300);
        (1..=3900).for_each(|seq| repeats.add((seq % 1950, seq % 1950), seq, Some(0)).unwrap());
        assert_eq!(repeats.finish(10_000).unwrap(), ((1951..=3900).map(|seq| (seq, Some(0))).collect(), 1950));
    }

    proptest! {
        #[test]
        fn runs_of_any_size_find_the_same(ids in prop::collection::vec((0u64..7, 0u64..7), 0..120), run in 1usize..20) {
            let mut repeats = Repeats::with_runs_of(Box::new(io::Cursor::new(Vec::new())), run);
            let (mut seen, mut wanted) = (BTreeSet::new(), Vec::new());
            for (seq, id) in (1u64..).zip(&ids) {
                let block = (seq % 3 > 0).then_some(seq / 4);
                repeats.add(*id, seq, block).unwrap();
                if !seen.insert(*id) {
                    wanted.push((seq, block));
                }
            }
            prop_assert_eq!(repeats.finish(1000).unwrap(), (wanted.clone(), wanted.len() as u64));
        }
    }
}
