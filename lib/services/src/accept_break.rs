//! An operator accepts that the table lost history, so that work can go on.
//!
//! The loss is not mended and stays reported: the lost checkpoints come back from the bucket, and an
//! `audit.break_accepted` event names both heads. Derived rows of the lost blocks go, or they would
//! hide events that are sent again.

use crate::Context;
use crate::append::{AppendError, Appended, Appender};
use crate::checkpoints;
use crate::derive::{self, watermark};
use crate::guard::{self, GuardError};
use crate::index;
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, planted};
use crate::view::View;
use domain::admit::complete_draft;
use domain::checkpoint::Checkpoint;
use domain::derived::BREAK_ACCEPTED;
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Limits, Object, Value, parse};
use domain::names::ActorType;
use ports::{Condition, TableError, Version};

/// The break was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The table is the one that its checkpoints speak of.
    #[error("there is no break to accept: the table agrees with its checkpoints and their copies")]
    NothingToAccept,
    /// The chain or the copies cannot be read or written.
    #[error("accept the break")]
    Guard(#[from] GuardError),
    /// The event could not be chained.
    #[error("record the acceptance")]
    Append(#[from] AppendError),
}

/// Accepts the break in the operator's name; the `seq` of the event that says so.
///
/// What is accepted is written down first: the steps behind take the evidence away, and a crash
/// between them must not make the break forgotten.
///
/// # Errors
/// See [`AcceptError`]; it may be called again after any of them and goes on where it stopped.
pub async fn accept_break(cx: &Context, operator: &str) -> Result<u64, AcceptError> {
    let guard_error = |error: crate::blocks::ReadError| AcceptError::Guard(error.into());
    let (event, head_block, version) = match written_down(cx).await? {
        Some(intent) => intent,
        None => write_down(cx, operator).await?,
    };
    if !planted(Bug::LostRowsStay) {
        index::forget_blocks_after(cx, head_block).await.map_err(guard_error)?;
    }
    if !planted(Bug::LostWatermarkStays) {
        pull_back_watermark(cx, head_block).await?;
    }
    for (n, line, _) in checkpoints::missing_rows(cx).await? {
        checkpoints::bring_back(cx, n, line).await.map_err(GuardError::from)?;
    }
    let appended = Appender::despite_a_break(cx.clone()).append(vec![event]).await?;
    derive::derive(cx, SCHEMA, u64::MAX).await.map_err(guard_error)?;
    let (Appended::Chained(seq) | Appended::Known(seq) | Appended::Conflicts(seq)) = appended[0];
    tracing::warn!(chain = %cx.chain, seq, operator, "break accepted; it stays reported");
    match cx.table.delete(&rows::accepting(&cx.chain), &version).await {
        Ok(()) | Err(TableError::Conflict(_)) => Ok(seq),
        Err(error) => Err(AcceptError::Guard(error.into())),
    }
}

type Intent = (Draft, u64, Version);

async fn written_down(cx: &Context) -> Result<Option<Intent>, GuardError> {
    let key = rows::accepting(&cx.chain);
    let Some(row) = cx.table.get(&key).await? else { return Ok(None) };
    let read = || {
        let value = parse(&row.value, Limits::FORMAT).ok()?;
        let object = value.as_object()?;
        let event = complete_draft(object.get("event")?.as_object()?.clone()).ok()?;
        Some((event, object.get("headBlock")?.as_u64()?))
    };
    let unreadable = || TableError::Rejected(format!("the row does not say what is being accepted. key=`{key}`"));
    let (event, head_block) = read().ok_or_else(unreadable)?;
    Ok(Some((event, head_block, row.version)))
}

async fn write_down(cx: &Context, operator: &str) -> Result<Intent, AcceptError> {
    let guard_error = |error: crate::blocks::ReadError| AcceptError::Guard(error.into());
    let view = View::load(cx).await.map_err(guard_error)?;
    let lost = lost_checkpoint(cx, &view).await?;
    let leftovers = view.watermark > view.head.block
        || index::names_lost_blocks_after(cx, view.head.block).await.map_err(guard_error)?;
    if lost.is_none() && !leftovers {
        return Err(AcceptError::NothingToAccept);
    }
    let event = acceptance(cx, operator, &view, lost.as_ref());
    let head_block = Value::integer(view.head.block).expect("fewer blocks than events");
    let text = parse(&event.canonical(), Limits::FORMAT).expect("canonical JSON is JSON");
    let intent = Object::of([("event", text), ("headBlock", head_block)]).canonical();
    if planted(Bug::AcceptsFromMemory) {
        return Ok((event, view.head.block, Version(String::new())));
    }
    match cx.table.put(&rows::accepting(&cx.chain), intent, Condition::Absent).await {
        Ok(version) => Ok((event, view.head.block, version)),
        Err(error @ TableError::Conflict(_)) => Ok(written_down(cx).await?.ok_or_else(|| GuardError::from(error))?),
        Err(error) => Err(AcceptError::Guard(error.into())),
    }
}

fn acceptance(cx: &Context, operator: &str, view: &View, lost: Option<&Checkpoint>) -> Draft {
    let head = |seq: u64, hash: Hash| {
        let seq = Value::integer(seq).expect("a chain has fewer than 2^53 events");
        Value::from(Object::of([("seq", seq), ("hash", hash.to_hex().into())]))
    };
    let metadata = Object::of([
        ("tableHead", head(view.head.seq, view.head.hash)),
        ("lostHead", lost.map_or(Value::Null, |c| head(c.head_seq, c.head_hash))),
        ("lostBlocksUpTo", Value::integer(view.watermark).expect("fewer blocks than events")),
    ]);
    let name = format!("break:{}", Hash::of(&metadata.canonical()));
    Draft::internal(BREAK_ACCEPTED, name, cx.clock.now(), metadata)
        .expect("the action is one of the log's own")
        .by(ActorType::User, Some(operator.to_owned()).filter(|o| !o.is_empty()))
}

/// The newest checkpoint whose event is not in the table, if nobody accepted that yet.
async fn lost_checkpoint(cx: &Context, view: &View) -> Result<Option<Checkpoint>, GuardError> {
    for (_, checkpoint) in guard::newest_evidence(cx).await? {
        let lost = (checkpoint.head_seq, checkpoint.head_hash);
        let in_memory = view.accepted.iter().any(|a| a.lost == Some(lost));
        let there = guard::holds(cx, &checkpoint, &view.head).await?;
        if !there && !in_memory && !guard::is_accepted(cx, lost).await? {
            return Ok(Some(checkpoint));
        }
    }
    Ok(None)
}

async fn pull_back_watermark(cx: &Context, to: u64) -> Result<(), GuardError> {
    let (now, version) = watermark(cx, SCHEMA).await?;
    if let Some(version) = version.filter(|_| now > to) {
        let key = rows::watermark(&cx.chain, SCHEMA);
        cx.table.put(&key, to.to_string().into_bytes(), Condition::Unchanged(version)).await?;
    }
    Ok(())
}
