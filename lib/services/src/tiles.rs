//! The Merkle tree's tiles in the bucket (C2SP tlog-tiles), and the checkpoint copies behind them.
//!
//! Derived, like everything in the bucket: a full tile is written as soon as it is full, the partial
//! ones and then the copy after the checkpoint's commit. A copy that is there has its tiles.

use crate::Context;
use crate::blocks::{ReadError, get_block};
use crate::checkpoints::{self, Stored};
use crate::guard::GuardError;
use crate::layout::objects;
use crate::planted::{Bug, planted};
use domain::block::views;
use domain::checkpoint::Checkpoint;
use domain::hash::Hash;
use domain::merkle::{Edge, Frontier, Tile, leaf};
use ports::BucketError;

pub(crate) struct Tiles {
    /// `None` where the partial tiles to go on from are gone: then nothing is written before the
    /// checkpoint is made, and all tiles are made from the chain after it.
    frontier: Option<Frontier>,
}

impl Tiles {
    /// Goes on from the partial tiles of a tree with this edge, if they are there and of that tree.
    pub(crate) async fn load(cx: &Context, edge: &Edge) -> Result<Self, BucketError> {
        let frontier = frontier(cx, edge.size()).await?;
        let frontier = (frontier.edge() == *edge).then_some(frontier);
        Ok(Self { frontier })
    }

    pub(crate) async fn push(&mut self, cx: &Context, leaf: Hash) -> Result<(), BucketError> {
        let Some(frontier) = &mut self.frontier else { return Ok(()) };
        let mut full = Vec::new();
        frontier.push(leaf, &mut full);
        for tile in full.into_iter().filter(|_| !planted(Bug::FullTilesAreForgotten)) {
            cx.bucket.put(&objects::tile(&cx.chain, &tile), &tile.bytes()).await?;
        }
        Ok(())
    }

    /// Writes the partial tiles, then the copy.
    pub(crate) async fn publish(self, cx: &Context, checkpoint: &Checkpoint) -> Result<(), GuardError> {
        let Some(frontier) = self.frontier else { return publish_from_chain(cx, checkpoint).await };
        if planted(Bug::CopyBeforeTiles) {
            put_copy(cx, checkpoint).await?;
        }
        put_partial(cx, &frontier).await?;
        put_copy(cx, checkpoint).await
    }
}

/// What the partial tiles of a tree of this size say, true or not.
async fn frontier(cx: &Context, size: u64) -> Result<Frontier, BucketError> {
    let mut levels = Vec::new();
    for (level, index, width) in Frontier::widths(size) {
        if width == 0 {
            levels.push(Vec::new());
            continue;
        }
        let tile = Tile { level, index, hashes: vec![Hash::ZERO; width] };
        let bytes = cx.bucket.get(&objects::tile(&cx.chain, &tile)).await?.unwrap_or_default();
        let hash = |chunk: &[u8]| Hash(chunk.try_into().expect("chunks of 32"));
        levels.push(bytes.chunks_exact(32).map(hash).collect());
    }
    Ok(Frontier::of(size, levels))
}

/// The right edge of the tree that a checkpoint vouches for, as its partial tiles say; none where they
/// are gone, or of another tree.
pub(crate) async fn edge_of(cx: &Context, checkpoint: &Checkpoint) -> Result<Option<Edge>, BucketError> {
    let edge = frontier(cx, checkpoint.head_seq).await?.edge();
    Ok((edge.size() == checkpoint.head_seq && edge.root() == checkpoint.root_hash).then_some(edge))
}

async fn put_partial(cx: &Context, frontier: &Frontier) -> Result<(), BucketError> {
    for tile in frontier.partial_tiles() {
        cx.bucket.put(&objects::tile(&cx.chain, &tile), &tile.bytes()).await?;
    }
    Ok(())
}

/// A copy is evidence against the table, so another one under its name is never written over.
pub(crate) async fn put_copy(cx: &Context, checkpoint: &Checkpoint) -> Result<(), GuardError> {
    let (key, line) = (objects::checkpoint(&cx.chain, checkpoint.n), checkpoint.line());
    match cx.bucket.get(&key).await? {
        None => Ok(cx.bucket.put(&key, &line).await?),
        Some(there) if there == line => Ok(()),
        Some(_) => {
            let text = format!("it holds another checkpoint than the table; run `verify`. key=`{key}`");
            Err(BucketError::Rejected(text).into())
        }
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
    let (mut tiles, mut edge) = (Tiles { frontier: Some(Frontier::default()) }, Edge::default());
    let mut next_block = 1;
    if let Some((_, block, before)) = checkpoints::newest_state(cx, checkpoint.n.saturating_sub(1)).await? {
        let loaded = Tiles::load(cx, &before).await?;
        if loaded.frontier.is_some() {
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
    if let Some(frontier) = tiles.frontier.filter(|_| edge.root() == checkpoint.root_hash) {
        put_partial(cx, &frontier).await?;
    }
    put_copy(cx, checkpoint).await
}
