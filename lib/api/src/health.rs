//! Whether the hub works, and whether its log holds.

use crate::VerificationStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It takes and answers, and the last scheduled verification found nothing.
    Ok,
    /// It takes and answers, but the log could not be verified to its end.
    Unverified,
    /// It takes and answers, but the log did not verify: ask GET /audit/verify for the place.
    Broken,
}

/// What the last scheduled verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastVerification {
    /// When it ended.
    pub at: String,
    /// What it said.
    pub status: VerificationStatus,
    /// Kind of the first break.
    pub break_kind: Option<String>,
}

/// Answered with 200 for as long as events are taken: a log that does not verify must go on recording.
/// A store that does not answer is a problem with 503.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// In one word.
    pub status: HealthStatus,
    /// `dezky-platform-api`
    pub service: String,
    /// Version of the program.
    pub version: String,
    /// `null` until the first one.
    pub last_verification: Option<LastVerification>,
}
