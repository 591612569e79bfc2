//! What is asked of a queue that nobody else uses.

use ports::{Finding, MAX_BODY_BYTES, Message, Queue, QueueError};

/// How often an answer without messages is taken for one of a queue that has some.
const MAX_EMPTY: usize = 5;

/// Sends the largest body that there is, and a small one with odd characters; receives and
/// acknowledges both.
pub async fn queue(queue: &dyn Queue, token: &str) -> Vec<Finding> {
    const CHECK: &str = "round trip";
    match trip(queue, token).await {
        Ok(true) => {
            vec![Finding::good(CHECK, format!("messages of up to {MAX_BODY_BYTES} bytes came back as they were sent"))]
        }
        Ok(false) => {
            let seen = "what was sent did not come back as it was sent";
            vec![Finding::unfit(
                CHECK,
                seen,
                "events would be lost on the way: choose another QUEUE_URL. Should another `dezky doctor` have run at the same time, ask again",
            )]
        }
        Err(error) => vec![Finding::unfit(CHECK, error.to_string(), "mend that, and ask again")],
    }
}

async fn trip(queue: &dyn Queue, token: &str) -> Result<bool, QueueError> {
    let odd = format!("{token} \u{1f600} \u{fffd} \u{ffff} \"quoted\" <tag> & a line\nmore");
    let large = format!("{token} {}", "x".repeat(MAX_BODY_BYTES - token.len() - 1));
    let bodies = vec![odd, large];
    for sent in queue.send_batch(&bodies).await? {
        sent?;
    }
    let (mut came, mut empty) = (Vec::new(), 0);
    while came.len() < bodies.len() && empty < MAX_EMPTY {
        let some = queue.receive(10).await?;
        empty += usize::from(some.is_empty());
        // What another doctor sent is that one's, or goes to the dead letters in the end.
        let own: Vec<Message> = some.into_iter().filter(|message| message.body.starts_with(token)).collect();
        queue.ack(&own.iter().map(|message| message.receipt.clone()).collect::<Vec<_>>()).await?;
        came.extend(own);
    }
    let has = |body: &String| came.iter().any(|message: &Message| message.body == *body);
    Ok(bodies.iter().all(has))
}
