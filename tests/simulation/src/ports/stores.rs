//! What is stored, behind all faults.

use super::small::{SimIds, TrueClock};
use crate::node::Node;
use crate::world::World;
use adapters_local::{KeySigner, MemoryBucket, MemoryLog, MemoryQueue, MemoryTable};
use domain::keys::{Algorithm, KeyRing, SigningKey};
use domain::names::ChainName;
use ports::{Key, QueueSettings};
use services::Context;
use services::cold::Cold;
use std::sync::{Arc, Mutex};

/// The chain of every run.
pub(crate) fn chain() -> ChainName {
    ChainName::new("sim.chain").expect("a name")
}

/// What signs in every run.
pub(crate) fn signing_key() -> SigningKey {
    SigningKey::new(Algorithm::HmacSha256, [7; 32])
}

/// Everything durable. Clones are the same stores.
#[derive(Clone)]
pub struct Stores {
    /// The table, and a copy that lags behind for a store that breaks its promise.
    table: Arc<Mutex<(MemoryTable, MemoryTable)>>,
    /// The bucket.
    pub bucket: MemoryBucket,
    /// Events that wait.
    pub events: MemoryQueue,
    /// Those delivered too often.
    pub dead_letters: MemoryQueue,
    /// Requests for a checkpoint.
    pub requests: MemoryQueue,
    /// A log of another program.
    pub log: MemoryLog,
}

impl Stores {
    /// Empty ones.
    pub fn new(world: &World, max_deliveries: u32) -> Self {
        let clock = Arc::new(TrueClock(world.clone()));
        let settings = QueueSettings { visibility_millis: 60_000, max_deliveries };
        let (events, dead_letters) = MemoryQueue::pair(clock.clone(), settings);
        let (requests, _) = MemoryQueue::pair(clock, settings);
        let (bucket, log) = (MemoryBucket::default(), MemoryLog::default());
        Self { table: Arc::default(), bucket, events, dead_letters, requests, log }
    }

    /// The table as it is now.
    pub fn table(&self) -> MemoryTable {
        self.table.lock().expect("no holder panics").0.clone()
    }

    /// The derived rows of the table as it is now: what is left where only blocks were lost.
    pub fn derived_rows(&self) -> Vec<(Key, Vec<u8>)> {
        let derived =
            |key: &Key| ["derived#", "marker#", "entry#", "edge#"].iter().any(|p| key.partition.starts_with(p));
        self.table().dump().into_iter().filter(|(key, _)| derived(key)).collect()
    }

    /// Another table from now on.
    pub fn replace_table(&self, table: MemoryTable) {
        self.table.lock().expect("no holder panics").0 = table;
    }

    /// A replica that sees some writes late. No table of the promise has one.
    pub(crate) fn lagging_table(&self, catches_up: bool) -> MemoryTable {
        let mut tables = self.table.lock().expect("no holder panics");
        if catches_up {
            tables.1 = tables.0.snapshot();
        }
        tables.1.clone()
    }

    /// Services on these stores, where nothing fails.
    pub fn quiet(&self, world: &World) -> Context {
        let node = Node::new(world.clone(), self.clone(), Arc::from("quiet"), 0);
        Context {
            chain: chain(),
            table: Arc::new(self.table()),
            bucket: Arc::new(self.bucket.clone()),
            cold: Cold::plain(Arc::new(self.bucket.clone()), "audit"),
            events: Arc::new(self.events.clone()),
            dead_letters: Arc::new(self.dead_letters.clone()),
            checkpoint_requests: Arc::new(self.requests.clone()),
            clock: Arc::new(TrueClock(world.clone())),
            ids: Arc::new(SimIds(node)),
            signer: Arc::new(KeySigner::new(signing_key())),
            ring: KeyRing::of(signing_key().verify_key()),
            cursor_key: [5; 32],
            threads: 0,
            writer: "quiet".to_owned(),
        }
    }
}
