//! The queue on an SQS API.

use crate::scripted::{Answer, Scripted, fresh_name};
use adapters_aws::SqsQueue;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use ports::conformance::queue;
use ports::{MAX_BODY_BYTES, Message, Probe, Queue, QueueError, QueueSettings, Verdict};
use std::sync::Mutex;

const SETTINGS: QueueSettings = QueueSettings { visibility_millis: 600_000, max_deliveries: 3 };

/// A prefix that no other run has used.
fn fresh_url() -> String {
    format!("sqs:{}/000000000000/{}-?wait=0", stores::server("DEZKY_TEST_SQS"), fresh_name("q"))
}

async fn made() -> (String, SqsQueue, SqsQueue) {
    let url = fresh_url();
    SqsQueue::create("QUEUE_URL", &url, "events", SETTINGS).await.unwrap();
    let open = |name| SqsQueue::open("QUEUE_URL", &url, name).unwrap();
    let (queue, dead_letters) = (open("events"), open("events-dead-letters"));
    (url, queue, dead_letters)
}

fn at(server: &Scripted) -> SqsQueue {
    SqsQueue::open("QUEUE_URL", &format!("sqs:{}/1/x-?wait=0", server.endpoint), "events").unwrap()
}

/// Knows which deliveries are not acknowledged, so that they can come back without waiting.
struct Remembering {
    inner: SqsQueue,
    held: Mutex<Vec<String>>,
}

impl Remembering {
    fn new(inner: SqsQueue) -> Self {
        Self { inner, held: Mutex::default() }
    }

    async fn pass_visibility(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        self.inner.release(&held).await.unwrap();
    }
}

#[async_trait]
impl Queue for Remembering {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        self.inner.send_batch(bodies).await
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        let received = self.inner.receive(limit).await?;
        self.held.lock().unwrap().extend(received.iter().map(|message| message.receipt.clone()));
        Ok(received)
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        self.held.lock().unwrap().retain(|receipt| !receipts.contains(receipt));
        self.inner.ack(receipts).await
    }
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_queue() {
    let (_, queue, dead_letters) = made().await;
    let (queue, dead_letters) = (Remembering::new(queue), Remembering::new(dead_letters));
    let pass_visibility = || -> BoxFuture<'_, ()> {
        Box::pin(async {
            queue.pass_visibility().await;
            dead_letters.pass_visibility().await;
        })
    };
    let max_deliveries = SETTINGS.max_deliveries;
    queue::check_all(&queue::Pair {
        queue: &queue,
        dead_letters: &dead_letters,
        max_deliveries,
        pass_visibility: &pass_visibility,
    })
    .await;
}

#[tokio::test]
async fn any_text_survives_and_batches_may_be_large() {
    let (_, queue, _) = made().await;
    let odd = ["", "\0\u{1}\u{8}\u{b}\u{c}\u{1f}", "\u{fffe}\u{ffff}\u{e000}a", "\u{10ffff}\u{d7ff}", " x ", "<&>"];
    let mut bodies: Vec<String> = odd.map(str::to_owned).to_vec();
    bodies.extend([0, 1, 2].map(|i| format!("{i}{}", "x".repeat(MAX_BODY_BYTES - 1))));
    bodies.push("\u{ffff}".repeat(MAX_BODY_BYTES / 3));
    assert!(queue.send_batch(&bodies).await.unwrap().iter().all(Result::is_ok));
    let mut received = Vec::new();
    loop {
        let some = queue.receive(10).await.unwrap();
        if some.is_empty() {
            break;
        }
        received.extend(some.into_iter().map(|message| message.body));
    }
    received.sort();
    bodies.sort();
    assert!(received == bodies, "{:?}", received.iter().map(String::len).collect::<Vec<_>>());
}

