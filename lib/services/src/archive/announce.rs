//! The events that name archives: pure functions of their records.

use super::error::stuck;
use super::{ARCHIVED, ArchiveError};
use crate::Context;
use crate::append::{Appended, Appender};
use crate::blocks::get_event;
use crate::layout::archives::Claim;
use crate::planted::{Bug, planted};
use domain::archive::Range;
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Object, Value};
use domain::line::LineView;
use domain::names::ActorType;
use domain::time::Timestamp;

/// Commits the event that names the manifest. It was chained before, or is now; nothing else will do.
pub(super) async fn announce(cx: &Context, appender: &Appender, claim: &Claim) -> Result<(), ArchiveError> {
    let event = announcement(claim).ok_or_else(|| stuck(claim.range, "it has no manifest"))?;
    let expected = event.digest();
    if planted(Bug::EventIsOnlyQueued) {
        let _ = crate::record::queue(cx, &[event]).await;
        return Ok(());
    }
    let appended = appender.append(vec![event]).await?;
    if let Some(Appended::Known(seq) | Appended::Conflicts(seq)) = appended.first() {
        let line = get_event(cx, *seq).await?.unwrap_or_default();
        if LineView::of(&line).is_none_or(|view| view.draft_digest() != expected) {
            return Err(stuck(claim.range, format!("event {seq} names another manifest for it")));
        }
    }
    Ok(())
}

/// The event that names the manifest of a batch: a pure function of its claim.
pub fn announcement(claim: &Claim) -> Option<Draft> {
    let signed = claim.signed.as_ref()?;
    let event = about(ARCHIVED, "archived", claim.range, signed.manifest, claim.archived_at, None);
    Some(match &claim.by {
        Some(by) => event.by(ActorType::User, Some(by.clone())),
        None => event,
    })
}

/// An event about the archive of these events.
pub(crate) fn about(
    action: &str,
    name: &str,
    range: Range,
    manifest: Hash,
    at: Timestamp,
    kept: Option<Hash>,
) -> Draft {
    let number = |n| Value::integer(n).expect("a chain has fewer than 2^53 events");
    let mut metadata = Object::of([
        ("startSeq", number(range.start)),
        ("endSeq", number(range.end)),
        ("eventCount", number(range.end + 1 - range.start)),
        ("manifestSha256", manifest.to_hex().into()),
    ]);
    if let Some(kept) = kept {
        metadata.insert("keptSha256", kept.to_hex().into());
    }
    Draft::internal(action, format!("{name}:{range}"), at, metadata).expect("the action is one of the log's own")
}

/// The manifest that an `audit.archived` event names.
pub fn manifest_named_by(line: &[u8]) -> Option<Hash> {
    let view = LineView::of(line)?;
    if view.action != ARCHIVED.as_bytes() || view.source != domain::names::Source::AUDIT.as_bytes() {
        return None;
    }
    let value = domain::json::parse(line, domain::json::Limits::FORMAT).ok()?;
    let metadata = value.as_object()?.get("metadata")?.as_object()?;
    Hash::from_hex(metadata.get("manifestSha256")?.as_str()?.as_bytes())
}
