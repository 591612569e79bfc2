//! Keys of the bucket's objects.

use domain::hash::Hash;
use domain::merkle::Tile;
use domain::names::ChainName;

/// Prefix of the checkpoint copies.
pub fn checkpoint_prefix(chain: &ChainName) -> String {
    format!("checkpoints/{chain}/")
}

/// The copy of checkpoint `n`.
pub fn checkpoint(chain: &ChainName, n: u64) -> String {
    format!("checkpoints/{chain}/{n:020}.json")
}

/// The `n` of a copy's key.
pub fn checkpoint_number(key: &str) -> Option<u64> {
    key.rsplit('/').next()?.strip_suffix(".json")?.parse().ok()
}

/// A tile, under its C2SP path.
pub fn tile(chain: &ChainName, tile: &Tile) -> String {
    format!("tiles/{chain}/{}", tile.path())
}

/// Metadata of an event that was too large to be chained, under its SHA-256 which the event carries.
pub fn original(chain: &ChainName, hash: &Hash) -> String {
    format!("originals/{chain}/{hash}.json")
}

/// Bytes of a source that could not be used, under their SHA-256.
pub fn kept(chain: &ChainName, source: &str, hash: &Hash) -> String {
    format!("kept/{chain}/{source}/{hash}")
}
