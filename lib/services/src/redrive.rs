//! Sending dead letters back to the queue of events: all of them can be tried again, since what can
//! never be chained is answered by a rejection and never dies.

use crate::Context;
use crate::planted::{Bug, planted};
use ports::{MAX_SEND, Message, QueueError};

/// Sends back up to `limit` dead letters; how many it sent.
///
/// # Errors
/// The queue. A letter that was sent and not taken out is sent again; doubling it does no harm.
pub async fn redrive(cx: &Context, limit: usize) -> Result<usize, QueueError> {
    let mut sent = 0;
    while sent < limit {
        let letters = cx.dead_letters.receive(MAX_SEND.min(limit - sent)).await?;
        if letters.is_empty() {
            break;
        }
        let bodies: Vec<String> = letters.iter().map(|letter| letter.body.clone()).collect();
        if planted(Bug::RedriveTakesOutFirst) {
            let receipts: Vec<String> = letters.iter().map(|letter| letter.receipt.clone()).collect();
            cx.dead_letters.ack(&receipts).await?;
        }
        let outcomes = cx.events.send_batch(&bodies).await?;
        let done: Vec<String> = letters
            .into_iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_ok() || planted(Bug::RedriveTakesOutAll))
            .map(|(Message { receipt, .. }, _)| receipt)
            .collect();
        sent += done.len();
        cx.dead_letters.ack(&done).await?;
        if let Some(Err(error)) = outcomes.into_iter().find(Result::is_err) {
            return Err(error);
        }
    }
    Ok(sent)
}
