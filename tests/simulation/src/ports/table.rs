//! The table from afar.

use super::{at_once, call};
use crate::node::Node;
use async_trait::async_trait;
use ports::{Condition, Key, KeyRange, Order, Row, Table, TableError, Version};
use services::planted::{Bug, planted};

/// The table as one process meets it. Reads of several rows are of several moments.
pub(crate) struct SimTable(pub(crate) Node);

fn text<T>(result: &Result<T, TableError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(TableError::Conflict(_)) => "conflict",
        Err(_) => "error",
    }
}

/// Writes to what is stored now, and shows it to the checker.
fn store(node: &Node, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
    let table = node.stores.table();
    let before = at_once(table.get(key))?;
    let written = at_once(table.put(key, value.clone(), condition));
    node.world.note(format_args!("{} put {key} {}", node.name, text(&written)));
    if written.is_ok() {
        let now = node.world.now();
        node.world.checker().row(now, key, before.map(|row| row.value).as_deref(), Some(&value));
    }
    written
}

fn erase(node: &Node, key: &Key, version: &Version) -> Result<(), TableError> {
    let table = node.stores.table();
    let before = at_once(table.get(key))?;
    let erased = at_once(table.delete(key, version));
    node.world.note(format_args!("{} delete {key} {}", node.name, text(&erased)));
    if erased.is_ok() {
        let now = node.world.now();
        node.world.checker().row(now, key, before.map(|row| row.value).as_deref(), None);
    }
    erased
}

/// What a read looks at: what is stored, or what a replica has of it where that is the planted bug.
fn readable(node: &Node) -> adapters_local::MemoryTable {
    if planted(Bug::ReadsAreEventual) && node.draw(|dice| dice.below(2)) == 0 {
        return node.stores.lagging_table(node.draw(|dice| dice.below(8)) == 0);
    }
    node.stores.table()
}

#[async_trait]
impl Table for SimTable {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        call::read(&self.0, &format!("get {key}"), |node| at_once(readable(node).get(key))).await
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        let (what, key) = (format!("put {key}"), key.clone());
        if planted(Bug::ConditionsAreNotAtomic) && condition == Condition::Absent {
            let there = call::read(&self.0, &what, |node| at_once(readable(node).get(&key))).await?;
            if there.is_some() {
                return Err(TableError::Conflict(key.to_string()));
            }
            return call::write(&self.0, &what, move |node| store(node, &key, value, Condition::Any)).await;
        }
        call::write(&self.0, &what, move |node| store(node, &key, value, condition)).await
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        let (what, key, version) = (format!("delete {key}"), key.clone(), version.clone());
        call::write(&self.0, &what, move |node| erase(node, &key, &version)).await
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        // A scan over all markers is 256 queries, nearly all of nothing: one in sixteen is enough to stop
        // at, and leaves the steps to what decides something.
        if partition.starts_with("marker#") && self.0.draw(|dice| dice.below(16)) != 0 {
            return at_once(readable(&self.0).query(partition, range, order, limit));
        }
        let what = format!("query {partition}");
        call::read(&self.0, &what, |node| at_once(readable(node).query(partition, range, order, limit))).await
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        let split = self.0.draw(|dice| dice.place(keys.len() + 1));
        let mut rows = Vec::with_capacity(keys.len());
        for part in [&keys[..split], &keys[split..]] {
            if !part.is_empty() {
                let read = |node: &Node| at_once(readable(node).get_many(part.to_vec()));
                rows.extend(call::read(&self.0, "get many", read).await?);
            }
        }
        Ok(rows)
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        // In two parts, each with its own fate, in any order.
        let mut rows = rows;
        let split = self.0.draw(|dice| {
            dice.shuffle(&mut rows);
            dice.place(rows.len() + 1)
        });
        let second = rows.split_off(split);
        for part in [rows, second] {
            if part.is_empty() {
                continue;
            }
            let done = call::write(&self.0, "put many", move |node| {
                part.into_iter().try_for_each(|(key, value)| store(node, &key, value, Condition::Any).map(drop))
            })
            .await;
            match done {
                // Such a write has no condition to be in conflict with.
                Err(TableError::Conflict(_)) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
