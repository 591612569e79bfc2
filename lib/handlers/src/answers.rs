//! Archives, restores and holds, as several functions and the program answer them.

use crate::function::Call;
use api::{ArchiveState, RestoreState, VerificationStatus};
use domain::archive::Range;
use domain::time::Timestamp;
use domain::verify::Status;
use ports::TableError;
use services::archive::check::{self, Checked};
use services::hold::Hold;
use services::layout::archives::{Claim, State};
use services::restore::{Lease, Progress, leases};
use services::{Context, restore};
use std::collections::HashMap;

/// The records of these batches, with what is known of them elsewhere.
///
/// # Errors
/// The table.
pub async fn archives(cx: &Context, claims: &[Claim]) -> Result<Vec<api::Archive>, TableError> {
    let checked = match claims {
        [] => return Ok(Vec::new()),
        [one] => check::last(cx, one.range.start).await?.map(|found| (one.range.start, found)).into_iter().collect(),
        _ => check::all(cx).await?,
    };
    let restored: HashMap<u64, Lease> =
        leases(cx).await?.into_iter().map(|(lease, _)| (lease.range.start, lease)).collect();
    let now = cx.clock.now();
    let record = |claim: &Claim| {
        let start = claim.range.start;
        archive(cx, claim, checked.get(&start), restored.get(&start), now)
    };
    Ok(claims.iter().map(record).collect())
}

fn archive(
    cx: &Context,
    claim: &Claim,
    checked: Option<&Checked>,
    lease: Option<&Lease>,
    now: Timestamp,
) -> api::Archive {
    let Claim { range, signed, .. } = claim;
    let signed = signed.as_ref();
    let key = |name: String| cx.cold.key(&cx.chain, &name);
    let lock = |(mode, until): &(String, Timestamp)| api::ArchiveLock { mode: mode.clone(), until: until.to_string() };
    api::Archive {
        start_seq: range.start,
        end_seq: range.end,
        event_count: range.end + 1 - range.start,
        state: match claim.state {
            State::Claimed => ArchiveState::Claimed,
            State::Done => ArchiveState::Done,
            State::Expiring(_) => ArchiveState::Expiring,
            State::Deleting(_) => ArchiveState::Deleting,
            State::Expired(_) => ArchiveState::Expired,
        },
        archived_at: claim.archived_at.to_string(),
        recorded_at: claim.recorded_at.to_string(),
        by: claim.by.clone(),
        first_at: signed.map(|signed| signed.first_at.to_string()),
        last_at: signed.map(|signed| signed.last_at.to_string()),
        manifest_sha256: signed.map(|signed| signed.manifest.to_hex()),
        jsonl_key: key(range.object()),
        manifest_key: key(range.manifest()),
        bytes: signed.map(|signed| signed.bytes),
        bytes_uncompressed: signed.map(|signed| signed.bytes_uncompressed),
        copies: signed.map(|signed| signed.copies),
        lock: signed.and_then(|signed| signed.lock.as_ref()).map(lock),
        last_verified: checked.map(verified),
        restored: lease.and_then(|lease| {
            let state = restore_state(lease).filter(|_| lease.expires_at > now)?;
            Some(api::RestoredUntil { state, expires_at: lease.expires_at.to_string() })
        }),
        expired_at: match claim.state {
            State::Expired(at) => Some(at.to_string()),
            _ => None,
        },
    }
}

fn verified(checked: &Checked) -> api::LastVerified {
    let found = checked.found.as_ref().map(domain::json::Value::canonical);
    api::LastVerified {
        at: checked.at.to_string(),
        status: match checked.status {
            Status::Intact => VerificationStatus::Intact,
            Status::Broken => VerificationStatus::Broken,
            Status::Incomplete => VerificationStatus::Incomplete,
        },
        r#break: found.and_then(|found| serde_json::from_slice(&found).ok()),
    }
}

fn restore_state(lease: &Lease) -> Option<RestoreState> {
    match lease.progress {
        Progress::Restoring => Some(RestoreState::Restoring),
        Progress::Ready => Some(RestoreState::Ready),
        Progress::Swept(_) => None,
    }
}

/// What a restore came to.
pub fn restored(restored: restore::Restored) -> api::Restore {
    let lease = restored.lease;
    api::Restore {
        start_seq: lease.range.start,
        end_seq: lease.range.end,
        state: restore_state(&lease).unwrap_or(RestoreState::Restoring),
        restored_at: lease.restored_at.to_string(),
        expires_at: lease.expires_at.to_string(),
        by: lease.by,
    }
}

/// A hold.
pub fn hold(hold: Hold) -> api::Hold {
    api::Hold {
        seq: hold.seq,
        from_seq: hold.range.start,
        to_seq: hold.range.end,
        reason: hold.reason,
        by: hold.by,
        at: hold.at.to_string(),
        released_seq: hold.released,
    }
}

/// Where an archive is, as a value of the header `Link`.
pub(crate) fn link(archive: Range) -> String {
    format!("</audit/archives/{}>; rel=\"archived\"", archive.start)
}

/// Who asks; nobody only where anybody may.
pub(crate) fn subject(call: &Call) -> String {
    call.caller.as_ref().map(|caller| caller.subject.clone()).unwrap_or_default()
}
