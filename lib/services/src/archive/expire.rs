//! The end of retention: the lines go, manifest, stubs and markers stay, and the chain says so.
//!
//! Held archives stay. Whoever places a hold reads the batches after the hold is chained; whoever
//! expires a batch reads the holds after the batch is marked. One of the two sees the other. A mark can
//! be taken back until the batch is being deleted, by one conditional write, and then no more.

use super::announce::about;
use super::error::stuck;
use super::{ArchiveError, claims, fetch, place, stubs};
use crate::Context;
use crate::append::Appender;
use crate::blocks::{ReadError, get_stored};
use crate::guard::GuardError;
use crate::layout::archives::{self, Claim, State, Stored};
use crate::planted::{Bug, planted};
use crate::view::View;
use crate::{checkpoints, cold, hold, restore, tiles};
use domain::archive::{Kept, Range};
use domain::block::{Block, views};
use domain::event::Draft;
use domain::hash::Hash;
use domain::time::Timestamp;
use ports::{Condition, TableError};

/// The action of the event that announces it.
pub const EXPIRED: &str = "audit.archive_expired";
/// For how long expired lines are taken away again, should somebody put them back.
const REMEMBERED_MILLIS: i64 = 3 * 86_400_000;
/// Batches that are looked at in one read.
const PAGE: usize = 100;

/// What expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Batches whose lines are gone, in order.
    pub expired: Vec<Claim>,
    /// Batches that are due, and held.
    pub held: Vec<Range>,
    /// Batches that are due, and locked by the store.
    pub locked: Vec<Range>,
    /// Whether nothing is left to do.
    pub complete: bool,
}

/// The event that announces it: a pure function of the batch's record.
pub fn announcement(claim: &Claim) -> Option<Draft> {
    let (State::Deleting(at) | State::Expired(at)) = claim.state else { return None };
    Some(about(EXPIRED, "expired", claim.range, claim.signed.as_ref()?.manifest, at, Some(claim.kept?)))
}

/// Deletes the lines of all batches whose newest event was recorded up to `before`. None is begun after
/// `until`.
///
/// # Errors
/// The chain, or a store that does not delete: the next run goes on there.
pub async fn expire(
    cx: &Context,
    appender: &Appender,
    before: Timestamp,
    until: Option<Timestamp>,
) -> Result<Expiry, ArchiveError> {
    let mut done = Expiry { expired: Vec::new(), held: Vec::new(), locked: Vec::new(), complete: false };
    let (mut after, mut failed) = (0, None);
    'pages: loop {
        let page = claims::after(cx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.claim.range.start;
        for stored in page {
            let due = match stored.claim.state {
                State::Expired(at) => {
                    if at.plus_millis(REMEMBERED_MILLIS) > cx.clock.now() {
                        remove(cx, stored.claim.range).await?;
                    }
                    continue;
                }
                State::Expiring(_) | State::Deleting(_) => true,
                State::Done => stored.claim.recorded_at <= before,
                State::Claimed => false,
            };
            if !due {
                break 'pages;
            }
            if until.is_some_and(|until| cx.clock.now() >= until) {
                return failed.map_or(Ok(done), Err);
            }
            let range = stored.claim.range;
            let lock = stored.claim.signed.as_ref().and_then(|signed| signed.lock.as_ref());
            if stored.claim.state == State::Done && lock.is_some_and(|(_, until)| *until > cx.clock.now()) {
                done.locked.push(range);
                continue;
            }
            match expire_one(cx, appender, stored, before).await {
                Ok(Some(claim)) => done.expired.push(claim),
                Ok(None) => done.held.push(range),
                // What is wrong with one keeps no other from going.
                Err(error) => {
                    tracing::error!(chain = %cx.chain, events = %range, "events {range} do not expire: {error}");
                    failed.get_or_insert(error);
                }
            }
        }
    }
    done.complete = failed.is_none();
    failed.map_or(Ok(done), Err)
}

/// `None` if it is held, or younger than its record says.
async fn expire_one(
    cx: &Context,
    appender: &Appender,
    mut stored: Stored,
    before: Timestamp,
) -> Result<Option<Claim>, ArchiveError> {
    loop {
        let Stored { claim, version } = stored;
        let mut kept = claim.kept;
        let state = match claim.state {
            State::Claimed => return Ok(None),
            State::Expired(_) => return Ok(Some(claim)),
            State::Done if is_held(cx, claim.range).await? => return Ok(None),
            State::Done => State::Expiring(cx.clock.now()),
            // Marked: whoever places a hold from here on is told that it may be too late.
            State::Expiring(_) if !planted(Bug::HoldsAreReadTooEarly) && is_held(cx, claim.range).await? => State::Done,
            // From here on nobody takes it back.
            State::Expiring(at) => {
                let (bytes, recorded_at) = what_is_kept(cx, &claim).await?;
                kept = Some(Hash::of(&bytes));
                // The archive itself says how old its lines are; a record is only a row.
                if recorded_at <= before { State::Deleting(at) } else { State::Done }
            }
            State::Deleting(at) => {
                // The mark is only a row, until the chain says so, too.
                if !is_announced(cx, &claim).await? && !planted(Bug::HoldsAreReadTooEarly) {
                    if is_held(cx, claim.range).await? {
                        return Ok(None);
                    }
                    let (bytes, recorded_at) = what_is_kept(cx, &claim).await?;
                    if recorded_at > before || kept != Some(Hash::of(&bytes)) {
                        let what = "its record says that it is being deleted, and its lines are too young, or others";
                        return Err(stuck(claim.range, what));
                    }
                }
                delete(cx, appender, &claim).await?;
                State::Expired(at)
            }
        };
        let taken_back = state == State::Done;
        kept = kept.filter(|_| !taken_back);
        stored = write(cx, Claim { state, kept, ..claim }, version).await?;
        if taken_back {
            return Ok(None);
        }
    }
}

