//! Reading blocks: one by number, the newest, the one that holds an event.

use crate::Context;
use crate::cold;
use crate::layout::rows;
use domain::archive::Range;
use domain::block::{Block, Head, Stored};
use domain::json::Refusal;
use domain::time::Timestamp;
use ports::{KeyRange, Order, TableError};

/// Stored bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The table.
    #[error("read the chain")]
    Table(#[from] TableError),
    /// A block's bytes are damaged: `verify` says more.
    #[error("block {block} is damaged; run `verify` for the exact place. {refusal}")]
    Damaged {
        /// Its number.
        block: u64,
        /// What is wrong.
        refusal: Refusal,
    },
    /// The lines are in an archive that cannot be read, or is not what it was.
    #[error("events {archive} are archived, and their archive cannot be read: {what}")]
    Cold {
        /// The archive.
        archive: Range,
        /// What is wrong.
        what: String,
    },
    /// The lines are gone because their time was over.
    #[error("the lines of events {archive} expired on {at}; their hashes and the manifest remain")]
    Expired {
        /// The archive.
        archive: Range,
        /// When.
        at: Timestamp,
    },
}

impl ReadError {
    pub(crate) fn damaged(block: u64) -> impl FnOnce(Refusal) -> Self {
        move |refusal| Self::Damaged { block, refusal }
    }
}

/// Block `n`, if it was committed; from its archive, if it is there by now.
///
/// # Errors
/// The table, damaged bytes, or an archive that cannot be read.
pub async fn get_block(cx: &Context, n: u64) -> Result<Option<Block>, ReadError> {
    match get_stored(cx, n).await? {
        None => Ok(None),
        Some(Stored::Hot(block)) => Ok(Some(block)),
        Some(Stored::Cold(stub)) => cold::read(cx, stub).await.map(Some),
    }
}

/// What the row of block `n` holds: the block, or its stub.
///
/// # Errors
/// The table, or damaged bytes.
pub async fn get_stored(cx: &Context, n: u64) -> Result<Option<Stored>, ReadError> {
    let row = cx.table.get(&rows::block(&cx.chain, n)).await?;
    row.map(|row| read_row(cx, n, &row.value)).transpose()
}

/// A row under another's key would lead a walk over blocks in circles.
pub(crate) fn read_row(cx: &Context, n: u64, row: &[u8]) -> Result<Stored, ReadError> {
    let block = Stored::from_row(row).map_err(ReadError::damaged(n))?;
    if block.header().n == n && block.header().chain == cx.chain {
        return Ok(block);
    }
    let refusal = Refusal::new("header-mismatch", "the row under this key is another block's").within("n");
    Err(ReadError::Damaged { block: n, refusal })
}

/// The newest block, or the empty head. `hint` is a block that is known to be there: the newest is
/// found in its partition or the next in the usual case, else by doubling.
///
/// # Errors
/// The table, or damaged bytes.
pub async fn find_head(cx: &Context, hint: u64) -> Result<Head, ReadError> {
    let mut partition = hint / rows::blocks_per_partition();
    if newest_in(cx, partition).await?.is_none() {
        partition = last_used_partition(cx).await?;
    }
    let mut head = Head::EMPTY;
    while let Some(found) = newest_in(cx, partition).await? {
        head = found;
        partition += 1;
    }
    Ok(head)
}

async fn newest_in(cx: &Context, partition: u64) -> Result<Option<Head>, ReadError> {
    let name = rows::block_partition(&cx.chain, partition);
    let rows = cx.table.query(&name, &KeyRange::all(), Order::Descending, 1).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let n = row.key.sort.parse().unwrap_or_default();
    Ok(Some(read_row(cx, n, &row.value)?.header().head()))
}

/// Doubles until a partition is empty, then halves the step back.
async fn last_used_partition(cx: &Context) -> Result<u64, ReadError> {
    let (mut used, mut empty) = (0, 1);
    while newest_in(cx, empty).await?.is_some() {
        used = empty;
        empty *= 2;
    }
    while empty - used > 1 {
        let middle = used + (empty - used) / 2;
        if newest_in(cx, middle).await?.is_some() {
            used = middle;
        } else {
            empty = middle;
        }
    }
    Ok(used)
}

/// The block that holds event `seq`, by halving between the first block and `newest`.
///
/// # Errors
/// The table, or damaged bytes.
pub async fn find_block_of(cx: &Context, seq: u64, newest: u64) -> Result<Option<Stored>, ReadError> {
    let (mut low, mut high) = (1, newest);
    while low <= high {
        let middle = low + (high - low) / 2;
        let Some(block) = get_stored(cx, middle).await? else { return Ok(None) };
        if seq < block.header().first_seq {
            high = middle - 1;
        } else if seq > block.header().last_seq() {
            low = middle + 1;
        } else {
            return Ok(Some(block));
        }
    }
    Ok(None)
}

/// A line, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Without its LF.
    pub line: Vec<u8>,
    /// The archive it was read from; `None` if it is hot.
    pub archive: Option<Range>,
}

/// The stored line of event `seq`, without its LF.
///
/// # Errors
/// The table, damaged bytes, or an archive that cannot be read.
pub async fn get_event(cx: &Context, seq: u64) -> Result<Option<Vec<u8>>, ReadError> {
    Ok(find_event(cx, seq).await?.map(|found| found.line))
}

/// The same, and where it is: a block's part of an archive is read without restoring it.
///
/// # Errors
/// As [`get_event`].
pub async fn find_event(cx: &Context, seq: u64) -> Result<Option<Found>, ReadError> {
    let (watermark, _) = crate::derive::watermark(cx, rows::SCHEMA).await?;
    let head = find_head(cx, watermark).await?;
    if seq == 0 || seq > head.seq {
        return Ok(None);
    }
    let (block, archive) = match find_block_of(cx, seq, head.block).await? {
        None => return Ok(None),
        Some(Stored::Hot(block)) => (block, None),
        Some(Stored::Cold(stub)) => {
            let archive = stub.archive;
            match cold::read(cx, stub).await {
                Ok(block) => (block, Some(archive)),
                Err(error @ ReadError::Expired { .. }) => {
                    // The log's own events stay: holds and accepted breaks are known by them.
                    let line = cold::kept_line(cx, archive, seq).await?;
                    return line.map(|line| Some(Found { line, archive: Some(archive) })).ok_or(error);
                }
                Err(error) => return Err(error),
            }
        }
    };
    let line = block.line(seq).map_err(ReadError::damaged(block.header.n))?;
    Ok(line.map(|line| Found { line, archive }))
}
