//! Archives: blocks that left the hot store, as one object of plain lines under a signed manifest.
//!
//! The object is the blocks' gzip members, byte for byte, one after the other: `zcat` prints lines,
//! and the bytes of one block are a gzip file of their own.

mod batch;
mod faults;
mod kept;
mod manifest;
mod offline;
mod rebuilt;

pub use batch::{Base, Batch, Unfit};
pub use faults::faults;
pub use kept::Kept;
pub use manifest::{ArchivedBlock, Manifest, TYPE};
pub use offline::{Found, Offline};
pub use rebuilt::rebuilt;

use std::fmt;

/// Most compressed bytes of one archive.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Most events of one archive.
pub const MAX_EVENTS: u64 = 1_000_000;
/// Most blocks of one archive: its manifest is a row, too, and rows of some tables hold 400 KB.
pub const MAX_BLOCKS: usize = 2000;

/// The events of an archive: first and last `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// First.
    pub start: u64,
    /// Last.
    pub end: u64,
}

impl Range {
    /// Name of the object that holds the lines.
    pub fn object(self) -> String {
        format!("{}.jsonl.gz", self.stem())
    }

    /// Name of the object that holds the manifest.
    pub fn manifest(self) -> String {
        format!("{}.manifest.json", self.stem())
    }

    /// Name of the object that holds what is kept once the lines have expired.
    pub fn kept(self) -> String {
        format!("{}.kept.jsonl", self.stem())
    }

    fn stem(self) -> String {
        format!("{:020}-{:020}", self.start, self.end)
    }

    /// Reads the name of any of its objects; nothing else about the name is judged.
    pub fn of_name(name: &str) -> Option<Self> {
        let (stem, _) = name.split_once('.')?;
        let (start, end) = stem.split_once('-')?;
        let number = |text: &str| {
            (text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
        };
        let range = Self { start: number(start)?, end: number(end)? };
        (range.start > 0 && range.end >= range.start && range.end < 1 << 53).then_some(range)
    }

    /// Whether this event is in it.
    pub fn holds(self, seq: u64) -> bool {
        (self.start..=self.end).contains(&seq)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests;
