//! Whole, immutable objects.

use async_trait::async_trait;

/// Most bytes in a key.
pub const MAX_KEY_BYTES: usize = 512;

/// What a listing says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
}

/// Why a bucket did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// It may have been done, or may still be.
    #[error("the bucket did not answer; the outcome is not known. {0}")]
    Unavailable(String),
    /// It can never be done as asked.
    #[error("the bucket refuses this. {0}")]
    Rejected(String),
}

/// A store of objects. Nothing is ever decided by it: objects do not change, and their names hold a
/// content hash or a range that a table row has claimed. Reads see every put that finished before.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// Stores an object. On `Ok` it survives a crash, whole. The same bytes may be put again.
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError>;

    /// The whole object.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError>;

    /// `length` bytes from `offset`, fewer where the object ends before; `None` if there is none.
    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError>;

    /// Whether there is such an object, and how long it is.
    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError>;

    /// At most `limit` objects whose key starts with `prefix` and stands after `start_after`,
    /// ascending by the bytes of the key. Fewer than `limit` mean that there are no more.
    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize)
    -> Result<Vec<ObjectMeta>, BucketError>;

    /// Deletes an object, all that is kept of it; deleting what is not there is no error. What a store keeps, because it
    /// is locked, is [`BucketError::Rejected`] and stays readable.
    async fn delete(&self, key: &str) -> Result<(), BucketError>;
}

/// Keys that every store takes: segments of `[A-Za-z0-9._-]` joined by `/`, none of them only dots.
///
/// # Errors
/// [`BucketError::Rejected`].
pub fn check_key(key: &str) -> Result<(), BucketError> {
    let segment = |s: &str| {
        s.bytes().any(|b| b != b'.') && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if key.len() <= MAX_KEY_BYTES && key.split('/').all(segment) {
        Ok(())
    } else {
        Err(BucketError::Rejected(format!("not a key that every store takes. key=`{}`", key.escape_debug())))
    }
}
