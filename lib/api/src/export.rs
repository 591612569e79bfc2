//! What stands beside an export.

use crate::Checkpoint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Describes exported lines: which they are, and what they must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Companion {
    /// `audit.export.v1`
    pub r#type: String,
    /// Name of the log.
    pub chain: String,
    /// First event.
    pub start_seq: u64,
    /// Last event.
    pub end_seq: u64,
    /// How many there are.
    pub event_count: u64,
    /// `prevHash` of the first.
    pub prev_hash: String,
    /// `hash` of the last.
    pub head_hash: String,
    /// Length of the lines in bytes.
    pub bytes: u64,
    /// SHA-256 of the lines.
    pub sha256: String,
    /// When it was made.
    pub exported_at: String,
    /// What was left out; `null`: nothing.
    pub filter: Option<String>,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
}
