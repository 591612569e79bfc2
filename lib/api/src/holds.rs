//! Legal holds: what is kept, whatever its retention.

use crate::SeqRange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Events to hold, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewHold {
    /// First event.
    #[schemars(range(min = 1))]
    pub from_seq: u64,
    /// Last event; at most the newest of the log.
    #[schemars(range(min = 1))]
    pub to_seq: u64,
    /// Why, in 1 to 1,000 characters.
    #[schemars(length(min = 1, max = 1000))]
    pub reason: String,
}

/// A hold. The event that placed it is its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// `seq` of the event that placed it; its name.
    pub seq: u64,
    /// First event that it holds.
    pub from_seq: u64,
    /// Last event.
    pub to_seq: u64,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub by: Option<String>,
    /// When.
    pub at: String,
    /// `seq` of the event that released it; `null` while it holds.
    pub released_seq: Option<u64>,
}

/// A hold that was just placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacedHold {
    /// The hold.
    #[serde(flatten)]
    pub hold: Hold,
    /// Archives of its range whose lines were gone, or just going: for them it came too late.
    pub too_late: Vec<SeqRange>,
}
