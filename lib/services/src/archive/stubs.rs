//! The end of a batch: stubs instead of blocks, and no entries for them.

use super::{ArchiveError, stuck};
use crate::Context;
use crate::blocks::{ReadError, get_stored};
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, planted};
use domain::archive::{ArchivedBlock, Manifest};
use domain::block::{Block, Stored, Stub};
use domain::derived::derive as derive_block;
use futures_util::future::try_join_all;
use ports::{Condition, TableError};

/// Rows that are written at once, each on its own condition.
const AT_ONCE: usize = 8;
/// Tries of one row before it is left to the next run.
const MAX_TRIES: u32 = 4;

/// The members of a block within the object.
pub(super) fn members(object: &[u8], place: &ArchivedBlock) -> Option<Vec<u8>> {
    let start = usize::try_from(place.offset).ok()?;
    let end = start.checked_add(usize::try_from(place.length).ok()?)?;
    object.get(start..end).map(<[u8]>::to_vec)
}

/// Replaces each block by its stub, if it is the block that was archived.
pub(super) async fn replace(cx: &Context, manifest: &Manifest, object: &[u8]) -> Result<(), ArchiveError> {
    for places in manifest.blocks.chunks(AT_ONCE) {
        try_join_all(places.iter().map(|place| replace_one(cx, manifest, object, place))).await?;
    }
    Ok(())
}

async fn replace_one(
    cx: &Context,
    manifest: &Manifest,
    object: &[u8],
    place: &ArchivedBlock,
) -> Result<(), ArchiveError> {
    let other = || stuck(manifest.range, format!("block {} is not the one that was archived", place.n));
    let key = rows::block(&cx.chain, place.n);
    let mut last = None;
    for _ in 0..MAX_TRIES {
        let row = cx.table.get(&key).await?.ok_or_else(other)?;
        let stored = crate::blocks::read_row(cx, place.n, &row.value)?;
        let (header, body) = match stored {
            Stored::Hot(Block { header, body }) => (header, Some(body)),
            Stored::Cold(stub) => (stub.header, None),
        };
        let archived = Block { header, body: members(object, place).ok_or_else(other)? };
        let stub = Stub::of(&archived, manifest.range, place.offset);
        match body {
            None if stub.to_row() == row.value => return Ok(()),
            Some(body) if body == archived.body => {}
            _ => return Err(other()),
        }
        let condition =
            if planted(Bug::StubsUnconditionally) { Condition::Any } else { Condition::Unchanged(row.version) };
        match cx.table.put(&key, stub.to_row(), condition).await {
            Ok(_) => return Ok(()),
            // Somebody does the same, or the answer is lost: what is there says.
            Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.unwrap_or_else(|| TableError::Unavailable("gave up".to_owned())).into())
}

/// Drops the entries of the blocks, as they follow from the object. Markers stay.
pub(super) async fn drop_entries(cx: &Context, manifest: &Manifest, object: &[u8]) -> Result<(), ArchiveError> {
    let partition = rows::entry_partition(&cx.chain, SCHEMA);
    for place in &manifest.blocks {
        let gone = || stuck(manifest.range, format!("block {} is gone", place.n));
        let header = get_stored(cx, place.n).await?.ok_or_else(gone)?.header().clone();
        let block = Block { header, body: members(object, place).ok_or_else(gone)? };
        let derived = derive_block(&block).map_err(ReadError::damaged(place.n))?;
        let mut keys: Vec<_> = rows::entries(&partition, place.n, &derived).into_iter().map(|(key, _)| key).collect();
        if planted(Bug::MarkersAreDropped) {
            keys.extend(rows::lasting(&cx.chain, SCHEMA, &derived).into_iter().map(|(key, _)| key));
        }
        for row in cx.table.get_many(keys).await?.into_iter().flatten() {
            match cx.table.delete(&row.key, &row.version).await {
                // Gone already, or written again by somebody who was late: an entry of a stub is no harm.
                Ok(()) | Err(TableError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
