//! Ports that say each write before it is made and after it is done: the steps at which a process is killed.

use crate::acks::say;
use async_trait::async_trait;
use ports::{Bucket, BucketError, Condition, Key, KeyRange, ObjectMeta, Order, Row, Table, TableError, Version};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Says the steps, and stands still behind one of them until it is killed.
pub struct Steps {
    said: AtomicU64,
    last: u64,
}

impl Steps {
    /// Stands still behind line `last`, if that says that something is done; else the kill meets it at work.
    pub fn up_to(last: u64) -> Arc<Self> {
        Arc::new(Self { said: AtomicU64::new(0), last })
    }

    fn begins(&self, what: &str) {
        self.said.fetch_add(1, Ordering::SeqCst);
        say(&format!("begins {what}"));
    }

    fn done(&self, what: &str) {
        let line = self.said.fetch_add(1, Ordering::SeqCst) + 1;
        say(&format!("done {what}"));
        if line == self.last {
            // Nothing is ever sent: this ends with the process.
            let _ = std::io::stdin().read(&mut [0]);
        }
    }
}

/// A port whose writes are said.
pub struct Told<P: ?Sized> {
    inner: Arc<P>,
    name: &'static str,
    steps: Arc<Steps>,
}

impl<P: ?Sized> Told<P> {
    /// Says what passes, under this name.
    pub fn new(inner: Arc<P>, name: &'static str, steps: &Arc<Steps>) -> Arc<Self> {
        Arc::new(Self { inner, name, steps: Arc::clone(steps) })
    }

    async fn step<T, E>(&self, what: String, write: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let what = format!("{}: {what}", self.name);
        self.steps.begins(&what);
        let done = write.await;
        self.steps.done(&what);
        done
    }
}

#[async_trait]
impl Table for Told<dyn Table> {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        self.step(format!("put {key}"), self.inner.put(key, value, condition)).await
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        self.step(format!("delete {key}"), self.inner.delete(key, version)).await
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
        self.step(format!("put {} rows", rows.len()), self.inner.put_many(rows)).await
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        self.step(format!("delete {} rows", rows.len()), self.inner.delete_many(rows)).await
    }
}

#[async_trait]
impl Bucket for Told<dyn Bucket> {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        self.step(format!("put {key}"), self.inner.put(key, bytes)).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        self.inner.get(key).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        self.inner.get_range(key, offset, length).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        self.inner.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        self.inner.list(prefix, start_after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.step(format!("delete {key}"), self.inner.delete(key)).await
    }
}
