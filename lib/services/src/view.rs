//! What a writer knows: the newest block, and which ids are chained already.
//!
//! Markers in the table answer for the blocks up to the watermark, memory for those above it. The
//! order of the reads matters: head, then watermark, then the blocks between.

use crate::Context;
use crate::blocks::{ReadError, find_head, get_block};
use crate::derive::watermark;
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, planted};
use domain::block::{Block, Head, Header};
use domain::derived::{AcceptedBreak, Marker, derive_lines};
use domain::event::Identity;
use domain::hash::Hash;
use domain::line::LineView;
use ports::TableError;
use std::collections::HashMap;

pub(crate) struct View {
    pub(crate) head: Head,
    pub(crate) watermark: u64,
    /// Markers of the blocks above the watermark.
    recent: HashMap<Identity, Recent>,
    pub(crate) accepted: Vec<AcceptedBreak>,
}

/// What a marker will say once it is derived.
#[derive(Debug, Clone, Copy)]
struct Recent {
    block: u64,
    seq: u64,
    /// `None`: to be read from the event.
    digest: Option<Hash>,
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
            if planted(Bug::CatchesUpByOne) {
                break;
            }
        }
        Ok(())
    }

    /// Takes up the block that follows the head.
    pub(crate) fn apply(&mut self, block: &Block) -> Result<(), ReadError> {
        let plain = block.lines().map_err(ReadError::damaged(block.header.n))?;
        self.remember(&block.header, &plain);
        self.head = block.header.head();
        Ok(())
    }

    fn remember(&mut self, header: &Header, plain: &[u8]) {
        let derived = derive_lines(header, plain);
        self.recent.extend(
            derived
                .markers
                .into_iter()
                .map(|Marker { identity, block, seq, digest }| (identity, Recent { block, seq, digest: Some(digest) })),
        );
        self.accepted.extend(derived.accepted);
    }

    /// Reads the watermark again and forgets what the table's markers answer for by now.
    pub(crate) async fn follow_watermark(&mut self, cx: &Context) -> Result<(), ReadError> {
        let (now, _) = watermark(cx, SCHEMA).await?;
        if now > self.watermark {
            self.watermark = now;
            let derived = now + u64::from(planted(Bug::ForgetsTooEarly));
            self.recent.retain(|_, marker| marker.block > derived);
        }
        Ok(())
    }

    /// Takes up a block of this process, of which the identities are known already.
    pub(crate) fn apply_own(&mut self, header: &Header, identities: &[Identity]) {
        for (seq, identity) in (header.first_seq..).zip(identities) {
            self.recent.insert(*identity, Recent { block: header.n, seq, digest: None });
        }
        self.head = header.head();
    }

    /// The marker of an identity that stands above the watermark.
    pub(crate) async fn recall(&self, cx: &Context, identity: &Identity) -> Result<Option<Marker>, ReadError> {
        let Some(recent) = self.recent.get(identity).copied() else { return Ok(None) };
        let Recent { block, seq, digest } = recent;
        let digest = match digest {
            Some(digest) => digest,
            // Only a repeat asks for it, and repeats are few.
            None => {
                let gone = || TableError::Rejected(format!("block {block} is gone from under this process"));
                let stored = get_block(cx, block).await?.ok_or_else(gone)?;
                let line = stored.line(seq).map_err(ReadError::damaged(block))?;
                line.as_deref().and_then(LineView::of).ok_or_else(gone)?.draft_digest()
            }
        };
        Ok(Some(Marker { identity: *identity, block, seq, digest }))
    }

    /// Whether an identity stands above the watermark.
    pub(crate) fn is_recent(&self, identity: &Identity) -> bool {
        self.recent.contains_key(identity) && !planted(Bug::NoMemory)
    }

    /// What the table's markers say of these identities, in the order of the question.
    pub(crate) async fn look_up(
        &self,
        cx: &Context,
        identities: &[Identity],
    ) -> Result<Vec<Option<Marker>>, ReadError> {
        if self.watermark == 0 || planted(Bug::NoMarkers) {
            return Ok(vec![None; identities.len()]);
        }
        let keys = identities.iter().map(|identity| rows::marker(&cx.chain, SCHEMA, identity)).collect();
        let rows = cx.table.get_many(keys).await?;
        let marker = |(identity, row): (&Identity, Option<ports::Row>)| {
            row.and_then(|row| Marker::from_value(*identity, &row.value))
        };
        Ok(identities.iter().zip(rows).map(marker).collect())
    }

    /// Makes sure that every block which these markers name is known. Somebody may have committed and
    /// derived since the head was read; else the table has lost blocks. `Ok(false)`: nothing changed.
    pub(crate) async fn reach(
        &mut self,
        cx: &Context,
        markers: &[Option<Marker>],
    ) -> Result<Result<bool, Beyond>, ReadError> {
        let greatest = markers.iter().flatten().map(|marker| marker.block).max().unwrap_or_default();
        if greatest <= self.head.block {
            return Ok(Ok(false));
        }
        self.catch_up(cx).await?;
        if greatest > self.head.block {
            return Ok(Err(Beyond { block: greatest }));
        }
        Ok(Ok(true))
    }
}
