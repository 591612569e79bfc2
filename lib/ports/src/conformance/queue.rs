//! What a [`Queue`] promises. `pass_visibility` lets so much time pass that deliveries which were
//! not acknowledged come back, on whatever clock the adapter uses.

use crate::{MAX_BODY_BYTES, MAX_SEND, Message, Queue, QueueError};
use futures_util::future::{BoxFuture, join_all};
use std::collections::BTreeSet;

/// A queue and its dead letters, both empty and used by nobody else.
pub struct Pair<'a> {
    pub queue: &'a dyn Queue,
    pub dead_letters: &'a dyn Queue,
    /// Deliveries after which an unacknowledged message goes to the dead letters.
    pub max_deliveries: u32,
    pub pass_visibility: &'a (dyn Fn() -> BoxFuture<'a, ()> + Sync),
}

/// Runs every check, each of which leaves both queues empty.
pub async fn check_all(pair: &Pair<'_>) {
    what_is_sent_is_received(pair).await;
    an_acknowledged_message_stays_away(pair).await;
    a_held_message_is_held(pair).await;
    an_unacknowledged_message_comes_back(pair).await;
    enough_deliveries_lead_to_the_dead_letters(pair).await;
    an_old_receipt_is_no_error(pair).await;
    limits_are_refused(pair).await;
    racing_receivers_share_the_messages(pair).await;
}

/// Receives until nothing comes any more.
async fn drain(queue: &dyn Queue) -> Vec<Message> {
    let mut all = Vec::new();
    loop {
        let some = queue.receive(MAX_SEND).await.unwrap();
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

async fn ack(queue: &dyn Queue, messages: &[Message]) {
    queue.ack(&messages.iter().map(|m| m.receipt.clone()).collect::<Vec<_>>()).await.unwrap();
}

async fn send(queue: &dyn Queue, bodies: &[&str]) {
    let bodies: Vec<String> = bodies.iter().map(|b| (*b).to_owned()).collect();
    let sent = queue.send_batch(&bodies).await.unwrap();
    assert!(sent.len() == bodies.len() && sent.iter().all(Result::is_ok), "{sent:?}");
}

fn bodies(messages: &[Message]) -> BTreeSet<String> {
    messages.iter().map(|m| m.body.clone()).collect()
}

pub async fn what_is_sent_is_received(pair: &Pair<'_>) {
    let largest = "x".repeat(MAX_BODY_BYTES);
    send(pair.queue, &["a", "{\"b\":\"\u{1f600}\"}", "line\nline", &largest]).await;
    let got = drain(pair.queue).await;
    assert_eq!(bodies(&got), ["a", "{\"b\":\"\u{1f600}\"}", "line\nline", &largest].map(String::from).into());
    assert!(got.iter().all(|m| m.deliveries == 1));
    ack(pair.queue, &got).await;
}

pub async fn an_acknowledged_message_stays_away(pair: &Pair<'_>) {
    send(pair.queue, &["once"]).await;
    let got = drain(pair.queue).await;
    ack(pair.queue, &got).await;
    (pair.pass_visibility)().await;
    assert!(drain(pair.queue).await.is_empty());
}

pub async fn a_held_message_is_held(pair: &Pair<'_>) {
    send(pair.queue, &["held"]).await;
    let got = drain(pair.queue).await;
    assert_eq!(got.len(), 1);
    assert!(drain(pair.queue).await.is_empty());
    ack(pair.queue, &got).await;
}

pub async fn an_unacknowledged_message_comes_back(pair: &Pair<'_>) {
    send(pair.queue, &["again", "done"]).await;
    let got = drain(pair.queue).await;
    let done: Vec<Message> = got.into_iter().filter(|m| m.body == "done").collect();
    ack(pair.queue, &done).await;
    (pair.pass_visibility)().await;
    let again = drain(pair.queue).await;
    assert_eq!(bodies(&again), ["again".to_owned()].into());
    assert_eq!(again[0].deliveries, 2);
    ack(pair.queue, &again).await;
}

pub async fn enough_deliveries_lead_to_the_dead_letters(pair: &Pair<'_>) {
    send(pair.queue, &["poison"]).await;
    for delivery in 1..=pair.max_deliveries {
        let got = drain(pair.queue).await;
        assert_eq!(got.len(), 1, "delivery {delivery}");
        (pair.pass_visibility)().await;
    }
    assert!(drain(pair.queue).await.is_empty());
    let dead = drain(pair.dead_letters).await;
    assert_eq!(bodies(&dead), ["poison".to_owned()].into());
    ack(pair.dead_letters, &dead).await;
    (pair.pass_visibility)().await;
    assert!(drain(pair.dead_letters).await.is_empty());
}

pub async fn an_old_receipt_is_no_error(pair: &Pair<'_>) {
    send(pair.queue, &["twice"]).await;
    let first = drain(pair.queue).await;
    (pair.pass_visibility)().await;
    let second = drain(pair.queue).await;
    assert_ne!(first[0].receipt, second[0].receipt, "each delivery has its own receipt");
    ack(pair.queue, &second).await;
    ack(pair.queue, &first).await;
    ack(pair.queue, &second).await;
}

pub async fn limits_are_refused(pair: &Pair<'_>) {
    let large = vec!["x".repeat(MAX_BODY_BYTES + 1)];
    assert!(matches!(pair.queue.send_batch(&large).await, Err(QueueError::Rejected(_))));
    let many = vec!["x".to_owned(); MAX_SEND + 1];
    assert!(matches!(pair.queue.send_batch(&many).await, Err(QueueError::Rejected(_))));
    assert!(drain(pair.queue).await.is_empty());
}

pub async fn racing_receivers_share_the_messages(pair: &Pair<'_>) {
    for batch in 0..10 {
        let names: Vec<String> = (0..MAX_SEND).map(|i| format!("m{batch}-{i}")).collect();
        send(pair.queue, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let got: Vec<Message> = join_all((0..8).map(|_| drain(pair.queue))).await.into_iter().flatten().collect();
    assert_eq!(bodies(&got).len(), 10 * MAX_SEND);
    ack(pair.queue, &got).await;
    (pair.pass_visibility)().await;
    assert!(drain(pair.queue).await.is_empty());
}
