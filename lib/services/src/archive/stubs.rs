//! The end of a batch: stubs instead of blocks, and no entries for them.

use super::ArchiveError;
use super::error::stuck;
use crate::Context;
use crate::blocks::{ReadError, get_stored};
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, planted};
use domain::archive::{ArchivedBlock, Manifest};
use domain::block::{Block, Header, Stored, Stub};
use domain::derived::{Entry, derive as derive_block};
use domain::hash::Hash;
use futures_util::future::try_join_all;
use ports::{Condition, TableError, Version};

/// Rows that are written at once, each on its own condition.
const AT_ONCE: usize = 8;
/// Blocks whose entries are dropped together.
const BLOCKS_AT_ONCE: usize = 64;
/// Tries of one row before it is left to the next run.
const MAX_TRIES: u32 = 4;

/// The members of a block within the object.
pub(super) fn members<'a>(object: &'a [u8], place: &ArchivedBlock) -> Option<&'a [u8]> {
    let start = usize::try_from(place.offset).ok()?;
    let end = start.checked_add(usize::try_from(place.length).ok()?)?;
    object.get(start..end)
}

/// Replaces each block by its stub, if it is the block that was archived. `rows` are those that the blocks
/// were read from, where they are known.
pub(super) async fn replace(
    cx: &Context,
    manifest: &Manifest,
    object: &[u8],
    rows: &[(Header, Version)],
) -> Result<(), ArchiveError> {
    for (first, places) in (0..).step_by(AT_ONCE).zip(manifest.blocks.chunks(AT_ONCE)) {
        let replace = |(i, place)| replace_one(cx, manifest, object, place, rows.get(i));
        try_join_all((first..).zip(places).map(replace)).await?;
    }
    Ok(())
}

async fn replace_one(
    cx: &Context,
    manifest: &Manifest,
    object: &[u8],
    place: &ArchivedBlock,
    row: Option<&(Header, Version)>,
) -> Result<(), ArchiveError> {
    let other = || stuck(manifest.range, format!("block {} is not the one that was archived", place.n));
    let key = rows::block(&cx.chain, place.n);
    let archived = members(object, place).ok_or_else(other)?;
    let stub = |header: Header| Stub {
        header,
        archive: manifest.range,
        offset: place.offset,
        length: place.length,
        sha256: Hash::of(archived),
    };
    if let Some((header, version)) = row.filter(|_| !planted(Bug::StubsUnconditionally)) {
        match cx.table.put(&key, stub(header.clone()).to_row(), Condition::Unchanged(version.clone())).await {
            Ok(_) => return Ok(()),
            Err(TableError::Conflict(_) | TableError::Unavailable(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut last = None;
    for _ in 0..MAX_TRIES {
        let row = cx.table.get(&key).await?.ok_or_else(other)?;
        let (header, body) = match crate::blocks::read_row(cx, place.n, &row.value)? {
            Stored::Hot(Block { header, body }) => (header, Some(body)),
            Stored::Cold(stub) => (stub.header, None),
        };
        let stub = stub(header).to_row();
        match body {
            None if stub == row.value => return Ok(()),
            Some(body) if body == archived => {}
            _ => return Err(other()),
        }
        let condition =
            if planted(Bug::StubsUnconditionally) { Condition::Any } else { Condition::Unchanged(row.version) };
        match cx.table.put(&key, stub, condition).await {
            Ok(_) => return Ok(()),
            // Somebody does the same, or the answer is lost: what is there says.
            Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.unwrap_or_else(|| TableError::Unavailable("gave up".to_owned())).into())
}

/// Drops the entries of the blocks: those that are known, else as they follow from the object. Markers stay.
pub(super) async fn drop_entries(
    cx: &Context,
    manifest: &Manifest,
    object: &[u8],
    known: Option<&[Vec<Entry>]>,
) -> Result<(), ArchiveError> {
    let partition = rows::entry_partition(&cx.chain, SCHEMA);
    for (first, places) in (0..).step_by(BLOCKS_AT_ONCE).zip(manifest.blocks.chunks(BLOCKS_AT_ONCE)) {
        let mut keys = Vec::new();
        for (i, place) in (first..).zip(places) {
            match known.and_then(|known| known.get(i)) {
                Some(entries) if !planted(Bug::MarkersAreDropped) => {
                    keys.extend(rows::entry_keys(&partition, place.n, entries));
                }
                _ => {
                    let gone = || stuck(manifest.range, format!("block {} is gone", place.n));
                    let header = get_stored(cx, place.n).await?.ok_or_else(gone)?.header().clone();
                    let block = Block { header, body: members(object, place).ok_or_else(gone)?.to_vec() };
                    let derived = derive_block(&block).map_err(ReadError::damaged(place.n))?;
                    keys.extend(rows::entry_keys(&partition, place.n, &derived.entries));
                    if planted(Bug::MarkersAreDropped) {
                        keys.extend(rows::lasting(&cx.chain, SCHEMA, &derived).into_iter().map(|(key, _)| key));
                    }
                }
            }
        }
        let rows = cx.table.get_many(keys).await?.into_iter().flatten();
        // What was written again by somebody who was late stays: an entry of a stub is no harm.
        cx.table.delete_many(rows.map(|row| (row.key, row.version)).collect()).await?;
    }
    Ok(())
}
