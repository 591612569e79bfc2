//! Reading the batches: their claims, and their manifests.

use crate::Context;
use crate::layout::archives::{Claim, Stored, claim, claim_partition, manifest};
use crate::layout::rows::number;
use domain::archive::Manifest;
use domain::hash::Hash;
use domain::json::Refusal;
use ports::{KeyRange, Order, TableError};

/// The batch that starts with this event.
///
/// # Errors
/// The table, or a row that holds no claim.
pub async fn get(cx: &Context, start: u64) -> Result<Option<Stored>, TableError> {
    cx.table.get(&claim(&cx.chain, start)).await?.map(Stored::of_row).transpose()
}

/// The newest batch.
///
/// # Errors
/// The table, or a row that holds no claim.
pub async fn newest(cx: &Context) -> Result<Option<Stored>, TableError> {
    Ok(before(cx, None, 1).await?.pop())
}

/// The batch to go on with: the first one that is not finished, else the newest. More than one is
/// unfinished only in a table that was made anew.
///
/// # Errors
/// The table, or a row that holds no claim.
pub async fn first_unfinished(cx: &Context) -> Result<Option<Stored>, TableError> {
    let mut found = newest(cx).await?;
    while let Some(stored) = found.as_ref().filter(|stored| !stored.claim.is_finished()) {
        match before(cx, Some(stored.claim.range.start), 1).await?.pop() {
            Some(before) if !before.claim.is_finished() => found = Some(before),
            _ => break,
        }
    }
    Ok(found)
}

/// The newest batch whose manifest is signed: blocks up to its last one may be stubs. A row that cannot be
/// read hides no other.
///
/// # Errors
/// The table.
pub async fn newest_signed(cx: &Context) -> Result<Option<Claim>, TableError> {
    let rows = cx.table.query(&claim_partition(&cx.chain), &KeyRange::all(), Order::Descending, 10).await?;
    Ok(rows.iter().filter_map(|row| Claim::from_value(&row.value)).find(|claim| claim.signed.is_some()))
}

/// Batches, newest first, from the one before the batch that starts with `start`.
///
/// # Errors
/// The table, or a row that holds no claim.
pub async fn before(cx: &Context, start: Option<u64>, limit: usize) -> Result<Vec<Stored>, TableError> {
    let range = start.map_or_else(KeyRange::all, |start| KeyRange::before(number(start)));
    let rows = cx.table.query(&claim_partition(&cx.chain), &range, Order::Descending, limit).await?;
    rows.into_iter().map(Stored::of_row).collect()
}

/// Batches, oldest first, from the one after the batch that starts with `start`; 0 for the first.
///
/// # Errors
/// The table, or a row that holds no claim.
pub async fn after(cx: &Context, start: u64, limit: usize) -> Result<Vec<Stored>, TableError> {
    let range = KeyRange::after(number(start));
    let rows = cx.table.query(&claim_partition(&cx.chain), &range, Order::Ascending, limit).await?;
    rows.into_iter().map(Stored::of_row).collect()
}

/// The bytes of the manifest that a claim names, by their hash.
///
/// # Errors
/// The table.
pub async fn manifest_bytes(cx: &Context, claim: &Claim) -> Result<Option<Vec<u8>>, TableError> {
    let Some(signed) = &claim.signed else { return Ok(None) };
    let row = cx.table.get(&manifest(&cx.chain, claim.range.start, &signed.manifest)).await?;
    Ok(row.map(|row| row.value).filter(|bytes| Hash::of(bytes) == signed.manifest))
}

/// Reads a manifest and holds it against the claim that names it, and against the keys.
///
/// # Errors
/// The first thing that does not fit.
pub fn believed(cx: &Context, claim: &Claim, bytes: &[u8]) -> Result<Manifest, Refusal> {
    let wrong = |what: &str| Refusal::new("archive-manifest-mismatch", what);
    let signed = claim.signed.as_ref().ok_or_else(|| wrong("the batch has no manifest yet"))?;
    if Hash::of(bytes) != signed.manifest {
        return Err(wrong("the manifest is not the one that the batch's record names"));
    }
    let manifest = Manifest::from_bytes(bytes)?;
    let first = manifest.blocks.first().map(|block| block.n);
    let last = manifest.blocks.last().map(|block| block.n);
    if manifest.chain != cx.chain
        || manifest.range != claim.range
        || first != Some(claim.first_block)
        || last != Some(claim.last_block)
    {
        return Err(wrong("the manifest is another batch's"));
    }
    if (signed.first_at, signed.last_at) != (manifest.first_at, manifest.last_at)
        || (signed.bytes, signed.bytes_uncompressed) != (manifest.bytes_compressed, manifest.bytes_uncompressed)
        || claim.archived_at != manifest.archived_at
        || signed.complete_after < manifest.last_at
    {
        return Err(wrong("the batch's record says something else than the manifest"));
    }
    if !cx.ring.is_empty() && !manifest.is_signed_by(&cx.ring) {
        return Err(wrong("no key that may sign it signed the manifest"));
    }
    Ok(manifest)
}
