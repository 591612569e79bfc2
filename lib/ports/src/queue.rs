//! Messages, at least once, in no order.
//!
//! Poorer than SQS at home: no groups, no delays, no visibility per receive, since half of the
//! compatible services have none of these.

use async_trait::async_trait;
use std::sync::Arc;

/// Most bytes in a body; SQS and its relatives take 256 KiB with their overhead.
pub const MAX_BODY_BYTES: usize = 192 * 1024;
/// Most messages in one call.
pub const MAX_SEND: usize = 10;

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Acknowledges this delivery.
    pub receipt: String,
    /// What was sent.
    pub body: String,
    /// How often it has been delivered, this time included.
    pub deliveries: u32,
}

/// Why a queue did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// It may have been done, or may still be.
    #[error("the queue did not answer; the outcome is not known. {0}")]
    Unavailable(String),
    /// It can never be done as asked.
    #[error("the queue refuses this. {0}")]
    Rejected(String),
}

/// A queue. What is sent is delivered at least once, possibly twice, possibly out of order; what is
/// not acknowledged comes back, and after enough deliveries goes to the dead letters instead, which
/// are a queue of their own.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends up to [`MAX_SEND`] messages; one answer for each. On `Ok` a message survives a crash.
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError>;

    /// At most `limit` messages (up to [`MAX_SEND`]) that nobody else holds. None does not mean
    /// that the queue is empty.
    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError>;

    /// Acknowledges deliveries by their receipts. A receipt that is no longer good is no error.
    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError>;
}

/// A queue and its dead letters.
pub struct QueuePair {
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// Where messages go that were delivered too often.
    pub dead_letters: Arc<dyn Queue>,
}

/// How a queue redelivers.
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// How long a delivery is held before the message comes back, in milliseconds.
    pub visibility_millis: i64,
    /// Deliveries after which it goes to the dead letters.
    pub max_deliveries: u32,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { visibility_millis: 60_000, max_deliveries: 5 }
    }
}

/// The limits that every adapter refuses in the same words.
///
/// # Errors
/// [`QueueError::Rejected`].
pub fn check_send(bodies: &[String]) -> Result<(), QueueError> {
    if bodies.len() > MAX_SEND {
        return Err(QueueError::Rejected(format!("at most {MAX_SEND} messages at once. count=`{}`", bodies.len())));
    }
    match bodies.iter().find(|b| b.len() > MAX_BODY_BYTES) {
        Some(body) => {
            Err(QueueError::Rejected(format!("a body has at most {MAX_BODY_BYTES} bytes. bytes=`{}`", body.len())))
        }
        None => Ok(()),
    }
}
