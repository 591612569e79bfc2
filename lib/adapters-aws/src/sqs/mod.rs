//! The queue on the SQS API.
//!
//! Only what all who speak it have (AWS, Scaleway, ElasticMQ): batches to send and delete, receives
//! that wait, the count of deliveries, a redrive policy. No groups, no delays, no visibility per message.

mod probe;
mod text;

use crate::client::{self, ServerTime};
use crate::failure::{self, Failure, Kind, while_busy};
use crate::place::{Place, UrlError};
use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ports::{MAX_SEND, Message, Queue, QueueError, QueuePair, check_send};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is appended to the name of a queue for its dead letters.
const DEAD_LETTERS: &str = "-dead-letters";
/// Most bytes in one call: the least that any of the services takes (256 KiB), less some room.
const CALL_BYTES: usize = 250_000;
/// How long the first receive waits, in seconds: whoever drains a queue ends soon.
const SHORT_WAIT: i32 = 1;
/// How long further receives wait while the queue is empty; each costs as much as one that finds something.
const LONG_WAIT: i32 = 20;

/// A queue of an SQS API, shared by everybody who can reach it. Clones are the same receiver.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    place: Place,
    name: String,
    wait: Option<i32>,
    was_empty: Arc<AtomicBool>,
    time: ServerTime,
}

impl SqsQueue {
    /// The queue of this name at `sqs:https://HOST/ACCOUNT/NAME-PREFIX?region=&wait=SECONDS`: its URL is
    /// the prefix and the name. `wait` fixes how long a receive waits. Connects nowhere.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub fn open(setting: &'static str, url: &str, name: &str) -> Result<Self, UrlError> {
        let place = Place::parse(setting, "sqs", url, &["region", "wait"])?;
        let path = place.endpoint.as_deref().and_then(|origin| place.name.strip_prefix(origin));
        if path.is_none_or(|path| path.len() < 2) {
            return Err(place.wrong("the URL of a queue is sqs:https://HOST/ACCOUNT/NAME-PREFIX"));
        }
        let wait = place.number("wait", 0..=LONG_WAIT)?;
        let time = ServerTime::default();
        let config = Builder::from(&client::config(&place)).interceptor(time.clone()).build();
        let client = Client::from_conf(config);
        Ok(Self { client, place, name: name.to_owned(), wait, was_empty: Arc::default(), time })
    }

    /// The queue of this name and its dead letters, which are called `NAME-dead-letters`.
    ///
    /// # Errors
    /// As [`SqsQueue::open`].
    pub fn pair(setting: &'static str, url: &str, name: &str) -> Result<QueuePair, UrlError> {
        let queue = Self::open(setting, url, name)?;
        let dead_letters = queue.dead_letters();
        Ok(QueuePair { queue: Arc::new(queue), dead_letters: Arc::new(dead_letters) })
    }

    fn dead_letters(&self) -> Self {
        Self { name: format!("{}{DEAD_LETTERS}", self.name), was_empty: Arc::default(), ..self.clone() }
    }

    /// Lets deliveries come back at once, as if their time had passed: how tests wait for no clock.
    ///
    /// # Errors
    /// Those of the queue; a receipt that is no longer good is none.
    pub async fn release(&self, receipts: &[String]) -> Result<(), QueueError> {
        for receipt in receipts {
            let request = self.client.change_message_visibility().queue_url(self.url()).receipt_handle(receipt);
            match request.visibility_timeout(0).send().await {
                Err(error) if !is_over(error.code(), error.message()) => return Err(queue_error(self.failure(&error))),
                _ => {}
            }
        }
        Ok(())
    }

    /// The queue's own URL.
    fn url(&self) -> String {
        format!("{}{}", self.place.name, self.name)
    }

    fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mend = "make it with `dezky migrate`, or mend the URL";
        failure::failure(&self.place, &format!("the queue `{}`", self.url()), mend, error)
    }

    /// Sends bodies that fit one call.
    async fn send(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let entry = |(i, body): (usize, &String)| {
            let entry = SendMessageBatchRequestEntry::builder().id(i.to_string()).message_body(body).build();
            entry.expect("id and body are set")
        };
        let entries = bodies.iter().enumerate().map(entry).collect();
        let request = self.client.send_message_batch().queue_url(self.url()).set_entries(Some(entries));
        let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
        let answer = answer.await.map_err(queue_error)?;
        let line = |text: &str| format!("{}: {text} of the queue `{}`", self.place.setting, self.url());
        let mut outcomes = vec![Err(QueueError::Unavailable(line("no word about a message"))); bodies.len()];
        let place = |id: &str| id.parse().ok().filter(|i: &usize| *i < bodies.len());
        for failed in &answer.failed {
            let text = line(&format!("{} ({}) for a message", failed.code, failed.message().unwrap_or("-")));
            if let Some(i) = place(&failed.id) {
                outcomes[i] = Err(queue_error(entry_failure(failed, text)));
            }
        }
        answer.successful.iter().filter_map(|sent| place(&sent.id)).for_each(|i| outcomes[i] = Ok(()));
        Ok(outcomes)
    }

    /// Deletes deliveries; one that is over needs no deleting. `false` if the whole call was refused for
    /// one that is over.
    async fn delete(&self, receipts: &[String]) -> Result<bool, Failure> {
        let entry = |(i, receipt): (usize, &String)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(i.to_string()).receipt_handle(receipt).build();
            entry.expect("id and receipt are set")
        };
        let entries = receipts.iter().enumerate().map(entry).collect();
        let request = self.client.delete_message_batch().queue_url(self.url()).set_entries(Some(entries));
        let answer = while_busy(async || match request.clone().send().await {
            Ok(answer) => Ok(Some(answer.failed)),
            Err(error) if is_over(error.code(), error.message()) => Ok(None),
            Err(error) => Err(self.failure(&error)),
        });
        let Some(failed) = answer.await? else { return Ok(false) };
        match failed.iter().find(|failed| !is_over(Some(&failed.code), failed.message())) {
            None => Ok(true),
            Some(failed) => {
                let (setting, url, said) = (self.place.setting, self.url(), failed.message().unwrap_or("-"));
                let text = format!("{setting}: the queue `{url}` kept a message: {} ({said})", failed.code);
                Err(entry_failure(failed, text))
            }
        }
    }
}