async fn delete(cx: &Context, appender: &Appender, claim: &Claim) -> Result<(), ArchiveError> {
    let range = claim.range;
    let event = announcement(claim).ok_or_else(|| stuck(range, "it has no manifest, or nothing is kept of it"))?;
    if !planted(Bug::ExpiresInSilence) {
        appender.append(vec![event]).await?;
    }
    // Once the lines are gone, their part of the tree can be made from its tiles alone.
    if let Some(newest) = checkpoints::latest(cx).await.map_err(GuardError::from)? {
        tiles::ensure_published(cx, &newest).await?;
    }
    keep(cx, claim).await?;
    remove(cx, range).await?;
    restore::end(cx, range.start).await?;
    tracing::warn!(chain = %cx.chain, events = %range, "the lines of events {range} expired and are deleted");
    Ok(())
}

/// Whether the chain says that these lines expire.
async fn is_announced(cx: &Context, claim: &Claim) -> Result<bool, ReadError> {
    let Some(event) = announcement(claim) else { return Ok(false) };
    let view = View::load(cx).await?;
    let identity = event.identity(&cx.chain);
    let marker = match view.look_up(cx, &[identity]).await?.pop().flatten() {
        Some(marker) => Some(marker),
        None => view.recall(cx, &identity).await?,
    };
    Ok(marker.is_some_and(|marker| marker.digest == event.digest()))
}

/// What stays is in every place before any line goes; who died may have put it into one of them.
async fn keep(cx: &Context, claim: &Claim) -> Result<(), ArchiveError> {
    let key = cx.cold.key(&cx.chain, &claim.range.kept());
    let mut everywhere = true;
    for (_, bucket) in cx.cold.places() {
        everywhere &= matches!(bucket.get_range(&key, 0, cold::MAX_KEPT_BYTES).await, Ok(Some(bytes)) if Some(Hash::of(&bytes)) == claim.kept);
    }
    if everywhere {
        return Ok(());
    }
    // Once it is there, the lines may be gone already.
    let bytes = match cold::kept(cx, claim).await {
        Ok(kept) => kept.bytes(),
        Err(_) => what_is_kept(cx, claim).await?.0,
    };
    place::put(cx, &claim.range.kept(), &bytes).await?;
    cold::kept(cx, claim).await?;
    Ok(())
}

/// Takes the lines away, wherever they are. Once more for some days: an archiver that stood still may have
/// put them back.
async fn remove(cx: &Context, range: Range) -> Result<(), ArchiveError> {
    let key = cx.cold.key(&cx.chain, &range.object());
    for (place, bucket) in cx.cold.places() {
        let failed = |error| ArchiveError::Delete { place, key: key.clone(), error };
        bucket.delete(&key).await.map_err(failed)?;
    }
    Ok(())
}

async fn is_held(cx: &Context, range: Range) -> Result<bool, ReadError> {
    let holds = hold::list(cx).await?;
    // The event that places a hold stays as long as the hold does, or nobody could tell what is held.
    let keeps =
        |hold: &hold::Hold| range.holds(hold.seq) || hold.range.start <= range.end && range.start <= hold.range.end;
    Ok(holds.iter().any(|hold| hold.released.is_none() && keeps(hold)))
}

/// What stays of a batch, a pure function of its lines and its stubs; and when its newest line was recorded.
async fn what_is_kept(cx: &Context, claim: &Claim) -> Result<(Vec<u8>, Timestamp), ArchiveError> {
    let range = claim.range;
    let bytes = claims::manifest_bytes(cx, claim).await?;
    let bytes = bytes.ok_or_else(|| stuck(range, "the row of its manifest is gone"))?;
    let manifest = claims::believed(cx, claim, &bytes).map_err(|refusal| stuck(range, refusal.to_string()))?;
    let object = fetch(cx, &manifest).await?;
    let (mut kept, mut recorded_at) = (Kept::default(), None);
    for place in &manifest.blocks {
        let gone = || stuck(range, format!("block {} is gone", place.n));
        let header = get_stored(cx, place.n).await?.ok_or_else(gone)?.header().clone();
        let body = stubs::members(&object, place).ok_or_else(gone)?.to_vec();
        if header.computed_digest(&body) != header.digest {
            return Err(stuck(range, format!("the stub of block {} is not that of the archived bytes", place.n)));
        }
        let block = Block { header, body };
        let plain = block.lines().map_err(ReadError::damaged(place.n))?;
        let newest = views(&plain).last().and_then(|view| std::str::from_utf8(view.recorded_at).ok());
        recorded_at = newest.and_then(|text| Timestamp::parse(text).ok()).or(recorded_at);
        kept.add(&block.header, &plain);
    }
    Ok((kept.bytes(), recorded_at.ok_or_else(|| stuck(range, "it holds no line"))?))
}

/// Writes how far a batch is. Whoever is not sure reads: the next run goes on from what is there.
async fn write(cx: &Context, claim: Claim, version: ports::Version) -> Result<Stored, ArchiveError> {
    let key = archives::claim(&cx.chain, claim.range.start);
    match cx.table.put(&key, claim.to_value(), Condition::Unchanged(version)).await {
        Ok(version) => Ok(Stored { claim, version }),
        Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => {
            let there = claims::get(cx, claim.range.start).await?;
            there.filter(|there| there.claim == claim).ok_or_else(|| error.into())
        }
        Err(error) => Err(error.into()),
    }
}
