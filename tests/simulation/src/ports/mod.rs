//! The ports as a process meets them: calls travel, fail, half succeed, and land late.
//!
//! What is behind them is memory that never fails. Nothing here does what a port's promise forbids.

mod bucket;
mod call;
mod log;
mod queue;
mod small;
mod stores;
mod table;

pub(crate) use bucket::SimBucket;
pub(crate) use log::SimLog;
pub(crate) use queue::SimQueue;
pub(crate) use small::{SimClock, SimIds, SimSigner};
pub(crate) use stores::{Stores, chain, signing_key};
pub(crate) use table::SimTable;

use futures_util::FutureExt as _;
use std::future::Future;

/// The answer of memory, which has it at once.
pub(crate) fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("memory answers at once")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Mix;
    use crate::node::Node;
    use crate::world::World;
    use ::ports::conformance::{bucket, queue, table};
    use std::sync::Arc;

    /// Where nothing fails, the ports of the simulator keep what every adapter promises.
    #[tokio::test]
    async fn ports_without_faults_keep_their_promises() {
        let world = World::new(1, Mix::CALM, false);
        let stores = Stores::new(&world, 3);
        let node = Node::new(world.clone(), stores.clone(), Arc::from("node"), 0);
        table::check_all(&SimTable(node.clone()), "sim").await;
        bucket::check_all(&SimBucket(node.clone()), "sim").await;
        let pair = queue::Pair {
            queue: &SimQueue::new(node.clone(), stores.events.clone()),
            dead_letters: &SimQueue::new(node, stores.dead_letters.clone()),
            max_deliveries: 3,
            pass_visibility: &move || {
                world.state().now += 61_000;
                Box::pin(std::future::ready(()))
            },
        };
        queue::check_all(&pair).await;
    }
}
