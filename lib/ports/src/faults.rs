//! A table that fails on purpose, the same way for the same plan.
//!
//! The simulator of later work drives all ports; this decorator is for the services' own tests:
//! each outcome that a network can have, at the n-th write.

use crate::{Condition, Key, KeyRange, Order, Row, Table, TableError, Version};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What becomes of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Done, and said so.
    Fine,
    /// Not done, and said so.
    Throttled,
    /// Not done, and nobody knows.
    Lost,
    /// Done, and nobody knows.
    AppliedButUnknown,
    /// Nobody knows; done right before the write after the next.
    AppliedLater,
}

type Late = (Key, Vec<u8>, Condition);

/// Decorates a table; writes meet the planned fates in order, then are fine.
pub struct FaultyTable {
    inner: Arc<dyn Table>,
    plan: Mutex<VecDeque<Fate>>,
    late: Mutex<VecDeque<(u32, Late)>>,
}

impl FaultyTable {
    /// `plan` is for the conditional writes, in their order.
    pub fn new(inner: Arc<dyn Table>, plan: impl IntoIterator<Item = Fate>) -> Self {
        Self { inner, plan: Mutex::new(plan.into_iter().collect()), late: Mutex::default() }
    }

    fn next_fate(&self) -> Fate {
        self.plan.lock().expect("no holder panics").pop_front().unwrap_or(Fate::Fine)
    }

    async fn land_late_writes(&self) {
        let due: Vec<Late> = {
            let mut late = self.late.lock().expect("no holder panics");
            late.iter_mut().for_each(|(wait, _)| *wait = wait.saturating_sub(1));
            let mut due = Vec::new();
            while late.front().is_some_and(|(wait, _)| *wait == 0) {
                due.extend(late.pop_front().map(|(_, write)| write));
            }
            due
        };
        for (key, value, condition) in due {
            // Whether its condition still holds is the store's to say; nobody hears the answer.
            let _ = self.inner.put(&key, value, condition).await;
        }
    }
}

fn unknown() -> TableError {
    TableError::Unavailable("planned fault".to_owned())
}

#[async_trait]
impl Table for FaultyTable {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        self.land_late_writes().await;
        match self.next_fate() {
            Fate::Fine => self.inner.put(key, value, condition).await,
            Fate::Throttled => Err(TableError::Throttled("planned fault".to_owned())),
            Fate::Lost => Err(unknown()),
            Fate::AppliedButUnknown => {
                let _ = self.inner.put(key, value, condition).await;
                Err(unknown())
            }
            Fate::AppliedLater => {
                self.late.lock().expect("no holder panics").push_back((2, (key.clone(), value, condition)));
                Err(unknown())
            }
        }
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        self.inner.delete(key, version).await
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        self.inner.query(partition, range, order, limit).await
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        self.inner.get_many(keys).await
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        self.inner.put_many(rows).await
    }
}
