//! Reading checkpoints: from the table, and their copies from the bucket.

use crate::Context;
use crate::blocks::{ReadError, find_block_of, find_head, get_stored};
use crate::guard::GuardError;
use crate::layout::{objects, rows};
use crate::planted::{Bug, limit, planted};
use crate::{derive, tiles};
use domain::block::Header;
use domain::checkpoint::Checkpoint;
use domain::json::Refusal;
use domain::merkle::Edge;
use ports::{BucketError, Condition, KeyRange, Order, TableError};

/// Objects or rows that one call lists.
const PAGE: usize = 500;

/// A checkpoint as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Its line, without LF.
    pub line: Vec<u8>,
}

/// The checkpoints cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The table.
    #[error("read the checkpoints")]
    Table(#[from] TableError),
    /// A row does not hold one.
    #[error("checkpoint {n} is damaged; run `verify`. {refusal}")]
    Damaged {
        /// Its number.
        n: u64,
        /// What is wrong.
        refusal: Refusal,
    },
}

/// The newest checkpoint.
///
/// # Errors
/// The table, or a damaged row.
pub async fn latest(cx: &Context) -> Result<Option<Stored>, CheckpointError> {
    let partition = rows::checkpoint_partition(&cx.chain);
    let rows = cx.table.query(&partition, &KeyRange::all(), Order::Descending, 1).await?;
    rows.into_iter().next().map(stored).transpose()
}

/// The newest checkpoint's line as it is stored, or `null`: what a reader is answered.
///
/// # Errors
/// The table, or a damaged row.
pub async fn latest_line(cx: &Context) -> Result<Vec<u8>, CheckpointError> {
    Ok(latest(cx).await?.map_or_else(|| b"null".to_vec(), |stored| stored.line))
}

/// Checkpoint `n`.
///
/// # Errors
/// The table, or a damaged row.
pub async fn get(cx: &Context, n: u64) -> Result<Option<Stored>, CheckpointError> {
    cx.table.get(&rows::checkpoint(&cx.chain, n)).await?.map(stored).transpose()
}

fn stored(row: ports::Row) -> Result<Stored, CheckpointError> {
    let n = row.key.sort.parse().unwrap_or_default();
    let line = row.value;
    let checkpoint = Checkpoint::from_line(&line).map_err(|refusal| CheckpointError::Damaged { n, refusal })?;
    Ok(Stored { checkpoint, line })
}

/// What the signer of a checkpoint left for the next: the block that ends with its head, and the
/// tree's right edge there. `None` where that is gone or is not the checkpoint's tree, or where the
/// checkpoint is not of this chain: its head may be lost. The tree is built anew then.
///
/// # Errors
/// The table, or damaged bytes.
pub async fn edge(cx: &Context, checkpoint: &Checkpoint) -> Result<Option<(u64, Edge)>, ReadError> {
    let row = cx.table.get(&rows::edge(&cx.chain, checkpoint.n, &checkpoint.head_hash)).await?;
    let parts = row.and_then(|row| rows::edge_parts(&row.value, checkpoint.head_seq));
    let parts = parts.filter(|(_, edge)| edge.root() == checkpoint.root_hash && checkpoint.is_signed_by(&cx.ring));
    let parts = match parts {
        Some(parts) => Some(parts),
        None => edge_of_tiles(cx, checkpoint).await?,
    };
    let Some((block, edge)) = parts else { return Ok(None) };
    let header = get_stored(cx, block).await?.map(|block| block.header().clone());
    let ends = |h: Header| h.last_seq() == checkpoint.head_seq && h.head_hash == checkpoint.head_hash;
    Ok((header.is_some_and(ends) || planted(Bug::EdgeIsBelieved)).then_some((block, edge)))
}

