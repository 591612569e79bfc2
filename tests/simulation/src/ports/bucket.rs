//! The bucket from afar.

use super::{at_once, call};
use crate::node::Node;
use async_trait::async_trait;
use ports::{Bucket, BucketError, ObjectMeta};

/// The bucket as one process meets it.
pub(crate) struct SimBucket(pub(crate) Node);

/// Where archives are: what is put there is read back, so that it may be kept wrongly.
const ARCHIVES: &str = "audit/";

fn store(node: &Node, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
    node.world.note(format_args!("{} store {key}", node.name));
    let bucket = &node.stores.bucket;
    // What is there as it should be stays so.
    let may_be_damaged = key.starts_with(ARCHIVES) && at_once(bucket.get(key))?.is_none_or(|there| there != bytes);
    let kept = match may_be_damaged && node.world.fault(|mix| mix.damaged, "cold store: keeps something else") {
        true if node.draw(|dice| dice.below(3)) == 0 => return Ok(()),
        true => damage(node, bytes),
        false => bytes.to_vec(),
    };
    at_once(bucket.put(key, &kept))?;
    node.world.checker().object(key, &kept);
    Ok(())
}

fn erase(node: &Node, key: &str) -> Result<(), BucketError> {
    node.world.note(format_args!("{} remove {key}", node.name));
    at_once(node.stores.bucket.delete(key))?;
    node.world.checker().removed(key);
    Ok(())
}

/// Cut, or with one byte that is another.
fn damage(node: &Node, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.is_empty() {
        return bytes;
    }
    let place = node.draw(|dice| dice.place(bytes.len()));
    match node.draw(|dice| dice.below(2)) {
        0 => bytes.truncate(place),
        _ => bytes[place] ^= 1,
    }
    bytes
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
        call::read(&self.0, &format!("fetch {key}"), |node| {
            let found = at_once(node.stores.bucket.get_range(key, offset, length))?;
            Ok(match found {
                Some(bytes) if key.starts_with(ARCHIVES) && node.misreads() => Some(damage(node, &bytes)),
                found => found,
            })
        })
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
        call::write(&self.0, &what, move |node| erase(node, &key)).await
    }
}
