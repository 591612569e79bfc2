//! What a writer knows: the newest block, and which ids are chained already.
//!
//! Markers in the table answer for the blocks up to the watermark, memory for those above it. The
//! order of the reads matters: head, then watermark, then the blocks between.

use crate::blocks::{ReadError, find_head, get_block};
use crate::derive::watermark;
use crate::layout::rows::{self, SCHEMA};
use crate::Context;
use domain::block::{Block, Head, Header};
use domain::derived::{AcceptedBreak, Marker, derive_lines};
use domain::event::Identity;
use std::collections::HashMap;

pub(crate) struct View {
    pub(crate) head: Head,
    pub(crate) watermark: u64,
    /// Markers of the blocks above the watermark.
    recent: HashMap<Identity, Marker>,
    pub(crate) accepted: Vec<AcceptedBreak>,
}

/// A marker or the watermark names a block that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) block: u64,
}

impl View {
    /// Reads everything anew.
    pub(crate) async fn load(cx: &Context) -> Result<Self, ReadError> {
        let (hint, _) = watermark(cx, SCHEMA).await?;
        let head = find_head(cx, hint).await?;
        let (watermark, _) = watermark(cx, SCHEMA).await?;
        let mut view = Self { head, watermark, recent: HashMap::new(), accepted: Vec::new() };
        for n in watermark + 1..=head.block {
            if let Some(block) = get_block(cx, n).await? {
                let plain = block.lines().map_err(ReadError::damaged(n))?;
                view.remember(&block.header, &plain);
            }
        }
        view.catch_up(cx).await?;
        Ok(view)
    }

    /// Applies the blocks that others committed.
    pub(crate) async fn catch_up(&mut self, cx: &Context) -> Result<(), ReadError> {
        while let Some(block) = get_block(cx, self.head.block + 1).await? {
            self.apply(&block)?;
        }
        Ok(())
    }

    /// Takes up the block that follows the head.
    pub(crate) fn apply(&mut self, block: &Block) -> Result<(), ReadError> {
        let plain = block.lines().map_err(ReadError::damaged(block.header.n))?;
        self.apply_lines(&block.header, &plain);
        Ok(())
    }

    /// The same, given what its bytes unpack to.
    pub(crate) fn apply_lines(&mut self, header: &Header, plain: &[u8]) {
        self.remember(header, plain);
        self.head = header.head();
    }

    fn remember(&mut self, header: &Header, plain: &[u8]) {
        let derived = derive_lines(header, plain);
        self.recent.extend(derived.markers.into_iter().map(|marker| (marker.identity, marker)));
        self.accepted.extend(derived.accepted);
    }

    /// Reads the watermark again and forgets what the table's markers answer for by now.
    pub(crate) async fn follow_watermark(&mut self, cx: &Context) -> Result<(), ReadError> {
        let (now, _) = watermark(cx, SCHEMA).await?;
        if now > self.watermark {
            self.watermark = now;
            self.recent.retain(|_, marker| marker.block > now);
        }
        Ok(())
    }

    /// The marker of each identity that is chained, in the order of the question.
    pub(crate) async fn look_up(
        &mut self,
        cx: &Context,
        identities: &[Identity],
    ) -> Result<Result<Vec<Option<Marker>>, Beyond>, ReadError> {
        loop {
            let mut found: Vec<Option<Marker>> =
                identities.iter().map(|id| self.recent.get(id).copied()).collect();
            let unknown: Vec<usize> = (0..found.len()).filter(|i| found[*i].is_none()).collect();
            if unknown.is_empty() || self.watermark == 0 {
                return Ok(Ok(found));
            }
            let keys: Vec<_> =
                unknown.iter().map(|i| rows::marker(&cx.chain, SCHEMA, &identities[*i])).collect();
            for (i, row) in unknown.into_iter().zip(cx.table.get_many(keys).await?) {
                found[i] = row.and_then(|row| Marker::from_value(identities[i], &row.value));
            }
            let greatest = found.iter().flatten().map(|marker| marker.block).max().unwrap_or_default();
            if greatest <= self.head.block {
                return Ok(Ok(found));
            }
            // Somebody committed and derived since, or the table has lost blocks. In the first case
            // the new blocks may hold others of these identities, too: ask again.
            self.catch_up(cx).await?;
            if greatest > self.head.block {
                return Ok(Err(Beyond { block: greatest }));
            }
        }
    }
}
