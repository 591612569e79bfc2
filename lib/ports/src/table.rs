//! Ordered rows with conditional writes of one row: the only commit there is.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::fmt;

/// Most bytes in the value of a row: what a DynamoDB item holds, less its key.
pub const MAX_ROW_BYTES: usize = 390 * 1024;
/// Most bytes in either part of a key.
pub const MAX_SORT_BYTES: usize = 512;

/// Where a row stands. Rows of one partition are ordered by the bytes of `sort`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What is read together.
    pub partition: String,
    /// The order within.
    pub sort: String,
}

impl Key {
    /// A key of two texts, neither empty.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.sort)
    }
}

/// Names one write of one row. Unique per write: a row that is deleted and created again never
/// gets a version that it had before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// A stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Of the write that made it.
    pub version: Version,
    /// Its value.
    pub value: Vec<u8>,
}

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Only if there is no such row.
    Absent,
    /// Only if the row is still the one of this write.
    Unchanged(Version),
    /// Always. Only for values that are a pure function of a committed block, so that it does not
    /// matter who writes last.
    Any,
}

/// Which rows of a partition. Both ends are exclusive where given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRange {
    /// Only rows after this `sort`.
    pub after: Option<String>,
    /// Only rows before this `sort`.
    pub before: Option<String>,
}

impl KeyRange {
    /// The whole partition.
    pub fn all() -> Self {
        Self::default()
    }

    /// Rows after this `sort`.
    pub fn after(sort: impl Into<String>) -> Self {
        Self { after: Some(sort.into()), before: None }
    }

    /// Rows before this `sort`.
    pub fn before(sort: impl Into<String>) -> Self {
        Self { after: None, before: Some(sort.into()) }
    }

    /// Whether `sort` lies in the range.
    pub fn contains(&self, sort: &str) -> bool {
        self.after.as_deref().is_none_or(|after| sort > after)
            && self.before.as_deref().is_none_or(|before| sort < before)
    }
}

/// In which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ascending by the bytes of `sort`.
    Ascending,
    /// Descending.
    Descending,
}

/// Why a table did not do it, by what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The condition did not hold. Read again, then decide.
    #[error("the row is not as the write expected. key=`{0}`")]
    Conflict(String),
    /// It was not done and will not be: the store is busy. Try again later.
    #[error("the table did not do it; try again. {0}")]
    Throttled(String),
    /// It may have been done, or may still be: read before deciding.
    #[error("the table did not answer; the outcome is not known. {0}")]
    Unavailable(String),
    /// It can never be done as asked: a bug, or a setting to mend.
    #[error("the table refuses this. {0}")]
    Rejected(String),
}

/// An ordered key-value store. Every read sees every write that finished before it was called,
/// whoever made it: no replica, no cache.
#[async_trait]
pub trait Table: Send + Sync {
    /// The row of this key.
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError>;

    /// Writes one row if the condition holds, as one atomic step: of any number of concurrent
    /// `Absent` writes of one key, exactly one succeeds. On `Ok` the row survives a crash.
    ///
    /// `Conflict` always means that the condition did not hold at some moment of the call; a caller
    /// whose earlier attempt had an unknown outcome may be in conflict with itself.
    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError>;

    /// Deletes the row of this write; `Conflict` if it has another version or is gone.
    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError>;

    /// At most `limit` rows of one partition within `range`, in order. Fewer than `limit` rows mean
    /// that there are no more.
    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError>;

    /// The rows of these keys, in the order of the keys. Each is read as by [`Table::get`]; together
    /// they need not be one moment.
    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError>;

    /// Writes rows under [`Condition::Any`]. On an error some may be written.
    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError>;

    /// Deletes rows, each as by [`Table::delete`]; those that have another version or are gone are left
    /// as they are. On an error some may be deleted.
    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        delete_each(self, rows, 1).await
    }
}

/// [`Table::delete_many`] by one [`Table::delete`] per row, so many at once: for stores that have no
/// conditional delete of several.
///
/// # Errors
/// Those of [`Table::delete`] but a conflict.
pub async fn delete_each<T: Table + ?Sized>(
    table: &T,
    rows: Vec<(Key, Version)>,
    at_once: usize,
) -> Result<(), TableError> {
    stream::iter(rows)
        .map(async |(key, version)| match table.delete(&key, &version).await {
            Err(TableError::Conflict(_)) => Ok(()),
            deleted => deleted,
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await
}

/// The limits that every adapter refuses in the same words.
///
/// # Errors
/// [`TableError::Rejected`].
pub fn check_write(key: &Key, value: &[u8]) -> Result<(), TableError> {
    let part = |text: &str| (1..=MAX_SORT_BYTES).contains(&text.len());
    if !part(&key.partition) || !part(&key.sort) {
        return Err(TableError::Rejected(format!("both parts of a key have 1 to {MAX_SORT_BYTES} bytes. key=`{key}`")));
    }
    if value.len() > MAX_ROW_BYTES {
        let bytes = value.len();
        return Err(TableError::Rejected(format!(
            "a row has at most {MAX_ROW_BYTES} bytes. key=`{key}` bytes=`{bytes}`"
        )));
    }
    Ok(())
}
