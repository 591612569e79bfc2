//! The storage ports in memory: the reference model that the others must behave like.

use async_trait::async_trait;
use ports::{
    Bucket, BucketError, Clock, Condition, Key, KeyRange, Message, ObjectMeta, Order, Queue, QueueError, QueueSettings,
    Row, Table, TableError, Version, check_key, check_send, check_write,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder panics")
}

#[derive(Default)]
struct Rows {
    rows: BTreeMap<String, BTreeMap<String, (Version, Vec<u8>)>>,
    writes: u64,
}

/// A table in memory. Clones are the same table.
#[derive(Clone, Default)]
pub struct MemoryTable(Arc<Mutex<Rows>>);

impl MemoryTable {
    /// A copy of everything, as a backup would have it.
    pub fn snapshot(&self) -> MemoryTable {
        let rows = lock(&self.0);
        MemoryTable(Arc::new(Mutex::new(Rows { rows: rows.rows.clone(), writes: rows.writes + 1_000_000 })))
    }

    /// Every row, in order of its key.
    pub fn dump(&self) -> Vec<(Key, Vec<u8>)> {
        let rows = lock(&self.0);
        rows.rows.iter().flat_map(|(p, rows)| rows.iter().map(move |(s, (_, v))| (Key::new(p, s), v.clone()))).collect()
    }
}

impl Rows {
    fn row(&self, key: &Key) -> Option<Row> {
        let (version, value) = self.rows.get(&key.partition)?.get(&key.sort)?;
        Some(Row { key: key.clone(), version: version.clone(), value: value.clone() })
    }

    fn write(&mut self, key: &Key, value: Vec<u8>) -> Version {
        self.writes += 1;
        let version = Version(format!("w{}", self.writes));
        let partition = self.rows.entry(key.partition.clone()).or_default();
        partition.insert(key.sort.clone(), (version.clone(), value));
        version
    }
}

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        Ok(lock(&self.0).row(key))
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        check_write(key, &value)?;
        let mut rows = lock(&self.0);
        let there = rows.row(key).map(|row| row.version);
        let holds = match condition {
            Condition::Absent => there.is_none(),
            Condition::Unchanged(version) => there == Some(version),
            Condition::Any => true,
        };
        if holds { Ok(rows.write(key, value)) } else { Err(TableError::Conflict(key.to_string())) }
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        let mut rows = lock(&self.0);
        if rows.row(key).is_none_or(|row| row.version != *version) {
            return Err(TableError::Conflict(key.to_string()));
        }
        if let Some(partition) = rows.rows.get_mut(&key.partition) {
            partition.remove(&key.sort);
        }
        Ok(())
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        let rows = lock(&self.0);
        let Some(found) = rows.rows.get(partition) else { return Ok(Vec::new()) };
        let within = found.iter().filter(|(sort, _)| range.contains(sort));
        let row = |(sort, (version, value)): (&String, &(Version, Vec<u8>))| Row {
            key: Key::new(partition, sort),
            version: version.clone(),
            value: value.clone(),
        };
        Ok(match order {
            Order::Ascending => within.take(limit).map(row).collect(),
            Order::Descending => within.rev().take(limit).map(row).collect(),
        })
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        let rows = lock(&self.0);
        Ok(keys.iter().map(|key| rows.row(key)).collect())
    }

    async fn put_many(&self, new: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        new.iter().try_for_each(|(key, value)| check_write(key, value))?;
        let mut rows = lock(&self.0);
        for (key, value) in new {
            rows.write(&key, value);
        }
        Ok(())
    }
}

/// A bucket in memory. Clones are the same bucket.
#[derive(Clone, Default)]
pub struct MemoryBucket(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

#[async_trait]
impl Bucket for MemoryBucket {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        check_key(key)?;
        lock(&self.0).insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        Ok(lock(&self.0).get(key).cloned())
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        let clamp = |n: u64, most: usize| usize::try_from(n).unwrap_or(most).min(most);
        Ok(lock(&self.0).get(key).map(|bytes| {
            let from = clamp(offset, bytes.len());
            bytes[from..clamp(offset.saturating_add(length), bytes.len())].to_vec()
        }))
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        Ok(lock(&self.0).get(key).map(|bytes| ObjectMeta { key: key.to_owned(), size: bytes.len() as u64 }))
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        let objects = lock(&self.0);
        let matching = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && start_after.is_none_or(|after| key.as_str() > after));
        Ok(matching.take(limit).map(|(key, bytes)| ObjectMeta { key: key.clone(), size: bytes.len() as u64 }).collect())
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        lock(&self.0).remove(key);
        Ok(())
    }
}

#[derive(Default)]
struct Messages {
    waiting: VecDeque<Held>,
    sent: u64,
}

struct Held {
    body: String,
    deliveries: u32,
    receipt: String,
    visible_at: i64,
}

/// A queue in memory. Clones are the same queue.
#[derive(Clone)]
pub struct MemoryQueue {
    messages: Arc<Mutex<Messages>>,
    dead_letters: Option<Arc<MemoryQueue>>,
    clock: Arc<dyn Clock>,
    settings: QueueSettings,
}

impl MemoryQueue {
    /// A queue and its dead letters.
    pub fn pair(clock: Arc<dyn Clock>, settings: QueueSettings) -> (MemoryQueue, MemoryQueue) {
        let alone =
            |dead_letters| MemoryQueue { messages: Arc::default(), dead_letters, clock: Arc::clone(&clock), settings };
        let dead_letters = alone(None);
        (alone(Some(Arc::new(dead_letters.clone()))), dead_letters)
    }

    /// Messages in it, held or not.
    pub fn depth(&self) -> usize {
        lock(&self.messages).waiting.len()
    }

    fn push(&self, body: String) {
        let visible_at = self.clock.now().unix_millis();
        let held = Held { body, deliveries: 0, receipt: String::new(), visible_at };
        lock(&self.messages).waiting.push_back(held);
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        check_send(bodies)?;
        bodies.iter().for_each(|body| self.push(body.clone()));
        Ok(bodies.iter().map(|_| Ok(())).collect())
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        let now = self.clock.now().unix_millis();
        let mut received = Vec::new();
        let mut dead = Vec::new();
        {
            let mut messages = lock(&self.messages);
            let Messages { waiting, sent } = &mut *messages;
            waiting.retain_mut(|held| {
                if received.len() == limit || held.visible_at > now {
                    return true;
                }
                if self.dead_letters.is_some() && held.deliveries >= self.settings.max_deliveries {
                    dead.push(std::mem::take(&mut held.body));
                    return false;
                }
                *sent += 1;
                held.deliveries += 1;
                held.receipt = format!("r{sent}");
                held.visible_at = now + self.settings.visibility_millis;
                received.push(Message {
                    receipt: held.receipt.clone(),
                    body: held.body.clone(),
                    deliveries: held.deliveries,
                });
                true
            });
        }
        if let Some(dead_letters) = &self.dead_letters {
            dead.into_iter().for_each(|body| dead_letters.push(body));
        }
        Ok(received)
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        lock(&self.messages).waiting.retain(|held| held.receipt.is_empty() || !receipts.contains(&held.receipt));
        Ok(())
    }
}
