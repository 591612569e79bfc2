//! Objects that never change, in a bucket of an S3 API.

use super::Store;
use super::read::Object;
use super::settings::{Access, LOCK_PARAMETERS, PARAMETERS};
use crate::failure::{Failure, Kind};
use crate::place::UrlError;
use async_trait::async_trait;
use domain::hash::Hash;
use ports::{Bucket, BucketError, ObjectMeta, check_key};

/// A bucket of an S3 API, or what is under a prefix of it. Clones share their connections.
///
/// Each object carries its SHA-256 in its metadata, which is verified whenever it is read as a whole.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    pub(super) store: Store,
}

impl S3Bucket {
    /// The bucket at `s3://BUCKET/PREFIX`, with the parameters `region`, `endpoint`, `style` (`path`, `vhost`),
    /// `checksum` (`when_required`, `when_supported`), `sse` (`none`, `AES256`, `aws:kms`), `kms-key`, `lock`
    /// (`none`, `governance`, `compliance`) and `lock-days`. Connects nowhere.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub fn open(setting: &'static str, url: &str) -> Result<Self, UrlError> {
        Self::open_with(setting, url, &Access::default())
    }

    /// The same with credentials of its own, and other names for what may have to be mended.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub fn open_with(setting: &'static str, url: &str, access: &Access) -> Result<Self, UrlError> {
        let known: Vec<&str> = PARAMETERS.into_iter().chain(LOCK_PARAMETERS).collect();
        Ok(Self { store: Store::open_with(setting, url, &known, access)? })
    }

    /// Makes the bucket where it is not there.
    ///
    /// # Errors
    /// Why not, in one line that names the setting.
    pub async fn create(&self) -> Result<(), String> {
        self.store.create().await
    }

    fn unharmed(&self, key: &str, object: Object) -> Result<Vec<u8>, BucketError> {
        let hash = Hash::of(&object.bytes).to_hex();
        match object.sha256 {
            Some(wanted) if wanted != hash => Err(BucketError::Unavailable(self.store.line(&format!(
                "the object `{key}` is not as it was put: its SHA-256 is {hash} and was {}; restore it",
                wanted.escape_debug()
            )))),
            _ => Ok(object.bytes),
        }
    }
}

fn bucket_error(failure: Failure) -> BucketError {
    match failure.kind {
        Kind::Busy | Kind::Unknown => BucketError::Unavailable(failure.text),
        Kind::Missing | Kind::Refused => BucketError::Rejected(failure.text),
    }
}

#[async_trait]
impl Bucket for S3Bucket {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        check_key(key)?;
        self.store.upload(&self.store.object(key), bytes).await.map_err(bucket_error)
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        check_key(key)?;
        let object = self.store.read(&self.store.object(key), None).await.map_err(bucket_error)?;
        object.map(|object| self.unharmed(key, object)).transpose()
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        // There is no header for a range of nothing.
        let Some(last) = length.checked_sub(1) else { return Ok(self.head(key).await?.map(|_| Vec::new())) };
        check_key(key)?;
        // Stores count in signed numbers.
        let end = offset.saturating_add(last).min(i64::MAX.unsigned_abs());
        if offset > end {
            return Ok(self.head(key).await?.map(|_| Vec::new()));
        }
        let range = format!("bytes={offset}-{end}");
        let object = self.store.read(&self.store.object(key), Some(&range)).await.map_err(bucket_error)?;
        Ok(object.map(|object| {
            if object.partial {
                return object.bytes;
            }
            // A store may answer with the whole object.
            let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(object.bytes.len());
            object.bytes[clamp(offset)..clamp(offset.saturating_add(length))].to_vec()
        }))
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        check_key(key)?;
        let found = self.store.look(&self.store.object(key)).await.map_err(bucket_error)?;
        Ok(found.map(|(size, _)| ObjectMeta { key: key.to_owned(), size }))
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        let whole = self.store.object(prefix);
        let mut found = Vec::new();
        // Behind the prefix, as listings have it; a start before it is none, one after all its names is the end.
        let mut after = match start_after {
            Some(start) if start.starts_with(prefix) => Some(start[prefix.len()..].to_owned()),
            Some(start) if start > prefix => return Ok(found),
            _ => None,
        };
        while found.len() < limit {
            let (names, more) =
                self.store.list(&whole, after.as_deref(), limit - found.len()).await.map_err(bucket_error)?;
            let last = names.last().map(|listed| listed.name.clone());
            let listed = names.into_iter().map(|l| ObjectMeta { key: format!("{prefix}{}", l.name), size: l.size });
            found.extend(listed);
            match last {
                Some(last) if more => after = Some(last),
                _ => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        check_key(key)?;
        self.store.take_away(&self.store.object(key)).await.map_err(bucket_error)
    }
}
