//! What must hold, judged from what anybody can see: rows of blocks and checkpoints, their copies in
//! the bucket, the place in a log, and the answers that callers got. Looked at with each write.
//!
//! It reads lines with its own eyes: nothing of the product's verifier is used here.

mod answers;
mod archives;
mod checkpoints;
mod holds;
mod leases;
mod lines;
mod restored;
mod tiles;

pub(crate) use archives::Span;
use lines::Chained;
use ports::Key;
use std::collections::{BTreeMap, BTreeSet};

/// How an event is known: its source, and the id there or its own.
pub(crate) type Name = (String, bool, String);

/// Watches one run. The first thing that does not hold is kept.
#[derive(Default)]
pub struct Checker {
    failure: Option<String>,
    events: Vec<Chained>,
    names: BTreeMap<Name, u64>,
    /// The newest block's number.
    blocks: u64,
    /// `seq` of the last event of each block.
    block_ends: Vec<u64>,
    checkpoints: Vec<checkpoints::Seen>,
    copies: BTreeMap<u64, Vec<u8>>,
    /// Tiles in the bucket, by their key.
    tiles: BTreeMap<String, Vec<u8>>,
    /// Where a log was left: life and place.
    place: Option<(String, u64)>,
    /// Names of which somebody was told that they are chained anew.
    chained_anew: BTreeSet<Name>,
    /// Names and digests that were taken for the queue.
    taken: Vec<(Name, String)>,
    /// Digests of what can never be chained, and must be answered once.
    hopeless: BTreeSet<String>,
    /// What a log holds that no event can be made of: it must be kept aside.
    unusable: Vec<String>,
    restored: Option<restored::Restored>,
    /// The rows of blocks as they were chained.
    rows: Vec<Vec<u8>>,
    archives: archives::Archives,
    leases: leases::Leases,
    /// Milliseconds since 1970 at the write that is looked at.
    now: i64,
}

impl Checker {
    /// Says that something does not hold.
    pub fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    /// The first thing that did not hold.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// `seq` of the newest event.
    pub fn head(&self) -> u64 {
        self.events.len() as u64
    }

    /// The head that the newest checkpoint vouches for.
    pub fn signed(&self) -> u64 {
        self.checkpoints.last().map_or(0, |seen| seen.head_seq)
    }

    /// Checkpoints so far.
    pub fn checkpoints(&self) -> u64 {
        self.checkpoints.len() as u64
    }

    /// The row of block `n` as it was chained.
    fn block_row(&self, n: u64) -> Option<&[u8]> {
        self.rows.get(usize::try_from(n).ok()?.checked_sub(1)?).map(Vec::as_slice)
    }

    /// A row was written, or deleted, at this moment.
    pub(crate) fn row(&mut self, now: i64, key: &Key, before: Option<&[u8]>, after: Option<&[u8]>) {
        self.now = now;
        let found = if key.partition.starts_with("chain#") {
            self.block(key, before, after)
        } else if key.partition.starts_with("checkpoint#") {
            self.checkpoint(key, before, after)
        } else if key.partition.starts_with("ingest#") {
            self.place(after)
        } else if key.partition.starts_with("accepting#") {
            self.intended();
            Ok(())
        } else if key.partition.starts_with("archive#") {
            self.take_claim(key, after)
        } else if key.partition.starts_with("restored") {
            self.restored_row(key, after)
        } else if key.partition.starts_with("marker#") && after.is_none() && self.restored.is_none() {
            Err(format!("{key} was deleted"))
        } else {
            Ok(())
        };
        if let Err(what) = found {
            self.fail(what);
        }
    }

    fn block(&mut self, key: &Key, before: Option<&[u8]>, after: Option<&[u8]>) -> Result<(), String> {
        let n: u64 = key.sort.parse().map_err(|_| format!("a block has the key {key}"))?;
        match (before, after) {
            (None, Some(row)) if n == self.blocks + 1 => {
                self.take_block(n, row).map_err(|what| format!("block {n}: {what}"))
            }
            (None, Some(_)) => Err(format!("block {n} was created where block {} is the next", self.blocks + 1)),
            (Some(before), Some(after)) => {
                self.take_stub(n, before, after).map_err(|what| format!("block {n}: {what}"))
            }
            (_, None) => Err(format!("block {n} was deleted")),
        }
    }

    /// The place in a log moves forwards, within each of the log's lives.
    fn place(&mut self, after: Option<&[u8]>) -> Result<(), String> {
        let value: serde_json::Value =
            serde_json::from_slice(after.unwrap_or_default()).map_err(|_| "a place in a log is no JSON".to_owned())?;
        let life = value["generation"].as_str().unwrap_or_default().to_owned();
        let place = value["offset"].as_u64().unwrap_or_default();
        if let Some((before_life, before)) = &self.place
            && (*before_life == life && *before > place)
        {
            return Err(format!("the place in the log went back from {before} to {place}"));
        }
        self.place = Some((life, place));
        Ok(())
    }
}
