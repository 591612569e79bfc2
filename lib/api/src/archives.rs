//! Archives: what is cold, and what was brought back.

use crate::{Break, VerificationStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How far an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveState {
    /// On its way: its events are still hot, or in both places.
    Claimed,
    /// Its lines are in the cold store, and stubs in the table.
    Done,
    /// Its retention is over; whether it is held is being looked at.
    Expiring,
    /// Its lines are being deleted.
    Deleting,
    /// Its lines are gone; manifest and hashes stay.
    Expired,
}

/// A lock that the store was asked for: nobody deletes the objects before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveLock {
    /// `compliance` or `governance`.
    pub mode: String,
    /// Its end.
    pub until: String,
}

/// What was found when an archive was last read as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastVerified {
    /// When.
    pub at: String,
    /// In one word; `incomplete` where it could not be read.
    pub status: VerificationStatus,
    /// The first thing that does not hold.
    pub r#break: Option<Break>,
}

/// How far a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RestoreState {
    /// Its rows are being written.
    Restoring,
    /// Lists include its events.
    Ready,
}

/// A restore that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoredUntil {
    /// How far it is.
    pub state: RestoreState,
    /// When its events go from lists again.
    pub expires_at: String,
}

/// An archive: events that moved together into the cold store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// First event; its name.
    pub start_seq: u64,
    /// Last event.
    pub end_seq: u64,
    /// How many there are.
    pub event_count: u64,
    /// How far it is.
    pub state: ArchiveState,
    /// When it was made.
    pub archived_at: String,
    /// When its newest event was chained.
    pub recorded_at: String,
    /// Who asked for it; `null` for the schedule.
    pub by: Option<String>,
    /// Least `at` of its events; like all that follows from the manifest `null` until that is signed.
    pub first_at: Option<String>,
    /// Greatest `at` of its events.
    pub last_at: Option<String>,
    /// SHA-256 of its manifest.
    pub manifest_sha256: Option<String>,
    /// Key of the object that holds the lines.
    pub jsonl_key: String,
    /// Key of the manifest.
    pub manifest_key: String,
    /// Bytes of the object.
    pub bytes: Option<u64>,
    /// Bytes of the lines.
    pub bytes_uncompressed: Option<u64>,
    /// In how many places it was read back.
    pub copies: Option<u64>,
    /// The lock, if the store was asked for one.
    pub lock: Option<ArchiveLock>,
    /// What was found when it was last read as a whole; `null` before the first time.
    pub last_verified: Option<LastVerified>,
    /// Whether it was brought back for reading.
    pub restored: Option<RestoredUntil>,
    /// When its lines went.
    pub expired_at: Option<String>,
}

/// An archive and its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveWithManifest {
    /// The archive.
    #[serde(flatten)]
    pub archive: Archive,
    /// The manifest's own bytes, so that its signature can be checked; `null` until it is signed.
    /// docs/format.md explains its members.
    pub manifest: Option<Map<String, Value>>,
}

/// What to archive now. Without members it is what the schedule would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewArchiveRun {
    /// Whether to run although `ARCHIVE_ENABLED` is not true, the hour is too early, or today's run is
    /// done. Nothing else is bypassed. Default `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#override: Option<bool>,
    /// Archive what was chained so many days ago; default `AUDIT_HOT_RETENTION_DAYS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 36_500))]
    pub older_than_days: Option<u32>,
}

/// What a run archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveRun {
    /// `true`: what went wrong is a problem and no answer.
    pub ok: bool,
    /// Whether nothing is left to do; if not, the next run goes on. Absent where nothing was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// The archives that this run finished, oldest first.
    pub batches: Vec<Archive>,
    /// Why nothing was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// For how long to bring an archive back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRestore {
    /// Days from now; default 7. Of a restore that is there it makes the end later, never earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 365))]
    pub days: Option<u32>,
}

/// An archive that was brought back for reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    /// First event of the archive.
    pub start_seq: u64,
    /// Last event.
    pub end_seq: u64,
    /// How far it is.
    pub state: RestoreState,
    /// When it was asked for.
    pub restored_at: String,
    /// When its events go from lists again.
    pub expires_at: String,
    /// Who asked first.
    pub by: String,
}
