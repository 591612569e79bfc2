//! Legal holds: what an operator wants kept, whatever its retention. A hold is an event of the chain;
//! nothing else has to be written for it.

use crate::Context;
use crate::append::{AppendError, Appended, Appender};
use crate::archive::claims;
use crate::blocks::{ReadError, find_head, get_block, get_event};
use crate::derive;
use crate::layout::archives::State;
use crate::layout::rows::{self, SCHEMA};
use domain::archive::Range;
use domain::derived::{HOLD_PLACED, HOLD_RELEASED, HoldEvent, derive as derive_block};
use domain::event::Draft;
use domain::hash::hex;
use domain::json::{Object, Value};
use domain::names::ActorType;
use domain::time::Timestamp;
use ports::{KeyRange, Order, TableError};
use std::collections::BTreeMap;

/// Rows that one read takes.
const PAGE: usize = 200;
/// Most characters of a reason.
pub const MAX_REASON: usize = 1000;

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// `seq` of the event that placed it: its name.
    pub seq: u64,
    /// The events it holds.
    pub range: Range,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
    /// `seq` of the event that released it.
    pub released: Option<u64>,
}

/// What became of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The hold.
    pub hold: Hold,
    /// Archives of it whose lines are gone, or are just being deleted.
    pub too_late: Vec<Range>,
}

/// The hold was not placed, or not released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// The chain.
    #[error("read the chain")]
    Read(#[from] ReadError),
    /// The event that says so.
    #[error("chain the event that says so")]
    Append(#[from] AppendError),
    /// No such events.
    #[error(
        "a hold is over events of the log, from the first to the last of them. fromSeq=`{from}` toSeq=`{to}` head=`{head}`"
    )]
    Range {
        /// First event asked for.
        from: u64,
        /// Last event asked for.
        to: u64,
        /// The newest event.
        head: u64,
    },
    /// No reason.
    #[error("say in 1 to {MAX_REASON} characters why these events are held")]
    Reason,
    /// No such hold.
    #[error("event {0} places no hold; GET /audit/holds lists them")]
    NoSuchHold(u64),
}

impl From<TableError> for HoldError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

/// Places a hold. Once it is there, nothing that it holds is deleted, but for what is named as too late.
///
/// # Errors
/// See [`HoldError`].
pub async fn place(
    cx: &Context,
    appender: &Appender,
    range: Range,
    reason: &str,
    by: &str,
) -> Result<Placed, HoldError> {
    let (watermark, _) = derive::watermark(cx, SCHEMA).await?;
    let head = find_head(cx, watermark).await?;
    if range.start == 0 || range.end < range.start || range.end > head.seq {
        return Err(HoldError::Range { from: range.start, to: range.end, head: head.seq });
    }
    if reason.trim().is_empty() || reason.chars().count() > MAX_REASON {
        return Err(HoldError::Reason);
    }
    let number = |n| Value::integer(n).expect("a chain has fewer than 2^53 events");
    let metadata =
        Object::of([("fromSeq", number(range.start)), ("toSeq", number(range.end)), ("reason", reason.into())]);
    let at = cx.clock.now();
    let name = format!("hold:{}", hex(&cx.ids.nonce()));
    let event = Draft::internal(HOLD_PLACED, name, at, metadata).map_err(|_| HoldError::Reason)?;
    let seq = chain(appender, event, by).await?;
    derive::derive(cx, SCHEMA, u64::MAX).await?;
    let hold = Hold { seq, range, reason: reason.to_owned(), by: Some(by.to_owned()), at, released: None };
    Ok(Placed { hold, too_late: too_late(cx, range).await? })
}

/// Releases a hold; once more does nothing.
///
/// # Errors
/// See [`HoldError`].
pub async fn release(cx: &Context, appender: &Appender, seq: u64, by: &str) -> Result<Hold, HoldError> {
    let find = |holds: Vec<Hold>| holds.into_iter().find(|hold| hold.seq == seq).ok_or(HoldError::NoSuchHold(seq));
    let hold = find(list(cx).await?)?;
    if hold.released.is_some() {
        return Ok(hold);
    }
    let number = Value::integer(seq).expect("a chain has fewer than 2^53 events");
    let metadata = Object::of([("holdSeq", number)]);
    let event = Draft::internal(HOLD_RELEASED, format!("hold-released:{seq}"), cx.clock.now(), metadata)
        .map_err(|_| HoldError::NoSuchHold(seq))?;
    let released = chain(appender, event, by).await?;
    derive::derive(cx, SCHEMA, u64::MAX).await?;
    Ok(Hold { released: Some(released), ..hold })
}

