//! The derived rows as a whole: are they right, and making them anew.

use crate::Context;
use crate::blocks::{ReadError, get_block, get_stored};
use crate::cold;
use crate::derive;
use crate::layout::rows::{self, MARKER_PARTITIONS, SCHEMA};
use crate::planted::{Bug, limit, planted};
use domain::block::Stored;
use domain::derived::{Marker, derive as derive_block};
use domain::event::Identity;
use domain::hash::Hash;
use domain::verify::Walk;
use ports::{Condition, Key, KeyRange, Order, Row, TableError};
use std::collections::{HashMap, HashSet};

/// Rows that one query reads.
const PAGE: usize = 1000;
/// Blocks whose rows are kept while rows are held against them.
const CACHED_BLOCKS: usize = 64;

/// What is known of archived blocks, which have no entries.
#[derive(Debug, Clone, Copy)]
pub struct Archived {
    /// The last of them; entries of blocks up to here may be on their way out.
    pub last_block: u64,
    /// Whether their lines are read, to hold their markers against them.
    pub read: bool,
}

/// Holds the derived rows of the blocks up to the watermark against their blocks, and reports every
/// row that is missing, wrong, or stands for nothing.
///
/// # Errors
/// The table, or damaged bytes.
pub async fn check(cx: &Context, head_block: u64, archived: Archived, walk: &mut Walk) -> Result<(), ReadError> {
    let watermark = match derive::watermark(cx, SCHEMA).await {
        Ok((watermark, _)) => watermark,
        Err(TableError::Rejected(_)) => {
            // The row says nothing, unless it is the table that refuses.
            cx.table.get(&rows::watermark(&cx.chain, SCHEMA)).await?;
            walk.index_mismatch(1);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut expected = 0;
    // What a damaged block should have cannot be known; the walk has reported it.
    let mut damaged = HashSet::new();
    let first = if archived.read { 1 } else { archived.last_block + 1 };
    for n in first..=watermark.min(head_block) {
        let block = match get_block(cx, n).await {
            Ok(Some(block)) => block,
            Ok(None) | Err(ReadError::Damaged { .. } | ReadError::Cold { .. } | ReadError::Expired { .. }) => {
                damaged.insert(n);
                continue;
            }
            Err(error) => return Err(error),
        };
        let Ok(derived) = derive_block(&block) else {
            damaged.insert(n);
            continue;
        };
        let wanted = match n <= archived.last_block {
            true => rows::lasting(&cx.chain, SCHEMA, &derived),
            false => rows::derived(&cx.chain, SCHEMA, n, &derived),
        };
        expected += wanted.len() - derived.rare();
        let keys: Vec<Key> = wanted.iter().map(|(key, _)| key.clone()).collect();
        for ((key, value), row) in wanted.into_iter().zip(cx.table.get_many(keys).await?) {
            if row.is_none_or(|row| row.value != value) {
                // Archived while this runs: its entries were dropped.
                if rows::entry_parts(&key.sort).is_some() && is_archived(cx, n).await? {
                    continue;
                }
                walk.index_mismatch(seq_of(&key, &value, block.header.first_seq));
            }
        }
    }
    // As many as there should be, and all of those are right: none is invented.
    let mut found = 0;
    for partition in partitions(cx) {
        let mut all = Pages::of(partition);
        while let Some(page) = all.next(cx).await? {
            let counts = |row: &&Row| {
                block_of(row).is_none_or(|n| {
                    let left = if is_entry(row) { n > archived.last_block } else { n >= first };
                    left && n <= watermark && !damaged.contains(&n)
                })
            };
            found += page.iter().filter(counts).count();
        }
    }
    if found > expected {
        for row in invented(cx, head_block, &damaged).await? {
            // Not dropped yet, or left behind by somebody who was late when they were.
            if let Some(n) = block_of(&row).filter(|_| is_entry(&row))
                && (n <= archived.last_block || is_archived(cx, n).await?)
            {
                continue;
            }
            let marker = Marker::from_value(Identity(Hash::ZERO), &row.value);
            walk.index_mismatch(marker.map_or(0, |marker| marker.seq));
        }
    }
    Ok(())
}

async fn is_archived(cx: &Context, n: u64) -> Result<bool, ReadError> {
    Ok(matches!(get_stored(cx, n).await?, Some(Stored::Cold(_))))
}

/// Makes the derived rows anew: writes all that should be there, takes out what should not, and
/// brings the watermark to the head. Writers may go on meanwhile.
///
/// # Errors
/// The table, or damaged bytes. It may be run again after any of them.
pub async fn rebuild(cx: &Context) -> Result<u64, ReadError> {
    let key = rows::watermark(&cx.chain, SCHEMA);
    if let Some(row) = cx.table.get(&key).await?
        && std::str::from_utf8(&row.value).ok().and_then(|n| n.parse::<u64>().ok()).is_none_or(|n| n >= 1 << 53)
    {
        // Nobody can have derived from a row that holds no number.
        cx.table.put(&key, b"0".to_vec(), Condition::Unchanged(row.version)).await?;
    }
    let mut done = 0;
    loop {
        let to = derive::write_rows(cx, SCHEMA, done + 1, u64::MAX).await?;
        if to == done {
            break;
        }
        done = to;
    }
    for row in invented(cx, done, &HashSet::new()).await? {
        match cx.table.delete(&row.key, &row.version).await {
            Ok(()) | Err(TableError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    derive::derive(cx, SCHEMA, u64::MAX).await?;
    Ok(done)
}

/// Whether a derived row names a block after `head` that is not there. Rows are written after their
/// block, so one that was chained since `head` was read is found here.
pub(crate) async fn names_lost_blocks_after(cx: &Context, head: u64) -> Result<bool, ReadError> {
    for partition in partitions(cx) {
        let mut all = Pages::of(partition);
        while let Some(page) = all.next(cx).await? {
            for n in page.iter().filter_map(block_of).filter(|n| *n > head) {
                if get_block(cx, n).await?.is_none() {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Deletes the derived rows of blocks after `head` that are not what a block of that number asks for.
pub(crate) async fn forget_blocks_after(cx: &Context, head: u64) -> Result<(), ReadError> {
    for partition in partitions(cx) {
        let mut all = Pages::of(partition);
        while let Some(page) = all.next(cx).await? {
            for row in page.iter().filter(|row| block_of(row).is_some_and(|n| n > head)) {
                // Somebody may have committed and derived a block of this number since.
                if !planted(Bug::ForgetsNewRows)
                    && is_wanted(&wanted_rows(cx, block_of(row).unwrap_or_default()).await?, row)
                {
                    continue;
                }
                match cx.table.delete(&row.key, &row.version).await {
                    Ok(()) | Err(TableError::Conflict(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}

/// Rows of blocks up to `head` that those blocks do not ask for, and rows that name none.
async fn invented(cx: &Context, head: u64, damaged: &HashSet<u64>) -> Result<Vec<Row>, ReadError> {
    let mut blocks: HashMap<u64, Option<HashMap<Key, Vec<u8>>>> = HashMap::new();
    let mut found = Vec::new();
    for partition in partitions(cx) {
        let mut all = Pages::of(partition);
        while let Some(page) = all.next(cx).await? {
            for row in page {
                let Some(n) = block_of(&row) else {
                    found.push(row);
                    continue;
                };
                if n > head || damaged.contains(&n) {
                    // Written by somebody while this runs, or beyond the end: not ours to judge.
                    if n > head && planted(Bug::RebuildTakesOutNewRows) {
                        found.push(row);
                    }
                    continue;
                }
                if !blocks.contains_key(&n) {
                    if blocks.len() == limit(CACHED_BLOCKS, 2) {
                        blocks.clear();
                    }
                    blocks.insert(n, wanted_rows(cx, n).await?);
                }
                if !is_wanted(&blocks[&n], &row) {
                    found.push(row);
                }
            }
        }
    }
    Ok(found)
}

/// What a block asks for; `None` where that cannot be known any more, because its lines expired.
async fn wanted_rows(cx: &Context, n: u64) -> Result<Option<HashMap<Key, Vec<u8>>>, ReadError> {
    let Some(stored) = get_stored(cx, n).await? else { return Ok(Some(HashMap::new())) };
    let archived = matches!(stored, Stored::Cold(_));
    let block = match stored {
        Stored::Hot(block) => block,
        Stored::Cold(stub) => match cold::read(cx, stub).await {
            Err(ReadError::Expired { .. }) => return Ok(None),
            read => read?,
        },
    };
    let derived = derive_block(&block).map_err(ReadError::damaged(n))?;
    let rows = match archived {
        true => rows::lasting(&cx.chain, SCHEMA, &derived),
        false => rows::derived(&cx.chain, SCHEMA, n, &derived),
    };
    Ok(Some(rows.into_iter().collect()))
}

/// Of a block that expired, its markers are; its entries were dropped before.
fn is_wanted(rows: &Option<HashMap<Key, Vec<u8>>>, row: &Row) -> bool {
    rows.as_ref().map_or(!is_entry(row), |rows| rows.get(&row.key) == Some(&row.value))
}

fn is_entry(row: &Row) -> bool {
    rows::entry_parts(&row.key.sort).is_some()
}

fn partitions(cx: &Context) -> Vec<String> {
    let markers = (0..MARKER_PARTITIONS).map(|p| rows::marker_partition(&cx.chain, SCHEMA, p));
    markers.chain([rows::entry_partition(&cx.chain, SCHEMA)]).collect()
}

/// The block that a derived row names: an entry in its key, a marker in its value.
fn block_of(row: &Row) -> Option<u64> {
    match rows::entry_parts(&row.key.sort) {
        Some((_, block)) => Some(block),
        None => Marker::from_value(Identity(Hash::ZERO), &row.value).map(|marker| marker.block),
    }
}

fn seq_of(key: &Key, value: &[u8], first_seq: u64) -> u64 {
    match rows::entry_parts(&key.sort) {
        Some((at_max, _)) => {
            let entry = domain::derived::Entry::from_value(at_max, value);
            first_seq + entry.and_then(|e| e.events.first().copied()).map_or(0, u64::from)
        }
        None => Marker::from_value(Identity(Hash::ZERO), value).map_or(first_seq, |marker| marker.seq),
    }
}

struct Pages {
    partition: String,
    after: Option<KeyRange>,
}

impl Pages {
    fn of(partition: String) -> Self {
        Self { partition, after: Some(KeyRange::all()) }
    }

    async fn next(&mut self, cx: &Context) -> Result<Option<Vec<Row>>, TableError> {
        let Some(range) = self.after.take() else { return Ok(None) };
        let page = cx.table.query(&self.partition, &range, Order::Ascending, limit(PAGE, 3)).await?;
        if page.len() == limit(PAGE, 3) {
            self.after = page.last().map(|row| KeyRange::after(row.key.sort.clone()));
        }
        Ok(Some(page))
    }
}