/// The newest checkpoint up to number `n` that is of this chain and whose tree is known, with what
/// [`edge`] says of it. Behind an accepted loss that is not the newest one.
///
/// # Errors
/// The table, or damaged bytes.
pub(crate) async fn newest_state(cx: &Context, mut n: u64) -> Result<Option<(Checkpoint, u64, Edge)>, GuardError> {
    while n > 0 {
        let stored = match get(cx, n).await {
            Ok(stored) => stored,
            Err(CheckpointError::Damaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(Stored { checkpoint, .. }) = stored
            && let Some((block, edge)) = edge(cx, &checkpoint).await?
        {
            return Ok(Some((checkpoint, block, edge)));
        }
        n -= 1;
    }
    Ok(None)
}

/// The same from the tiles: of lines that expired, nothing else knows the tree.
async fn edge_of_tiles(cx: &Context, checkpoint: &Checkpoint) -> Result<Option<(u64, Edge)>, ReadError> {
    if !checkpoint.is_signed_by(&cx.ring) {
        return Ok(None);
    }
    let edge = match tiles::edge_of(cx, checkpoint).await {
        Ok(Some(edge)) => edge,
        Ok(None) => return Ok(None),
        Err(error) => {
            tracing::warn!(chain = %cx.chain, n = checkpoint.n, %error, "the tiles of a checkpoint cannot be read");
            return Ok(None);
        }
    };
    let (watermark, _) = derive::watermark(cx, rows::SCHEMA).await?;
    let head = find_head(cx, watermark).await?;
    let block = find_block_of(cx, checkpoint.head_seq, head.block).await?;
    Ok(block.map(|block| (block.header().n, edge)))
}

/// The lines of the checkpoints behind the key `after` (empty: from the first), each with its key, in
/// order, one page of them. Neither keys nor lines are judged here.
///
/// # Errors
/// The table.
pub async fn lines_after(cx: &Context, after: &str) -> Result<Vec<(String, Vec<u8>)>, TableError> {
    let partition = rows::checkpoint_partition(&cx.chain);
    let range = if after.is_empty() { KeyRange::all() } else { KeyRange::after(after) };
    let rows = cx.table.query(&partition, &range, Order::Ascending, limit(PAGE, 2)).await?;
    Ok(rows.into_iter().map(|row| (row.key.sort, row.value)).collect())
}

/// The copies with a number of at least `from`, in order.
///
/// # Errors
/// The bucket.
pub async fn copies_from(cx: &Context, from: u64) -> Result<Vec<(u64, Vec<u8>)>, BucketError> {
    let prefix = objects::checkpoint_prefix(&cx.chain);
    let mut after = from.checked_sub(1).map(|n| objects::checkpoint(&cx.chain, n));
    let mut copies = Vec::new();
    loop {
        let page = cx.bucket.list(&prefix, after.as_deref(), limit(PAGE, 2)).await?;
        for meta in &page {
            let Some(n) = objects::checkpoint_number(&meta.key) else { continue };
            if let Some(bytes) = cx.bucket.get(&meta.key).await? {
                copies.push((n, bytes));
            }
        }
        if page.len() < limit(PAGE, 2) {
            return Ok(copies);
        }
        after = page.last().map(|meta| meta.key.clone());
    }
}

/// Copies that can be believed and whose rows are gone: number, line, checkpoint, in order.
///
/// # Errors
/// The table, a damaged row, or the bucket.
pub(crate) async fn missing_rows(cx: &Context) -> Result<Vec<(u64, Vec<u8>, Checkpoint)>, GuardError> {
    let newest = newest_number(cx).await?;
    let copies = copies_from(cx, newest + 1).await?;
    // Somebody may have made them just now.
    let newest = newest_number(cx).await?;
    let believed = copies.into_iter().filter(|(n, _)| *n > newest).filter_map(|(n, line)| {
        let checkpoint = Checkpoint::from_line(&line).ok()?;
        let ours = checkpoint.n == n && checkpoint.chain == cx.chain && checkpoint.is_signed_by(&cx.ring);
        ours.then_some((n, line, checkpoint))
    });
    Ok(believed.collect())
}

/// The greatest number under which there is a row, whatever it holds.
pub(crate) async fn newest_number(cx: &Context) -> Result<u64, TableError> {
    let partition = rows::checkpoint_partition(&cx.chain);
    let rows = cx.table.query(&partition, &KeyRange::all(), Order::Descending, 1).await?;
    Ok(rows.first().and_then(|row| row.key.sort.parse().ok()).unwrap_or_default())
}

/// A newest row that holds no checkpoint would stop every signer. Its copy, if that can be believed,
/// is written over it.
///
/// # Errors
/// The table or the bucket.
pub(crate) async fn mend_newest(cx: &Context) -> Result<(), GuardError> {
    let Err(CheckpointError::Damaged { n, .. }) = latest(cx).await else { return Ok(()) };
    let key = rows::checkpoint(&cx.chain, n);
    let (Some(row), Some(copy)) = (cx.table.get(&key).await?, cx.bucket.get(&objects::checkpoint(&cx.chain, n)).await?)
    else {
        return Ok(());
    };
    let believed = Checkpoint::from_line(&copy)
        .is_ok_and(|checkpoint| checkpoint.n == n && checkpoint.chain == cx.chain && checkpoint.is_signed_by(&cx.ring));
    if believed {
        tracing::warn!(chain = %cx.chain, n, "the row of a checkpoint was damaged; its copy replaced it");
        cx.table.put(&key, copy, Condition::Unchanged(row.version)).await?;
    }
    Ok(())
}

/// Puts a checkpoint's row back; what its signer left for the next is made anew from the chain.
///
/// # Errors
/// The table.
pub(crate) async fn bring_back(cx: &Context, n: u64, line: Vec<u8>) -> Result<(), TableError> {
    match cx.table.put(&rows::checkpoint(&cx.chain, n), line, Condition::Absent).await {
        Ok(_) | Err(TableError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