async fn chain(appender: &Appender, event: Draft, by: &str) -> Result<u64, AppendError> {
    let event = event.by(ActorType::User, Some(by.to_owned()).filter(|by| !by.is_empty()));
    let appended = appender.append(vec![event]).await?;
    let (Appended::Chained(seq) | Appended::Known(seq) | Appended::Conflicts(seq)) = appended[0];
    Ok(seq)
}

/// Archives of this range whose lines are gone, or going.
async fn too_late(cx: &Context, range: Range) -> Result<Vec<Range>, TableError> {
    let mut late = Vec::new();
    let mut after = 0;
    loop {
        let page = claims::after(cx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(late) };
        after = last.claim.range.start;
        for claim in page.into_iter().map(|stored| stored.claim) {
            let gone = matches!(claim.state, State::Expiring(_) | State::Deleting(_) | State::Expired(_));
            if gone && claim.range.start <= range.end && range.start <= claim.range.end {
                late.push(claim.range);
            }
        }
    }
}

/// All holds, oldest first, as of now: what is chained counts, whether its rows are there or not.
///
/// # Errors
/// The table, or damaged bytes.
pub async fn list(cx: &Context) -> Result<Vec<Hold>, ReadError> {
    // The watermark before the rows: those of every block up to it are there.
    let (watermark, _) = derive::watermark(cx, SCHEMA).await?;
    let mut placed: BTreeMap<u64, Option<Vec<u8>>> = BTreeMap::new();
    let mut released: BTreeMap<u64, u64> = BTreeMap::new();
    for row in all_rows(cx, &rows::hold_partition(&cx.chain)).await? {
        placed.insert(row.0, None);
    }
    for (hold, seq) in all_rows(cx, &rows::hold_release_partition(&cx.chain)).await? {
        // The row only says where the event is that says so.
        let line = match get_event(cx, seq).await {
            Ok(line) => line,
            // What the log says of holds is kept for ever: this is another event, and the row nobody's word.
            Err(ReadError::Expired { .. }) => continue,
            Err(error) => return Err(error),
        };
        if line.as_deref().and_then(HoldEvent::of_line) == Some(HoldEvent::Released { hold }) {
            released.insert(hold, seq);
        }
    }
    let head = find_head(cx, watermark).await?;
    for n in watermark + 1..=head.block {
        let Some(block) = get_block(cx, n).await? else { continue };
        let derived = derive_block(&block).map_err(ReadError::damaged(n))?;
        for (seq, event) in derived.holds {
            match event {
                HoldEvent::Placed { .. } => {
                    placed.insert(seq, block.line(seq).map_err(ReadError::damaged(n))?);
                }
                HoldEvent::Released { hold } => {
                    released.insert(hold, seq);
                }
            }
        }
    }
    let mut holds = Vec::new();
    for (seq, line) in placed {
        let line = match line {
            Some(line) => Some(line),
            None => match get_event(cx, seq).await {
                Err(ReadError::Expired { .. }) => continue,
                line => line?,
            },
        };
        if let Some(hold) = line.as_deref().and_then(|line| read(seq, line, released.get(&seq).copied())) {
            holds.push(hold);
        }
    }
    Ok(holds)
}

async fn all_rows(cx: &Context, partition: &str) -> Result<Vec<(u64, u64)>, TableError> {
    let (mut found, mut range) = (Vec::new(), KeyRange::all());
    loop {
        let page = cx.table.query(partition, &range, Order::Ascending, PAGE).await?;
        let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        found.extend(page.iter().filter_map(|row| Some((number(row.key.sort.as_bytes())?, number(&row.value)?))));
        match page.last() {
            Some(last) if page.len() == PAGE => range = KeyRange::after(last.key.sort.clone()),
            _ => return Ok(found),
        }
    }
}

fn read(seq: u64, line: &[u8], released: Option<u64>) -> Option<Hold> {
    let HoldEvent::Placed { range } = HoldEvent::of_line(line)? else { return None };
    let value = domain::json::parse(line, domain::json::Limits::FORMAT).ok()?;
    let event = value.as_object()?;
    let reason = event.get("metadata")?.as_object()?.get("reason")?.as_str()?.to_owned();
    let by = event.get("actorId")?.as_str().map(str::to_owned);
    let at = Timestamp::parse(event.get("at")?.as_str()?).ok()?;
    Some(Hold { seq, range, reason, by, at, released })
}
