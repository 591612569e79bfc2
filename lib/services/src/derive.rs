//! Writing the derived rows of committed blocks, and moving the watermark behind them.
//!
//! Anyone may do it, at any time, again: rows are pure functions of their block. Only the watermark
//! is conditional. It moves by one, after every row of that block was confirmed.

use crate::Context;
use crate::blocks::{ReadError, get_block, get_stored};
use crate::cold;
use crate::layout::rows;
use crate::planted::{Bug, limit, planted};
use domain::block::Stored;
use domain::derived::{derive as derive_block, derive_lines};
use ports::{Condition, TableError, Version};

/// Rows that are written in one call, about: a thousand rows of a block cost a fraction of their
/// price when their neighbours come along.
const ROWS_AT_ONCE: usize = 16_000;

/// The watermark of a schema, and the version of its row.
///
/// # Errors
/// The table.
pub async fn watermark(cx: &Context, schema: &str) -> Result<(u64, Option<Version>), TableError> {
    let key = rows::watermark(&cx.chain, schema);
    let Some(row) = cx.table.get(&key).await? else { return Ok((0, None)) };
    let text = std::str::from_utf8(&row.value).unwrap_or_default();
    let n =
        text.parse().ok().filter(|n: &u64| *n < 1 << 53).ok_or_else(|| {
            TableError::Rejected(format!("the row holds no block's number; run `rebuild`. key=`{key}`"))
        })?;
    Ok((n, Some(row.version)))
}

/// Derives up to `blocks` blocks; says how many it moved the watermark.
///
/// # Errors
/// The table, or damaged bytes.
pub async fn derive(cx: &Context, schema: &str, blocks: u64) -> Result<u64, ReadError> {
    let mut moved = 0;
    while moved < blocks {
        let (from, mut version) = watermark(cx, schema).await?;
        let to = match planted(Bug::WatermarkBeforeRows) {
            true => from + u64::from(get_block(cx, from + 1).await?.is_some()),
            false => write_rows(cx, schema, from + 1, from.saturating_add(blocks - moved)).await?,
        };
        if to == from {
            break;
        }
        let to = match planted(Bug::WatermarkSkips) {
            true => to + u64::from(get_block(cx, to + 1).await?.is_some()),
            false => to,
        };
        for n in from + 1..=to {
            let condition = version.map_or(Condition::Absent, Condition::Unchanged);
            let key = rows::watermark(&cx.chain, schema);
            match cx.table.put(&key, n.to_string().into_bytes(), condition).await {
                Ok(next) => version = Some(next),
                // Somebody else moved it: read where it stands and go on from there.
                Err(TableError::Conflict(_)) => break,
                Err(error) => return Err(error.into()),
            }
            moved += 1;
        }
        if planted(Bug::WatermarkBeforeRows) {
            write_rows(cx, schema, from + 1, to).await?;
        }
    }
    Ok(moved)
}

/// Writes the rows of blocks `from` to `to`, as far as there are blocks and one call should hold;
/// says up to which block.
pub(crate) async fn write_rows(cx: &Context, schema: &str, from: u64, to: u64) -> Result<u64, ReadError> {
    let mut batch = Vec::new();
    let mut written = from - 1;
    while written < to && batch.len() < limit(ROWS_AT_ONCE, 6) {
        let n = written + 1;
        let Some(stored) = get_stored(cx, n).await? else { break };
        match stored {
            Stored::Hot(block) => {
                let derived = derive_block(&block).map_err(ReadError::damaged(n))?;
                batch.extend(rows::derived(&cx.chain, schema, n, &derived));
            }
            // Only a rebuild comes by here.
            Stored::Cold(stub) => match cold::read(cx, stub.clone()).await {
                Ok(block) => {
                    let derived = derive_block(&block).map_err(ReadError::damaged(n))?;
                    batch.extend(rows::lasting(&cx.chain, schema, &derived));
                }
                // The log's own events are all that can be known of it.
                Err(ReadError::Expired { archive, .. }) => {
                    let lines = cold::kept_lines(cx, archive, &stub.header).await?;
                    batch.extend(rows::lasting(&cx.chain, schema, &derive_lines(&stub.header, &lines)));
                }
                Err(error) => return Err(error),
            },
        }
        written = n;
    }
    if !batch.is_empty() {
        match cx.table.put_many(batch).await {
            Err(error) if !planted(Bug::WatermarkDespiteFailure) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(written)
}
