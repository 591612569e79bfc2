//! What a function may touch. Its ports are narrowed to it everywhere, so that a grant that is missing
//! fails on the first test and not in production, where it is a line of an access policy.

use async_trait::async_trait;
use domain::keys::{Algorithm, VerifyKey};
use ports::{
    Bucket, BucketError, Condition, Key, KeyRange, LogFile, LogFileError, Message, ObjectMeta, Order, Queue,
    QueueError, Row, Signer, SignerError, Table, TableError, Version,
};
use std::sync::Arc;

/// One thing that a function may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grant {
    /// Read rows.
    TableRead,
    /// Write rows.
    TableWrite,
    /// Read objects.
    BucketRead,
    /// Write objects.
    BucketWrite,
    /// Read archives.
    ColdRead,
    /// Write archives.
    ColdWrite,
    /// Delete archives, or rather their lines.
    ColdDelete,
    /// Queue events.
    EventsSend,
    /// Take events from their queue.
    EventsReceive,
    /// Take event messages from the dead letters.
    DeadLettersReceive,
    /// Ask for a checkpoint.
    CheckpointsSend,
    /// Take such requests.
    CheckpointsReceive,
    /// Sign with the log's key.
    Sign,
    /// Read the log files of other systems.
    LogRead,
}

/// A port that lets through what its function was granted.
pub(crate) struct Narrowed<P: ?Sized> {
    pub(crate) inner: Arc<P>,
    pub(crate) function: &'static str,
    pub(crate) uses: &'static [Grant],
    /// What reading (receiving) and writing (sending) need; `None` is granted to nobody.
    pub(crate) read: Option<Grant>,
    pub(crate) write: Option<Grant>,
    /// What taking an object away needs.
    pub(crate) delete: Option<Grant>,
}

impl<P: ?Sized> Narrowed<P> {
    fn check(&self, wanted: Option<Grant>) -> Result<(), String> {
        match wanted {
            Some(grant) if self.uses.contains(&grant) => Ok(()),
            wanted => Err(format!("the function `{}` does not declare that it uses {wanted:?}", self.function)),
        }
    }

    fn may_read(&self) -> Result<(), String> {
        self.check(self.read)
    }

    fn may_write(&self) -> Result<(), String> {
        self.check(self.write)
    }
}

#[async_trait]
impl Table for Narrowed<dyn Table> {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        self.may_read().map_err(TableError::Rejected)?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        self.may_write().map_err(TableError::Rejected)?;
        self.inner.put(key, value, condition).await
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        self.may_write().map_err(TableError::Rejected)?;
        self.inner.delete(key, version).await
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        self.may_read().map_err(TableError::Rejected)?;
        self.inner.query(partition, range, order, limit).await
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        self.may_read().map_err(TableError::Rejected)?;
        self.inner.get_many(keys).await
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        self.may_write().map_err(TableError::Rejected)?;
        self.inner.put_many(rows).await
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        self.may_write().map_err(TableError::Rejected)?;
        self.inner.delete_many(rows).await
    }
}

#[async_trait]
impl Bucket for Narrowed<dyn Bucket> {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        self.may_write().map_err(BucketError::Rejected)?;
        self.inner.put(key, bytes).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        self.may_read().map_err(BucketError::Rejected)?;
        self.inner.get(key).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        self.may_read().map_err(BucketError::Rejected)?;
        self.inner.get_range(key, offset, length).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        self.may_read().map_err(BucketError::Rejected)?;
        self.inner.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        self.may_read().map_err(BucketError::Rejected)?;
        self.inner.list(prefix, start_after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.check(self.delete).map_err(BucketError::Rejected)?;
        self.inner.delete(key).await
    }
}

#[async_trait]
impl Queue for Narrowed<dyn Queue> {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        self.may_write().map_err(QueueError::Rejected)?;
        self.inner.send_batch(bodies).await
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        self.may_read().map_err(QueueError::Rejected)?;
        self.inner.receive(limit).await
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        self.may_read().map_err(QueueError::Rejected)?;
        self.inner.ack(receipts).await
    }
}

#[async_trait]
impl Signer for Narrowed<dyn Signer> {
    fn algorithm(&self) -> Algorithm {
        self.inner.algorithm()
    }

    fn verify_key(&self) -> VerifyKey {
        self.inner.verify_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        self.may_write().map_err(SignerError::Refused)?;
        self.inner.sign(message).await
    }
}

#[async_trait]
impl LogFile for Narrowed<dyn LogFile> {
    fn name(&self) -> String {
        self.inner.name()
    }

    async fn current(&self) -> Result<Option<String>, LogFileError> {
        self.may_read().map_err(LogFileError)?;
        self.inner.current().await
    }

    async fn read(&self, id: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
        self.may_read().map_err(LogFileError)?;
        self.inner.read(id, offset, limit).await
    }
}