#[tokio::test]
async fn making_it_twice_is_no_error_and_the_probe_finds_it_fit() {
    let (url, queue, dead_letters) = made().await;
    SqsQueue::create("QUEUE_URL", &url, "events", QueueSettings::default()).await.unwrap();
    for (queue, checks) in [(queue, 5), (dead_letters, 4)] {
        let findings = queue.findings().await;
        assert!(findings.len() == checks && findings.iter().all(|f| f.verdict != Verdict::Unfit), "{findings:?}");
        queue.time().await.unwrap();
    }
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named() {
    let queue = SqsQueue::open("QUEUE_URL", &fresh_url(), "events").unwrap();
    let QueueError::Rejected(said) = queue.receive(1).await.unwrap_err() else { panic!("not rejected") };
    assert!(said.starts_with("QUEUE_URL: there is no queue `http://"), "{said}");
    assert!(said.contains("make it with `dezky migrate`, or mend the URL"), "{said}");
    assert!(matches!(queue.send_batch(&["x".to_owned()]).await, Err(QueueError::Rejected(_))));
    assert!(matches!(queue.ack(&["x".to_owned()]).await, Err(QueueError::Rejected(_))));
    assert_eq!(queue.findings().await[0].verdict, Verdict::Unfit);
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_named() {
    for (endpoint, wanted) in [
        ("http://nonexistent.invalid", "the host `nonexistent.invalid` is not known (DNS)"),
        ("http://127.0.0.1:1", "nobody listens at http://127.0.0.1:1 (connection refused)"),
    ] {
        let queue = SqsQueue::open("QUEUE_URL", &format!("sqs:{endpoint}/1/x-"), "events").unwrap();
        let QueueError::Unavailable(said) = queue.receive(1).await.unwrap_err() else { panic!("{endpoint}") };
        assert!(said.starts_with(&format!("QUEUE_URL: {wanted}")) && !said.contains('\n'), "{said}");
    }
}

#[tokio::test]
async fn a_batch_that_half_fails_says_which_half() {
    let server = Scripted::start(&[Answer::Says(
        200,
        r#"{"Successful":[{"Id":"1","MessageId":"m","MD5OfMessageBody":"x"}],
            "Failed":[{"Id":"0","SenderFault":true,"Code":"InvalidMessageContents","Message":"bad"},
                      {"Id":"2","SenderFault":false,"Code":"InternalError"},
                      {"Id":"7","SenderFault":true,"Code":"Nobody"}]}"#,
    )])
    .await;
    let outcomes = at(&server).send_batch(&["a", "b", "c", "d"].map(str::to_owned)).await.unwrap();
    assert!(matches!(&outcomes[0], Err(QueueError::Rejected(said)) if said.contains("InvalidMessageContents (bad)")));
    assert_eq!(outcomes[1], Ok(()));
    assert!(matches!(&outcomes[2], Err(QueueError::Unavailable(said)) if said.contains("InternalError")));
    assert!(matches!(&outcomes[3], Err(QueueError::Unavailable(said)) if said.contains("no word about a message")));
}

#[tokio::test]
async fn of_two_calls_one_may_fail() {
    const SENT: Answer =
        Answer::Says(200, r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],"Failed":[]}"#);
    let server = Scripted::start(&[SENT, Answer::Cut]).await;
    let outcomes = at(&server).send_batch(&[(); 2].map(|()| "x".repeat(MAX_BODY_BYTES))).await.unwrap();
    assert!(outcomes[0].is_ok() && matches!(outcomes[1], Err(QueueError::Unavailable(_))), "{outcomes:?}");
    let server = Scripted::start(&[Answer::Cut]).await;
    let error = at(&server).send_batch(&["x".to_owned()]).await.unwrap_err();
    assert!(matches!(error, QueueError::Unavailable(_)) && server.requests().len() == 1, "{error}");
}

