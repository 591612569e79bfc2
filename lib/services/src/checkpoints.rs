//! Reading checkpoints: from the table, and their copies from the bucket.

use crate::Context;
use crate::layout::{objects, rows};
use domain::checkpoint::Checkpoint;
use domain::json::Refusal;
use domain::merkle::Edge;
use ports::{BucketError, KeyRange, Order, TableError};

/// Objects or rows that one call lists.
const PAGE: usize = 500;

/// A checkpoint, and what its signer left for the next.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Its line, without LF.
    pub line: Vec<u8>,
    /// The block that ends with its head, and the tree's right edge there; `None` if unreadable.
    pub state: Option<(u64, Edge)>,
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

/// Checkpoint `n`.
///
/// # Errors
/// The table, or a damaged row.
pub async fn get(cx: &Context, n: u64) -> Result<Option<Stored>, CheckpointError> {
    cx.table.get(&rows::checkpoint(&cx.chain, n)).await?.map(stored).transpose()
}

fn stored(row: ports::Row) -> Result<Stored, CheckpointError> {
    let n = row.key.sort.parse().unwrap_or_default();
    let line = rows::checkpoint_line(&row.value).to_vec();
    let checkpoint = Checkpoint::from_line(&line).map_err(|refusal| CheckpointError::Damaged { n, refusal })?;
    let state = rows::checkpoint_state(&row.value, checkpoint.head_seq);
    Ok(Stored { checkpoint, line, state })
}

/// The lines of the checkpoints after number `after`, in order, one page of them. Rows are not
/// judged here.
///
/// # Errors
/// The table.
pub async fn lines_after(cx: &Context, after: u64) -> Result<Vec<(u64, Vec<u8>)>, TableError> {
    let partition = rows::checkpoint_partition(&cx.chain);
    let range = KeyRange::after(rows::number(after));
    let rows = cx.table.query(&partition, &range, Order::Ascending, PAGE).await?;
    let line = |row: ports::Row| (row.key.sort.parse().unwrap_or_default(), rows::checkpoint_line(&row.value).to_vec());
    Ok(rows.into_iter().map(line).collect())
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
        let page = cx.bucket.list(&prefix, after.as_deref(), PAGE).await?;
        for meta in &page {
            let Some(n) = objects::checkpoint_number(&meta.key) else { continue };
            if let Some(bytes) = cx.bucket.get(&meta.key).await? {
                copies.push((n, bytes));
            }
        }
        if page.len() < PAGE {
            return Ok(copies);
        }
        after = page.last().map(|meta| meta.key.clone());
    }
}
