//! The Merkle tree's tiles in the bucket (C2SP tlog-tiles), and the checkpoint copies behind them.
//!
//! Derived, like everything in the bucket: a full tile is written as soon as it is full, the partial
//! ones and then the copy after the checkpoint's commit. A copy that is there has its tiles.

use crate::Context;
use crate::blocks::{ReadError, get_block};
use crate::checkpoints::{self, Stored};
use crate::guard::GuardError;
use crate::layout::objects;
use domain::block::views;
use domain::checkpoint::Checkpoint;
use domain::hash::Hash;
use domain::merkle::{Edge, Frontier, Tile, leaf};
use ports::BucketError;

pub(crate) struct Tiles {
    frontier: Frontier,
}

impl Tiles {
    /// Goes on from the partial tiles of a tree with this edge. Where they are missing or are not of
    /// that tree, from nothing: then only [`ensure_published`]'s full walk makes them whole.
    pub(crate) async fn load(cx: &Context, edge: &Edge) -> Result<Self, BucketError> {
        let mut levels = Vec::new();
        for (level, index, width) in Frontier::widths(edge.size()) {
            if width == 0 {
                levels.push(Vec::new());
                continue;
            }
            let tile = Tile { level, index, hashes: vec![Hash::ZERO; width] };
            let bytes = cx.bucket.get(&objects::tile(&cx.chain, &tile)).await?.unwrap_or_default();
            let hash = |chunk: &[u8]| Hash(chunk.try_into().expect("chunks of 32"));
            levels.push(bytes.chunks_exact(32).map(hash).collect());
        }
        let frontier = Frontier::of(edge.size(), levels);
        if frontier.edge() == *edge {
            return Ok(Self { frontier });
        }
        Ok(Self { frontier: Frontier::default() })
    }

    fn size(&self) -> u64 {
        self.frontier.edge().size()
    }

    pub(crate) async fn push(&mut self, cx: &Context, leaf: Hash) -> Result<(), BucketError> {
        let mut full = Vec::new();
        self.frontier.push(leaf, &mut full);
        for tile in full {
            cx.bucket.put(&objects::tile(&cx.chain, &tile), &tile.bytes()).await?;
        }
        Ok(())
    }

    /// Writes the partial tiles, then the copy.
    pub(crate) async fn publish(self, cx: &Context, checkpoint: &Checkpoint) -> Result<(), GuardError> {
        if self.size() != checkpoint.head_seq {
            return publish_from_chain(cx, checkpoint).await;
        }
        for tile in self.frontier.partial_tiles() {
            cx.bucket.put(&objects::tile(&cx.chain, &tile), &tile.bytes()).await?;
        }
        let key = objects::checkpoint(&cx.chain, checkpoint.n);
        Ok(cx.bucket.put(&key, &checkpoint.line()).await?)
    }
}

/// Makes sure that a checkpoint's copy is there, and its tiles before it.
pub(crate) async fn ensure_published(cx: &Context, stored: &Stored) -> Result<(), GuardError> {
    let key = objects::checkpoint(&cx.chain, stored.checkpoint.n);
    if cx.bucket.head(&key).await?.is_some() {
        return Ok(());
    }
    publish_from_chain(cx, &stored.checkpoint).await
}

/// Builds the tiles of a checkpoint from the last copy's, or else from the first event.
async fn publish_from_chain(cx: &Context, checkpoint: &Checkpoint) -> Result<(), GuardError> {
    let (mut tiles, mut edge) = (Tiles { frontier: Frontier::default() }, Edge::default());
    let mut next_block = 1;
    if let Some((block, before)) = state_before(cx, checkpoint).await? {
        let loaded = Tiles::load(cx, &before).await?;
        if loaded.size() == before.size() {
            (tiles, edge, next_block) = (loaded, before, block + 1);
        }
    }
    while edge.size() < checkpoint.head_seq {
        let Some(block) = get_block(cx, next_block).await? else { break };
        let plain = block.lines().map_err(ReadError::damaged(next_block))?;
        for view in views(&plain).take_while(|view| view.seq <= checkpoint.head_seq) {
            edge.push(leaf(&view.hash));
            tiles.push(cx, leaf(&view.hash)).await?;
        }
        next_block += 1;
    }
    // A checkpoint over lost history keeps its copy, which speaks for itself; it has no tiles.
    if edge.root() == checkpoint.root_hash {
        for tile in tiles.frontier.partial_tiles() {
            cx.bucket.put(&objects::tile(&cx.chain, &tile), &tile.bytes()).await?;
        }
    }
    Ok(cx.bucket.put(&objects::checkpoint(&cx.chain, checkpoint.n), &checkpoint.line()).await?)
}

async fn state_before(cx: &Context, checkpoint: &Checkpoint) -> Result<Option<(u64, Edge)>, GuardError> {
    let Some(n) = checkpoint.n.checked_sub(1).filter(|n| *n > 0) else { return Ok(None) };
    let stored = checkpoints::get(cx, n).await?;
    Ok(stored.and_then(|stored| stored.state.filter(|(_, edge)| edge.root() == stored.checkpoint.root_hash)))
}
