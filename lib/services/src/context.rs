//! What a use case may touch.

use crate::cold::Cold;
use domain::keys::KeyRing;
use domain::names::ChainName;
use ports::{Bucket, Clock, Ids, Queue, Signer, Table};
use std::sync::Arc;

/// The ports and the few values that every use case shares.
#[derive(Clone)]
pub struct Context {
    /// The chain that everything is about.
    pub chain: ChainName,
    /// The commit.
    pub table: Arc<dyn Table>,
    /// Checkpoint copies and tiles.
    pub bucket: Arc<dyn Bucket>,
    /// Archives.
    pub cold: Cold,
    /// Events that were accepted and wait to be chained.
    pub events: Arc<dyn Queue>,
    /// Event messages that were delivered too often.
    pub dead_letters: Arc<dyn Queue>,
    /// Requests for a checkpoint.
    pub checkpoint_requests: Arc<dyn Queue>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Fresh names.
    pub ids: Arc<dyn Ids>,
    /// Signs checkpoints.
    pub signer: Arc<dyn Signer>,
    /// Keys that may have signed checkpoints.
    pub ring: KeyRing,
    /// Authenticates cursors.
    pub cursor_key: [u8; 32],
    /// Threads that pack and check a block; 0 or 1 does all on the caller's.
    pub threads: usize,
    /// Name of this process in the blocks it writes.
    pub writer: String,
}
