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
use crate::view::View;
use domain::block::Head;
use domain::checkpoint::Checkpoint;
use domain::derived::BREAK_ACCEPTED;
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Object, Value};
use domain::names::ActorType;
use ports::Condition;

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
/// # Errors
/// See [`AcceptError`]; it may be called again after any of them.
pub async fn accept_break(cx: &Context, operator: &str) -> Result<u64, AcceptError> {
    let guard_error = |error: crate::blocks::ReadError| AcceptError::Guard(error.into());
    let view = View::load(cx).await.map_err(guard_error)?;
    let lost = lost_checkpoint(cx, &view.head).await?;
    if lost.is_none() && view.watermark <= view.head.block {
        return Err(AcceptError::NothingToAccept);
    }
    index::forget_blocks_after(cx, view.head.block).await.map_err(guard_error)?;
    pull_back_watermark(cx, view.head.block).await?;
    bring_back_checkpoints(cx).await?;
    let event = acceptance(cx, operator, &view, lost.as_ref());
    let appended = Appender::despite_a_break(cx.clone()).append(vec![event]).await?;
    derive::derive(cx, SCHEMA, u64::MAX).await.map_err(guard_error)?;
    let (Appended::Chained(seq) | Appended::Known(seq) | Appended::Conflicts(seq)) = appended[0];
    tracing::warn!(chain = %cx.chain, seq, operator, "break accepted; it stays reported");
    Ok(seq)
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

/// The newest checkpoint whose event is not in the table.
async fn lost_checkpoint(cx: &Context, head: &Head) -> Result<Option<Checkpoint>, GuardError> {
    for (_, checkpoint) in guard::newest_evidence(cx).await? {
        let there = match checkpoint.head_seq > head.seq {
            true => None,
            false => guard::hash_of(cx, checkpoint.head_seq, head).await?,
        };
        let key = rows::accepted(&cx.chain, checkpoint.head_seq, &checkpoint.head_hash);
        if there != Some(checkpoint.head_hash) && cx.table.get(&key).await?.is_none() {
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

/// Later checkpoints go on from the lost ones' numbers, so that no number is used twice.
async fn bring_back_checkpoints(cx: &Context) -> Result<(), GuardError> {
    let newest = checkpoints::latest(cx).await?.map_or(0, |stored| stored.checkpoint.n);
    for (n, bytes) in checkpoints::copies_from(cx, newest + 1).await? {
        let signed = Checkpoint::from_line(&bytes).is_ok_and(|c| c.n == n && c.is_signed_by(&cx.ring));
        if signed {
            match cx.table.put(&rows::checkpoint(&cx.chain, n), bytes, Condition::Absent).await {
                Ok(_) | Err(ports::TableError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
