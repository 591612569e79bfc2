//! Draining the queues: messages become events of the chain, requests become checkpoints.
//!
//! A message is acknowledged after all it holds is chained, known, or answered by a chained
//! `audit.event_rejected`. Whatever fails comes back, so that everything in the dead letters can be
//! tried again.

use crate::Context;
use crate::append::{AppendError, Appended, Appender, rejection};
use crate::layout::messages::{self, Rejected};
use crate::planted::{Bug, planted};
use crate::sign::{SignError, sign};
use domain::checkpoint::Checkpoint;
use domain::event::Draft;
use ports::{MAX_SEND, Message, QueueError};

/// A round over a queue failed; its messages come back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrainError {
    /// The queue.
    #[error("drain the queue")]
    Queue(#[from] QueueError),
    /// The chain.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The checkpoint.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Chains what the messages hold. On `Ok` all of them may be acknowledged.
///
/// # Errors
/// Those of the appender: none may be acknowledged, all may be tried again.
pub async fn append_messages(cx: &Context, appender: &Appender, received: &[Message]) -> Result<(), AppendError> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut rejected: Vec<(Rejected, Option<u64>)> = Vec::new();
    for unpacked in received.iter().flat_map(|message| messages::unpack(&message.body)) {
        match unpacked.and_then(|draft| within_limit(cx, draft)) {
            Ok(draft) => drafts.push(draft),
            Err(_) if planted(Bug::RejectsInSilence) => {}
            Err(reason) => rejected.push((reason, None)),
        }
    }
    let appended = appender.append(drafts.clone()).await?;
    for (draft, appended) in drafts.iter().zip(appended) {
        if let Appended::Conflicts(seq) = appended
            && !planted(Bug::DropsConflictsInSilence)
        {
            let reason = Rejected {
                reason: "id-conflict",
                source: Some(draft.source().clone()),
                id: Some(draft.id()),
                digest: draft.digest(),
            };
            rejected.push((reason, Some(seq)));
        }
    }
    if rejected.is_empty() {
        return Ok(());
    }
    let answers: Vec<Draft> = rejected
        .iter()
        .filter_map(|(reason, seq)| {
            tracing::warn!(chain = %cx.chain, reason = reason.reason, sha256 = %reason.digest, "rejected an event");
            rejection(cx, reason, *seq).ok()
        })
        .collect();
    match appender.append(answers).await {
        Err(_) if planted(Bug::RejectionIsLost) => Ok(()),
        done => done.map(drop),
    }
}

fn within_limit(cx: &Context, draft: Draft) -> Result<Draft, Rejected> {
    domain::admit::within_line_limit(&draft, &cx.chain).map_err(|refusal| Rejected {
        reason: refusal.code,
        source: Some(draft.source().clone()),
        id: Some(draft.id()),
        digest: draft.digest(),
    })?;
    Ok(draft)
}

/// One round over the queue of events; how many messages it acknowledged.
///
/// # Errors
/// See [`DrainError`].
pub async fn append_events(cx: &Context, appender: &Appender) -> Result<usize, DrainError> {
    let received = cx.events.receive(MAX_SEND).await?;
    if received.is_empty() {
        return Ok(0);
    }
    if planted(Bug::AckBeforeCommit) {
        cx.events.ack(&receipts(&received)).await?;
    }
    match append_messages(cx, appender, &received).await {
        Err(error) if !planted(Bug::AckDespiteFailure) => return Err(error.into()),
        _ => {}
    }
    cx.events.ack(&receipts(&received)).await?;
    Ok(received.len())
}

/// One round over the requests for a checkpoint: one answers them all.
///
/// # Errors
/// See [`DrainError`].
pub async fn sign_requested(cx: &Context) -> Result<Option<Checkpoint>, DrainError> {
    let received = cx.checkpoint_requests.receive(MAX_SEND).await?;
    let Some(first) = received.first() else { return Ok(None) };
    let signed = sign(cx, messages::checkpoint_reason(&first.body)).await?;
    cx.checkpoint_requests.ack(&receipts(&received)).await?;
    Ok(signed)
}

fn receipts(received: &[Message]) -> Vec<String> {
    received.iter().map(|message| message.receipt.clone()).collect()
}
