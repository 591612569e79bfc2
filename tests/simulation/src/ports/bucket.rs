//! The bucket from afar.

use super::{at_once, call};
use crate::node::Node;
use async_trait::async_trait;
use ports::{Bucket, BucketError, ObjectMeta};

/// The bucket as one process meets it.
pub(crate) struct SimBucket(pub(crate) Node);

fn store(node: &Node, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
    node.world.note(format_args!("{} store {key}", node.name));
    at_once(node.stores.bucket.put(key, bytes))?;
    node.world.checker().object(key, bytes);
    Ok(())
}

#[async_trait]
impl Bucket for SimBucket {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        let (what, key, bytes) = (format!("store {key}"), key.to_owned(), bytes.to_vec());
        call::write(&self.0, &what, move |node| store(node, &key, &bytes)).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        call::read(&self.0, &format!("fetch {key}"), |node| at_once(node.stores.bucket.get(key))).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        call::read(&self.0, &format!("fetch {key}"), |node| at_once(node.stores.bucket.get_range(key, offset, length)))
            .await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        call::read(&self.0, &format!("head {key}"), |node| at_once(node.stores.bucket.head(key))).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        call::read(&self.0, &format!("list {prefix}"), |node| {
            at_once(node.stores.bucket.list(prefix, start_after, limit))
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        let (what, key) = (format!("remove {key}"), key.to_owned());
        call::write(&self.0, &what, move |node| at_once(node.stores.bucket.delete(&key))).await
    }
}
