//! Recording: admit, settle repeated ids, queue. The answer never waits for the chain.

use crate::Context;
use crate::blocks::ReadError;
use crate::layout::messages;
use crate::planted::{Bug, planted};
use crate::view::View;
use domain::admit::{Door, admit};
use domain::event::Draft;
use domain::json::{Refusal, Value};
use domain::names::{EventId, Source};
use ports::{MAX_SEND, QueueError};
use std::collections::HashMap;

/// Most events of one call.
pub const MAX_EVENTS: usize = 1000;

/// Nothing, or not certainly anything, was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// One bad element refuses the array, and each bad one is named.
    #[error("{} of the events cannot be recorded; the first: {}", .0.len(), .0[0].1)]
    Refused(Vec<(usize, Refusal)>),
    /// An id is taken by an event with other members.
    #[error("another event has the id of event {index} of the array. id=`{id}`")]
    Conflict {
        /// Its place in the array.
        index: usize,
        /// The id.
        id: EventId,
    },
    /// Too many or none.
    #[error("send 1 to {MAX_EVENTS} events at once. count=`{0}`")]
    Count(usize),
    /// The chain cannot be read.
    #[error("look up repeated ids")]
    Read(#[from] ReadError),
    /// The queue: some may be queued. Sending them again with the same ids doubles nothing.
    #[error("queue the events")]
    Queue(#[from] QueueError),
}

/// Records posted events for a caller who may speak for `sources`; their ids, in order.
///
/// # Errors
/// See [`RecordError`].
pub async fn record(cx: &Context, posted: Vec<Value>, sources: &[Source]) -> Result<Vec<EventId>, RecordError> {
    if posted.is_empty() || posted.len() > MAX_EVENTS {
        return Err(RecordError::Count(posted.len()));
    }
    let now = cx.clock.now();
    let door = Door { chain: &cx.chain, sources, now };
    let (mut drafts, mut named, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (index, event) in posted.into_iter().enumerate() {
        let has_id = event.as_object().and_then(|o| o.get("id")).is_some_and(|id| *id != Value::Null);
        match admit(event, &door, || cx.ids.event_id(now)) {
            Ok(draft) => {
                if has_id {
                    named.push(index);
                }
                drafts.push(draft);
            }
            Err(refusal) => refused.push((index, refusal)),
        }
    }
    if !refused.is_empty() {
        return Err(RecordError::Refused(refused));
    }
    settle_named(cx, &drafts, &named).await?;
    queue(cx, &drafts).await?;
    Ok(drafts.iter().map(Draft::id).collect())
}

/// An id that the producer chose may be taken: by another event of the array, or of the chain. One
/// that is only queued yet is settled by the appender.
async fn settle_named(cx: &Context, drafts: &[Draft], named: &[usize]) -> Result<(), RecordError> {
    let mut first = HashMap::new();
    for &index in named {
        let draft = &drafts[index];
        let earlier = *first.entry(draft.identity(&cx.chain)).or_insert(index);
        if drafts[earlier] != *draft {
            return Err(RecordError::Conflict { index, id: draft.id() });
        }
    }
    if named.is_empty() {
        return Ok(());
    }
    let identities: Vec<_> = named.iter().map(|i| drafts[*i].identity(&cx.chain)).collect();
    // The markers after the view: what was derived meanwhile is in one of the two.
    let view = View::load(cx).await?;
    let mut markers = view.look_up(cx, &identities).await?;
    for (marker, identity) in markers.iter_mut().zip(&identities) {
        if marker.is_none() {
            *marker = view.recall(cx, identity).await?;
        }
    }
    for (&index, marker) in named.iter().zip(markers) {
        if marker.is_some_and(|marker| marker.digest != drafts[index].digest()) {
            return Err(RecordError::Conflict { index, id: drafts[index].id() });
        }
    }
    Ok(())
}

/// Queues admitted events. On `Ok` all of them survive a crash.
///
/// # Errors
/// The queue.
pub async fn queue(cx: &Context, drafts: &[Draft]) -> Result<(), QueueError> {
    for batch in messages::pack(drafts).chunks(MAX_SEND) {
        for sent in cx.events.send_batch(batch).await? {
            if !planted(Bug::IgnoresPartOfASend) {
                sent?;
            }
        }
    }
    Ok(())
}
