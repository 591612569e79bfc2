//! The answer of a verification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerificationStatus {
    /// Everything was checked and holds.
    Intact,
    /// Something does not hold; `break` says what and where.
    Broken,
    /// What was checked holds, but not everything could be checked.
    Incomplete,
}

/// The newest event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// Its `seq`.
    pub seq: u64,
    /// Its `hash`.
    pub hash: String,
}

/// The first thing that does not hold. Which members it has depends on its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Break {
    /// What is wrong, such as `event-hash-mismatch`.
    pub kind: String,
    /// At which event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// At which checkpoint, by the event that it vouches for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_seq: Option<u64>,
    /// In which archive: its first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_seq: Option<u64>,
    /// Its last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_seq: Option<u64>,
    /// In which stored block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// Which member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// What the rest of the data says should be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found or computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

/// What a verification reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerifiedTiers {
    /// The table.
    Hot,
    /// The table and the archives.
    All,
}

/// Events by their positions, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeqRange {
    /// First.
    pub start_seq: u64,
    /// Last.
    pub end_seq: u64,
}

/// What was checked, and what was found. Always answered with 200.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// In one word.
    pub status: VerificationStatus,
    /// Whether `status` is `intact`.
    pub ok: bool,
    /// Whether the log was compared with a copy outside the table. Without one, a rollback of everything
    /// cannot be seen.
    pub anchored: bool,
    /// What was read: the hot store with the headers of what is archived, or all.
    pub tiers: VerifiedTiers,
    /// Events that hold.
    pub events_verified: u64,
    /// Events that were looked at.
    pub events_total: u64,
    /// Archived events of which only their block's header was looked at.
    pub events_archived: u64,
    /// Archives that were read from the cold store as a whole, and hold.
    pub archives_verified: u64,
    /// Checkpoints that hold.
    pub checkpoints_verified: u64,
    /// The newest event; `null` in an empty log.
    pub head: Option<Head>,
    /// Events that no checkpoint vouches for yet.
    pub unsigned_tail: u64,
    /// First event of the hot store.
    pub oldest_hot_seq: Option<u64>,
    /// Last event of the cold store.
    pub highest_archived_seq: Option<u64>,
    /// Ranges whose retention has ended: their lines are gone, and the chain says so.
    pub expired_ranges: Vec<SeqRange>,
    /// Why not everything could be checked, one line each; empty unless that is so.
    pub missing: Vec<String>,
    /// The first thing that does not hold.
    pub r#break: Option<Break>,
}