fn queue_error(failure: Failure) -> QueueError {
    match failure.kind {
        Kind::Busy | Kind::Unknown => QueueError::Unavailable(failure.text),
        Kind::Missing | Kind::Refused => QueueError::Rejected(failure.text),
    }
}

/// What became of one message of a call.
fn entry_failure(failed: &BatchResultErrorEntry, text: String) -> Failure {
    let kind = match failed.code() {
        code if failure::is_busy(code) => Kind::Busy,
        _ if failed.sender_fault => Kind::Refused,
        _ => Kind::Unknown,
    };
    Failure { kind, code: failed.code.clone(), text }
}

/// Whether this is said of a delivery that is over. What is wrong in another way must not pass for it:
/// the message would come back, and nobody would hear why.
fn is_over(code: Option<&str>, message: Option<&str>) -> bool {
    let code = code.unwrap_or_default();
    // Some say the name of the parameter (`ReceiptHandle`), some what it is.
    let of_receipt = || message.is_some_and(|said| said.to_lowercase().replace(' ', "").contains("receipthandle"));
    ["ReceiptHandleIsInvalid", "MessageNotInflight"].iter().any(|over| code.ends_with(over))
        || code.ends_with("InvalidParameterValue") && of_receipt()
}

/// Which messages go into one call, by the lengths of their bodies.
fn calls(lengths: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut calls: Vec<std::ops::Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (i, length) in lengths.iter().enumerate() {
        bytes += length;
        match calls.last_mut() {
            Some(call) if bytes <= CALL_BYTES => call.end = i + 1,
            _ => {
                bytes = *length;
                calls.push(i..i + 1);
            }
        }
    }
    calls
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        check_send(bodies)?;
        let bodies: Vec<String> = bodies.iter().map(|body| text::escape(body)).collect();
        let mut outcomes = Vec::with_capacity(bodies.len());
        let calls = calls(&bodies.iter().map(String::len).collect::<Vec<_>>());
        let only = calls.len() == 1;
        for call in calls {
            let count = call.len();
            match self.send(&bodies[call]).await {
                Ok(sent) => outcomes.extend(sent),
                Err(error) if only => return Err(error),
                // What went with another call is sent, or not, for itself.
                Err(error) => outcomes.extend(vec![Err(error); count]),
            }
        }
        Ok(outcomes)
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        let Some(most) = i32::try_from(limit.min(MAX_SEND)).ok().filter(|most| *most > 0) else {
            return Ok(Vec::new());
        };
        let patient = if self.was_empty.load(Ordering::Relaxed) { LONG_WAIT } else { SHORT_WAIT };
        let request = self
            .client
            .receive_message()
            .queue_url(self.url())
            .max_number_of_messages(most)
            .wait_time_seconds(self.wait.unwrap_or(patient))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
        let received = answer.await.map_err(queue_error)?.messages.unwrap_or_default();
        self.was_empty.store(received.is_empty(), Ordering::Relaxed);
        let message = |message: aws_sdk_sqs::types::Message| {
            let count = message.attributes().and_then(|a| a.get(&MessageSystemAttributeName::ApproximateReceiveCount));
            let deliveries = count.and_then(|count| count.parse().ok()).unwrap_or(1);
            Some(Message { deliveries, body: text::unescape(message.body()?), receipt: message.receipt_handle? })
        };
        Ok(received.into_iter().filter_map(message).collect())
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        for batch in receipts.chunks(MAX_SEND) {
            // Some refuse the whole batch for one receipt.
            if !self.delete(batch).await.map_err(queue_error)? {
                for receipt in batch {
                    self.delete(slice::from_ref(receipt)).await.map_err(queue_error)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_prefix() {
        let open = |url: &str| SqsQueue::open("QUEUE_URL", url, "events");
        let queue = open("sqs:https://sqs.eu-central-1.x.com/1/stack-?wait=0").unwrap();
        assert_eq!(queue.url(), "https://sqs.eu-central-1.x.com/1/stack-events");
        assert_eq!(queue.dead_letters().url(), "https://sqs.eu-central-1.x.com/1/stack-events-dead-letters");
        assert_eq!((queue.place.region.as_str(), queue.wait), ("eu-central-1", Some(0)));
        for (url, said) in [
            ("sqs:https://host", "the URL of a queue is sqs:https://HOST/ACCOUNT/NAME-PREFIX"),
            ("sqs:https://host/", "the URL of a queue is sqs:https://HOST/ACCOUNT/NAME-PREFIX"),
            ("sqs:my-queue?region=eu-central-1", "the URL of a queue is sqs:https://HOST/ACCOUNT/NAME-PREFIX"),
            ("sqs:https://host/1/x?wait=21", "`wait=21` is not a number from 0 to 20"),
        ] {
            assert_eq!(open(url).unwrap_err().to_string(), format!("QUEUE_URL: {said}"));
        }
    }

    #[test]
    fn calls_are_bounded_by_bytes_and_keep_the_order() {
        for (lengths, wanted) in [
            (vec![], vec![]),
            (vec![1; 10], vec![(0, 10)]),
            (vec![100_000, 150_000, 1], vec![(0, 2), (2, 3)]),
            (vec![1, 262_144, 1, 1], vec![(0, 1), (1, 2), (2, 4)]),
        ] {
            let calls: Vec<_> = calls(&lengths).into_iter().map(|call| (call.start, call.end)).collect();
            assert_eq!(calls, wanted, "{lengths:?}");
        }
    }
}
