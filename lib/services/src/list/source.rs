//! Where entries come from: the hot tier, and each restored archive.

use super::PAGE;
use crate::Context;
use crate::blocks::{ReadError, get_stored};
use crate::cold;
use crate::layout::archives::{restored_entry_partition, restored_partition};
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, limit, planted};
use crate::restore::Lease;
use domain::archive::Range;
use domain::block::{Block, Stored};
use domain::derived::ENTRY_SPAN_MILLIS;
use domain::time::Timestamp;
use ports::{Key, KeyRange, Order, Row, TableError};
use std::collections::VecDeque;

/// Entries in one partition, newest first, and where their blocks are.
pub(super) struct Source {
    partition: String,
    range: KeyRange,
    pub(super) page: VecDeque<Row>,
    ended: bool,
    /// The archive and the partition of its blocks; `None` for the hot ones.
    pub(super) restored: Option<(Range, String)>,
    pub(super) block: Option<Block>,
}

impl Source {
    fn of(partition: String, below: Timestamp, restored: Option<(Range, String)>) -> Self {
        let top = below.plus_millis(if planted(Bug::EntriesEndTooSoon) { 0 } else { ENTRY_SPAN_MILLIS });
        // `~` sorts behind every digit and `#`.
        let range = KeyRange::before(format!("{top}~"));
        Self { partition, range, page: VecDeque::new(), ended: false, restored, block: None }
    }

    pub(super) fn hot(cx: &Context, below: Timestamp) -> Self {
        Self::of(rows::entry_partition(&cx.chain, SCHEMA), below, None)
    }

    pub(super) fn restored(cx: &Context, below: Timestamp, lease: &Lease) -> Self {
        let start = lease.range.start;
        let blocks = restored_partition(&cx.chain, start, &lease.id);
        Self::of(restored_entry_partition(&cx.chain, start, &lease.id), below, Some((lease.range, blocks)))
    }

    /// The place of its next entry, if there is one.
    pub(super) async fn next(&mut self, cx: &Context) -> Result<Option<(Timestamp, u64)>, TableError> {
        loop {
            if let Some(row) = self.page.front() {
                if let Some(parts) = rows::entry_parts(&row.key.sort) {
                    return Ok(Some(parts));
                }
                self.page.pop_front();
            } else if self.ended {
                return Ok(None);
            } else {
                let page = cx.table.query(&self.partition, &self.range, Order::Descending, limit(PAGE, 2)).await?;
                self.ended = page.len() < limit(PAGE, 2);
                if let Some(row) = page.last() {
                    self.range = KeyRange::before(row.key.sort.clone());
                }
                self.page = page.into();
            }
        }
    }

    /// Whether block `n` is not at hand yet.
    pub(super) fn must_read(&self, n: u64) -> bool {
        self.block.as_ref().is_none_or(|block| block.header.n != n)
    }

    /// Reads block `n`; none where it is archived, or its lease is over.
    pub(super) async fn read(&mut self, cx: &Context, n: u64) -> Result<(), ReadError> {
        self.block = match &self.restored {
            None => match get_stored(cx, n).await? {
                Some(Stored::Hot(block)) => Some(block),
                _ => None,
            },
            Some((archive, partition)) => {
                let row = cx.table.get(&Key::new(partition, rows::number(n))).await?;
                let copy = row.map(|row| Block::from_row(&row.value)).transpose();
                match get_stored(cx, n).await? {
                    // Only the chain's own stub says which bytes are the block's; a copy that is other, or
                    // gone, is as good as none.
                    Some(Stored::Cold(stub)) if stub.archive == *archive => {
                        let copy = copy.ok().flatten().and_then(|copy| stub.restore(copy.body).ok());
                        match copy {
                            Some(copy) => Some(copy),
                            None => Some(cold::read(cx, stub).await?),
                        }
                    }
                    _ => None,
                }
            }
        };
        Ok(())
    }
}
