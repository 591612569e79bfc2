//! A queue from afar: messages come twice, in another order, late, and again after they are done.

use super::{at_once, call};
use crate::node::{Fate, Node};
use adapters_local::MemoryQueue;
use async_trait::async_trait;
use ports::{Message, Queue, QueueError};

/// A queue as one process meets it.
pub(crate) struct SimQueue {
    node: Node,
    inner: MemoryQueue,
}

fn unknown() -> QueueError {
    QueueError::Unavailable("the simulator lost it".to_owned())
}

impl SimQueue {
    pub(crate) fn new(node: Node, inner: MemoryQueue) -> Self {
        Self { node, inner }
    }

    /// Puts a message in, or two.
    fn deliver(node: &Node, inner: &MemoryQueue, body: &str) {
        let twice = node.world.fault(|mix| mix.doubled, "queue: message doubled");
        for _ in 0..=u32::from(twice) {
            at_once(inner.send_batch(&[body.to_owned()])).expect("memory takes one").remove(0).expect("and keeps it");
        }
    }
}

#[async_trait]
impl Queue for SimQueue {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let node = &self.node;
        node.travel().await;
        // Bodies that no queue takes are refused whatever else goes wrong.
        if bodies.len() > ports::MAX_SEND || bodies.iter().any(|body| body.len() > ports::MAX_BODY_BYTES) {
            return self.inner.send_batch(bodies).await;
        }
        let fate = node.fate_of_a_write();
        let all = || bodies.iter().for_each(|body| Self::deliver(node, &self.inner, body));
        let answer = match fate {
            Fate::Fine => {
                let mut sent = Vec::new();
                for body in bodies {
                    // Of a message that was not sent some are there all the same.
                    let fails = node.world.fault(|mix| mix.part, "queue: part of a batch not sent");
                    if !fails || node.draw(|dice| dice.below(3)) == 0 {
                        Self::deliver(node, &self.inner, body);
                    }
                    sent.push(if fails { Err(unknown()) } else { Ok(()) });
                }
                Ok(sent)
            }
            Fate::Throttled | Fate::Lost => Err(unknown()),
            Fate::Applied | Fate::OwnConflict => {
                all();
                Err(unknown())
            }
            Fate::Later => {
                let (late, inner, bodies) = (node.clone(), self.inner.clone(), bodies.to_vec());
                node.world.later(Box::new(move || bodies.iter().for_each(|b| Self::deliver(&late, &inner, b))));
                Err(unknown())
            }
        };
        let failed = answer.as_ref().map_or(bodies.len(), |sent| sent.iter().filter(|s| s.is_err()).count());
        node.world.note(format_args!("{} send {} {fate:?} failed={failed}", node.name, bodies.len()));
        node.travel().await;
        answer
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        let node = &self.node;
        node.travel().await;
        if node.read_fails() {
            return Err(unknown());
        }
        let mut limit = limit;
        if node.world.fault(|mix| mix.reordered, "queue: gives little") {
            limit = node.draw(|dice| dice.place(limit + 1));
        }
        let mut received = at_once(self.inner.receive(limit))?;
        if node.world.fault(|mix| mix.reordered, "queue: reordered") {
            node.draw(|dice| dice.shuffle(&mut received));
        }
        node.world.note(format_args!("{} receive {}", node.name, received.len()));
        // If the answer is lost here, the messages are held until their time is over.
        node.travel().await;
        if node.read_fails() {
            return Err(unknown());
        }
        Ok(received)
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        let node = &self.node;
        let (inner, receipts) = (self.inner.clone(), receipts.to_vec());
        call::write(node, "ack", move |node| {
            let mut kept = receipts;
            let all = kept.len();
            kept.retain(|_| !node.world.fault(|mix| mix.comes_back, "queue: comes back although acknowledged"));
            node.world.note(format_args!("{} ack {} of {all}", node.name, kept.len()));
            at_once(inner.ack(&kept))
        })
        .await
    }
}