#[tokio::test]
async fn a_receipt_that_is_over_is_no_error_however_it_is_said() {
    let receipts = ["old", "good"].map(str::to_owned);
    let within =
        r#"{"Successful":[{"Id":"1"}],"Failed":[{"Id":"0","SenderFault":true,"Code":"ReceiptHandleIsInvalid"}]}"#;
    let server = Scripted::start(&[Answer::Says(200, within)]).await;
    at(&server).ack(&receipts).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    const WHOLE: Answer = Answer::Says(400, r#"{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid"}"#);
    let good = Answer::Says(200, r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#);
    let server = Scripted::start(&[WHOLE, WHOLE, good]).await;
    at(&server).ack(&receipts).await.unwrap();
    assert_eq!(server.requests().len(), 3, "each for itself");
    let busy =
        r#"{"Successful":[],"Failed":[{"Id":"0","SenderFault":false,"Code":"InternalError","Message":"later"}]}"#;
    let server = Scripted::start(&[Answer::Says(200, busy)]).await;
    let QueueError::Unavailable(said) = at(&server).ack(&receipts).await.unwrap_err() else { panic!() };
    assert!(said.contains("InternalError (later)"), "{said}");
}

#[tokio::test]
async fn what_keeps_a_message_is_not_taken_for_an_old_receipt() {
    let receipts = ["one".to_owned()];
    const OVER: &str = "Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.";
    for (said, over) in [(OVER, true), ("The receipt handle is too old.", true), ("The queue is odd.", false)] {
        let whole = format!(r#"{{"__type":"com.amazonaws.sqs#InvalidParameterValue","message":"{said}"}}"#);
        let entry = format!(
            r#"{{"Successful":[],"Failed":[{{"Id":"0","SenderFault":true,"Code":"InvalidParameterValue","Message":"{said}"}}]}}"#
        );
        for answer in [Answer::Says(400, whole.leak()), Answer::Says(200, entry.leak())] {
            let server = Scripted::start(&[answer]).await;
            let outcome = at(&server).ack(&receipts).await;
            assert!(
                if over { outcome.is_ok() } else { matches!(outcome, Err(QueueError::Rejected(_))) },
                "{outcome:?}"
            );
        }
    }
    for (code, passes) in [("AccessDenied", false), ("RequestThrottled", true), ("KMS.ThrottlingException", true)] {
        let entry = format!(r#"{{"Successful":[],"Failed":[{{"Id":"0","SenderFault":true,"Code":"{code}"}}]}}"#);
        let server = Scripted::start(&[Answer::Says(200, entry.leak())]).await;
        let acked = at(&server).ack(&receipts).await.unwrap_err();
        let sent = at(&server).send_batch(&receipts).await.unwrap().remove(0).unwrap_err();
        for error in [acked, sent] {
            assert_eq!(matches!(error, QueueError::Unavailable(_)), passes, "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_busy_is_asked_again() {
    const BUSY: Answer = Answer::Says(400, r#"{"__type":"com.amazonaws.sqs#RequestThrottled"}"#);
    let server = Scripted::start(&[BUSY, BUSY, Answer::Says(200, "{}")]).await;
    assert_eq!(at(&server).receive(1).await, Ok(Vec::new()));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn receives_wait_longer_while_the_queue_is_empty() {
    let message = r#"{"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"b","Attributes":{"ApproximateReceiveCount":"4"}}]}"#;
    let empty = Answer::Says(200, "{}");
    let server = Scripted::start(&[empty, empty, Answer::Says(200, message), empty]).await;
    let queue = SqsQueue::open("QUEUE_URL", &format!("sqs:{}/1/x-", server.endpoint), "events").unwrap();
    for _ in 0..2 {
        queue.receive(10).await.unwrap();
    }
    assert_eq!(queue.receive(10).await.unwrap()[0].deliveries, 4);
    queue.receive(10).await.unwrap();
    assert!(queue.receive(0).await.unwrap().is_empty());
    let waits =
        [r#""WaitTimeSeconds":1"#, r#""WaitTimeSeconds":20"#, r#""WaitTimeSeconds":20"#, r#""WaitTimeSeconds":1"#];
    let requests = server.requests();
    assert_eq!(requests.len(), waits.len());
    for (request, wait) in requests.iter().zip(waits) {
        assert!(request.contains(&format!("{wait}}}")) || request.contains(&format!("{wait},")), "{request}");
        assert!(!request.contains("VisibilityTimeout"), "{request}");
    }
}

#[tokio::test]
async fn the_probe_sees_what_is_missing() {
    let attributes =
        r#"{"Attributes":{"VisibilityTimeout":"5","MessageRetentionPeriod":"60","MaximumMessageSize":"1024"}}"#;
    let server = Scripted::start(&[Answer::Says(200, attributes)]).await;
    let verdicts: Vec<_> = at(&server).findings().await.into_iter().map(|f| (f.check, f.verdict)).collect();
    let wanted = [
        ("queue", Verdict::Good),
        ("dead letters", Verdict::Unfit),
        ("redelivery", Verdict::Lacks),
        ("retention", Verdict::Lacks),
        ("largest message", Verdict::Unfit),
    ];
    assert_eq!(verdicts, wanted);
    assert_eq!(at(&server).time().await.unwrap().unwrap().to_string(), "2026-11-25T12:00:00.000Z");
    let server = Scripted::start(&[Answer::Says(200, "{}"), Answer::Cut]).await;
    let queue = at(&server);
    queue.receive(1).await.unwrap();
    assert!(queue.time().await.is_err(), "that of an earlier answer is none");
}

/// The emulator has all of SQS; others have less. What is asked for is what all of them have.
#[tokio::test]
async fn no_request_asks_for_what_other_services_have_not() {
    const MISSING: [&str; 6] =
        ["MessageGroupId", "DelaySeconds", "VisibilityTimeout", "AWSTraceHeader", "MessageAttributes", "Tags"];
    let server = Scripted::start(&[Answer::Says(200, "{}")]).await;
    let url = format!("sqs:{}/000000000000/q-?region=eu-central-1&wait=0", server.endpoint);
    let queue = SqsQueue::open("QUEUE_URL", &url, "events").unwrap();
    queue.send_batch(&["one".to_owned(), "two".to_owned()]).await.unwrap();
    queue.receive(10).await.unwrap();
    queue.ack(&["receipt".to_owned()]).await.unwrap();
    let requests = server.requests();
    let known = ["SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch"];
    let targets: Vec<&str> =
        requests.iter().map(|r| r.lines().find_map(|line| line.split("AmazonSQS.").nth(1)).unwrap().trim()).collect();
    assert_eq!(targets, known);
    for request in &requests {
        assert!(MISSING.iter().all(|word| !request.contains(&format!("\"{word}\""))), "{request}");
    }
}
