//! Ports that count what passes through them, in the units by which clouds bill.
//!
//! A call of a port is not yet a request: a batch is cut into as many as the API takes, and what is read
//! or written is rounded up by item. The rules of rounding are those of the DynamoDB, S3 and SQS APIs.

use crate::{
    Bucket, BucketError, Condition, Key, KeyRange, Message, ObjectMeta, Order, Queue, QueueError, Row, Table,
    TableError, Version,
};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Items of one batch that reads.
const READ_BATCH: usize = 100;
/// Items of one batch that writes.
const WRITE_BATCH: usize = 25;
/// Bytes of an item beside key and value: the names of its four attributes, and a version of 32 digits.
const ITEM_OVERHEAD: usize = 24 + 32;
/// Bytes of a write unit, and of a strongly consistent read unit.
const WRITE_UNIT: usize = 1024;
const READ_UNIT: usize = 4096;
/// Bytes of a queue's message that are billed as one request.
const QUEUE_CHUNK: usize = 64 * 1024;

/// What one operation came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests of the API.
    pub requests: u64,
    /// Rows, objects or messages.
    pub items: u64,
    /// Their bytes, keys included.
    pub bytes: u64,
    /// What is billed: units of 1 KiB written or 4 KiB read for rows, 64 KiB for messages, requests for
    /// objects.
    pub units: u64,
}

/// Tallies by operation: `table put`, `queue send`.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<&'static str, Tally>>>);

impl Counts {
    /// All of them so far.
    pub fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        self.0.lock().expect("no holder panics").clone()
    }

    /// Forgets everything: what was counted before belongs to the preparations.
    pub fn clear(&self) {
        self.0.lock().expect("no holder panics").clear();
    }

    fn add(&self, operation: &'static str, requests: usize, items: usize, bytes: usize, units: usize) {
        let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut tallies = self.0.lock().expect("no holder panics");
        let tally = tallies.entry(operation).or_default();
        tally.requests += wide(requests);
        tally.items += wide(items);
        tally.bytes += wide(bytes);
        tally.units += wide(units);
    }
}

/// A port and what it came to.
pub struct Counting<P: ?Sized> {
    inner: Arc<P>,
    counts: Counts,
}

impl<P: ?Sized> Counting<P> {
    /// Counts what passes.
    pub fn new(inner: Arc<P>, counts: &Counts) -> Self {
        Self { inner, counts: counts.clone() }
    }
}

fn item(key: &Key, value: &[u8]) -> usize {
    key.partition.len() + key.sort.len() + value.len() + ITEM_OVERHEAD
}

/// What is absent is billed as the smallest item.
fn read_units(bytes: usize) -> usize {
    bytes.div_ceil(READ_UNIT).max(1)
}

fn row_bytes(row: Option<&Row>) -> usize {
    row.map_or(0, |row| item(&row.key, &row.value))
}

#[async_trait]
impl Table for Counting<dyn Table> {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        let row = self.inner.get(key).await?;
        let bytes = row_bytes(row.as_ref());
        self.counts.add("table get", 1, 1, bytes, read_units(bytes));
        Ok(row)
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        let bytes = item(key, &value);
        // A condition that fails costs as much as a write.
        self.counts.add("table put", 1, 1, bytes, bytes.div_ceil(WRITE_UNIT));
        self.inner.put(key, value, condition).await
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        self.counts.add("table delete", 1, 1, 0, 1);
        self.inner.delete(key, version).await
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        let rows = self.inner.query(partition, range, order, limit).await?;
        let bytes: usize = rows.iter().map(|row| row_bytes(Some(row))).sum();
        // A page has a mebibyte; what is read is rounded up once, and not row by row.
        self.counts.add("table query", bytes.div_ceil(1 << 20).max(1), rows.len(), bytes, read_units(bytes));
        Ok(rows)
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        let requests = keys.len().div_ceil(READ_BATCH);
        let rows = self.inner.get_many(keys).await?;
        let bytes = rows.iter().map(|row| row_bytes(row.as_ref()));
        let (total, units) = bytes.fold((0, 0), |(total, units), one| (total + one, units + read_units(one)));
        self.counts.add("table get many", requests, rows.len(), total, units);
        Ok(rows)
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        let bytes = rows.iter().map(|(key, value)| item(key, value));
        let (total, units) = bytes.fold((0, 0), |(total, units), one| (total + one, units + one.div_ceil(WRITE_UNIT)));
        self.counts.add("table put many", rows.len().div_ceil(WRITE_BATCH), rows.len(), total, units);
        self.inner.put_many(rows).await
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        let bytes = rows.iter().map(|(key, _)| item(key, &[])).sum();
        self.counts.add("table delete", rows.len(), rows.len(), bytes, rows.len());
        self.inner.delete_many(rows).await
    }
}

#[async_trait]
impl Bucket for Counting<dyn Bucket> {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        self.counts.add("bucket put", 1, 1, bytes.len(), 1);
        self.inner.put(key, bytes).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let object = self.inner.get(key).await?;
        self.counts.add("bucket get", 1, 1, object.as_ref().map_or(0, Vec::len), 1);
        Ok(object)
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        let part = self.inner.get_range(key, offset, length).await?;
        self.counts.add("bucket get", 1, 1, part.as_ref().map_or(0, Vec::len), 1);
        Ok(part)
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        self.counts.add("bucket head", 1, 1, 0, 1);
        self.inner.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        let objects = self.inner.list(prefix, start_after, limit).await?;
        let pages = objects.len().div_ceil(1000).max(1);
        self.counts.add("bucket list", pages, objects.len(), 0, pages);
        Ok(objects)
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.counts.add("bucket delete", 1, 1, 0, 0);
        self.inner.delete(key).await
    }
}

#[async_trait]
impl Queue for Counting<dyn Queue> {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let bytes = bodies.iter().map(String::len).sum::<usize>();
        self.counts.add("queue send", 1, bodies.len(), bytes, bytes.div_ceil(QUEUE_CHUNK).max(1));
        self.inner.send_batch(bodies).await
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        let messages = self.inner.receive(limit).await?;
        let bytes = messages.iter().map(|message| message.body.len()).sum::<usize>();
        self.counts.add("queue receive", 1, messages.len(), bytes, bytes.div_ceil(QUEUE_CHUNK).max(1));
        Ok(messages)
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        self.counts.add("queue delete", 1, receipts.len(), 0, 1);
        self.inner.ack(receipts).await
    }
}
