//! The Merkle tree's tiles: a copy that is there has all of its tree, computed here by hand.

use super::Checker;
use domain::merkle::{TILE_WIDTH, Tile};
use services::layout::objects;
use sha2::{Digest as _, Sha256};

type Node = [u8; 32];

fn node(left: &Node, right: &Node) -> Node {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root over a full tile.
fn root(tile: &[Node]) -> Node {
    let mut level = tile.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| node(&pair[0], &pair[1])).collect();
    }
    level[0]
}

impl Checker {
    /// What is missing, or is another, of the tiles of the tree over the first `size` events.
    pub(super) fn tiles_are_there(&self, size: u64) -> Result<(), String> {
        let events = self.events.iter().take(usize::try_from(size).expect("a place"));
        let mut nodes: Vec<Node> = events.map(|event| event.leaf).collect();
        let mut level = 0;
        while !nodes.is_empty() {
            for (index, hashes) in (0..).zip(nodes.chunks(TILE_WIDTH)) {
                let hashes = hashes.iter().map(|hash| domain::hash::Hash(*hash)).collect();
                let tile = Tile { level, index, hashes };
                let key = objects::tile(&crate::ports::chain(), &tile);
                if self.tiles.get(&key) != Some(&tile.bytes()) {
                    return Err(format!("of the tree of {size} events {key} is missing or another"));
                }
            }
            nodes = nodes.chunks_exact(TILE_WIDTH).map(root).collect();
            level += 1;
        }
        Ok(())
    }
}
