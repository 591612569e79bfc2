//! Checkpoints: signatures over everything up to an event.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signature over all events up to one: exactly the stored line. Keep a copy elsewhere; with it a
/// rollback of the whole log shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// When it was signed.
    pub at: String,
    /// Name of the log.
    pub chain: String,
    /// `hash` of the event that it vouches for.
    pub head_hash: String,
    /// `seq` of that event.
    pub head_seq: u64,
    /// Names the key.
    pub key_id: String,
    /// Number of the checkpoint, from 1, without gaps.
    pub n: u64,
    /// SHA-256 over the signed bytes of the checkpoint before; 64 zeros for the first.
    pub prev_checkpoint: String,
    /// `startup`, `interval`, `threshold` or `manual`.
    pub reason: String,
    /// Root of the RFC 6962 Merkle tree over all events.
    pub root_hash: String,
    /// `hmac-sha256`, `ed25519` or `ecdsa-p256-sha256`.
    pub sig_alg: String,
    /// In lower-case hex, over the RFC 8785 bytes without this member.
    pub signature: String,
    /// `audit.checkpoint.v1`
    pub r#type: String,
}
