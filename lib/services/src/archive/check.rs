//! Reading archives by the clock, so that each is looked at once in so many days, and what is wrong with
//! one is chained, whether anybody asks or not.

use super::{ArchiveError, claims};
use crate::Context;
use crate::append::Appender;
use crate::layout::archives::{Claim, State, time, verified, verified_partition};
use crate::verify::one_batch;
use domain::archive::{Batch, Range};
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Limits, Object, Value, parse};
use domain::names::Outcome;
use domain::time::Timestamp;
use domain::verify::{Break, Options, Status};
use ports::{Condition, KeyRange, Order, TableError};
use std::collections::HashMap;

/// The action of the event that says that an archive does not hold.
pub const FAILED: &str = "audit.archive_verification_failed";
/// Rows that one query reads.
const PAGE: usize = 100;
const MILLIS_PER_DAY: i64 = 86_400_000;

/// What was found when a batch was read last.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// When.
    pub at: Timestamp,
    /// In one word.
    pub status: Status,
    /// The first thing that does not hold, as the format writes it.
    pub found: Option<Value>,
}

impl Checked {
    fn to_value(&self) -> Vec<u8> {
        Object::of([
            ("at", self.at.to_string().into()),
            ("status", self.status.as_str().into()),
            ("break", self.found.clone().unwrap_or(Value::Null)),
        ])
        .canonical()
    }

    fn of_value(value: &[u8]) -> Option<Self> {
        let value = parse(value, Limits::FORMAT).ok()?;
        let object = value.as_object()?;
        let word = object.get("status")?.as_str()?;
        let status = [Status::Intact, Status::Broken, Status::Incomplete].into_iter().find(|s| s.as_str() == word)?;
        let found = object.get("break").filter(|found| **found != Value::Null).cloned();
        Some(Self { at: time(object, "at")?, status, found })
    }
}

/// What was found when each batch was read last, by its first event.
///
/// # Errors
/// The table.
pub async fn all(cx: &Context) -> Result<HashMap<u64, Checked>, TableError> {
    let (mut found, mut range) = (HashMap::new(), KeyRange::all());
    loop {
        let page = cx.table.query(&verified_partition(&cx.chain), &range, Order::Ascending, PAGE).await?;
        let read = |row: &ports::Row| Some((row.key.sort.parse().ok()?, Checked::of_value(&row.value)?));
        found.extend(page.iter().filter_map(read));
        match page.last() {
            Some(last) if page.len() == PAGE => range = KeyRange::after(last.key.sort.clone()),
            _ => return Ok(found),
        }
    }
}

/// What was found when this batch was read last.
///
/// # Errors
/// The table.
pub async fn last(cx: &Context, start: u64) -> Result<Option<Checked>, TableError> {
    let row = cx.table.get(&verified(&cx.chain, start)).await?;
    Ok(row.and_then(|row| Checked::of_value(&row.value)))
}

/// How often each batch is read.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Days within which every batch is read once.
    pub days: u32,
    /// Seconds between two calls of [`some`].
    pub every_seconds: u32,
}

/// Reads the batches whose turn it is, longest unread first, in even steps over the days of `pace`. How
/// many it read, and how many of them do not hold.
///
/// # Errors
/// The table, or the event that says what is wrong. An archive that cannot be read is no error here: it
/// is kept as such, and its turn comes again.
pub async fn some(cx: &Context, appender: &Appender, pace: Pace) -> Result<(u64, u64), ArchiveError> {
    let now = cx.clock.now();
    let (mut batches, mut after) = (Vec::new(), 0);
    loop {
        let page = claims::after(cx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.claim.range.start;
        batches.extend(page.into_iter().map(|stored| stored.claim).filter(|claim| claim.state != State::Claimed));
    }
    let known = all(cx).await?;
    let last = |claim: &Claim| known.get(&claim.range.start);
    let each = i64::from(pace.days) * MILLIS_PER_DAY;
    let share = i64::try_from(batches.len()).unwrap_or(i64::MAX).saturating_mul(i64::from(pace.every_seconds) * 1000);
    let share = usize::try_from(share / each).unwrap_or(usize::MAX) + 1;
    // One that cannot be read keeps nobody else from their turn.
    batches.sort_by_key(|claim| last(claim).map(|checked| checked.at));
    let due = |claim: &Claim| {
        last(claim).is_none_or(|c| c.status == Status::Incomplete || c.at.plus_millis(each - each / 10) <= now)
    };
    let (mut read, mut broken) = (0, 0);
    for claim in batches.into_iter().filter(due).take(share) {
        read += 1;
        broken += u64::from(one(cx, appender, &claim).await?.status == Status::Broken);
    }
    Ok((read, broken))
}

/// How a batch is looked at where it is read for itself: by this installation's keys.
pub(super) fn options(cx: &Context) -> Options {
    Options { ring: cx.ring.clone(), repeat_key: cx.ids.nonce(), ..Batch::options() }
}

/// Reads one batch, keeps what was found, and chains it if something does not hold.
///
/// # Errors
/// As [`some`].
pub async fn one(cx: &Context, appender: &Appender, claim: &Claim) -> Result<Checked, ArchiveError> {
    let options = options(cx);
    let (breaks, missing) = one_batch(cx, claim, &options).await?;
    let status = match (breaks.is_empty(), missing.is_empty()) {
        (false, _) => Status::Broken,
        (true, false) => Status::Incomplete,
        (true, true) => Status::Intact,
    };
    if let Some(found) = breaks.first() {
        let said = String::from_utf8_lossy(&found.to_value().canonical()).into_owned();
        tracing::error!(chain = %cx.chain, events = %claim.range, "the archive of events {} does not hold: {said}", claim.range);
        appender.append(vec![failure(cx, claim.range, found)]).await?;
    }
    if !missing.is_empty() {
        let events = claim.range;
        tracing::error!(chain = %cx.chain, %events, "the archive of events {events} cannot be read: {}", missing.join("; "));
    }
    let checked = Checked { at: cx.clock.now(), status, found: breaks.first().map(Break::to_value) };
    keep(cx, claim.range.start, &checked).await?;
    Ok(checked)
}

/// The same finding is chained once, however often it is made.
fn failure(cx: &Context, range: Range, found: &Break) -> Draft {
    let found = found.to_value();
    let number = |n| Value::integer(n).expect("a chain has fewer than 2^53 events");
    let name = format!("archive-failed:{range}:{}", Hash::of(&found.canonical()));
    let metadata = Object::of([("startSeq", number(range.start)), ("endSeq", number(range.end)), ("break", found)]);
    Draft::internal(FAILED, name, cx.clock.now(), metadata)
        .expect("the action is one of the log's own")
        .with_outcome(Outcome::Failure)
}

async fn keep(cx: &Context, start: u64, checked: &Checked) -> Result<(), TableError> {
    let key = verified(&cx.chain, start);
    let condition = match cx.table.get(&key).await? {
        Some(row) => Condition::Unchanged(row.version),
        None => Condition::Absent,
    };
    match cx.table.put(&key, checked.to_value(), condition).await {
        Ok(_) | Err(TableError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
