//! A table whose rows are objects of a bucket with conditional writes.
//!
//! The object of a row is named by its key ([`super::names`]) and holds 16 random bytes, a byte for its kind and
//! the value. The random bytes give every write an ETag of its own, which is the row's version. Few stores have a
//! conditional DELETE, so a row is deleted by replacing it with a tombstone: 16 random bytes and nothing else,
//! which listings tell by its size. Tombstones stay, but for those of probes.
//!
//! S3 promises that every read and every listing sees every write that finished before, and the table needs
//! that: AWS, Scaleway, OVHcloud, Exoscale and Ceph 20 keep it and honour the conditions, though AWS lists its
//! directory buckets in no order, and Ceph lets several racing creates win in a bucket with versioning.

use super::Store;
use super::backwards::{Step, Walk};
use super::conditions::{When, Written};
use super::names::{MAX_NAME_BYTES, decode, encode};
use super::read::{Listed, PAGE};
use super::row::{TOMBSTONE_BYTES, can_be_etag, object, value_of};
use super::settings::PARAMETERS;
use crate::failure::{Failure, back_off, table_error};
use crate::place::UrlError;
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use ports::{Condition, Key, KeyRange, Order, Row, Table, TableError, Version, check_write, delete_each};
use std::collections::BTreeMap;

/// A table in a bucket of an S3 API, shared by everybody who can reach it. Clones share their connections.
///
/// Encoded, both parts of a key, the prefix and two slashes have 1,024 bytes at most; every byte of a key that is
/// no letter or digit counts three times.
#[derive(Debug, Clone)]
pub struct S3Table {
    pub(super) store: Store,
}

/// Requests at once.
const AT_ONCE: usize = 16;
/// Fewer names make a listing no cheaper, and there may be tombstones among them.
const LEAST_LISTED: usize = 100;
/// What the partitions of probes start with.
const PROBE: &str = "_probe#";
/// How often a create finds that the tombstone below it has changed before it gives up.
const ATTEMPTS: u32 = 8;

impl S3Table {
    /// The table at `s3://BUCKET/PREFIX?region=&endpoint=&style=&checksum=&sse=&kms-key=`. Connects nowhere.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub fn open(setting: &'static str, url: &str) -> Result<Self, UrlError> {
        Ok(Self { store: Store::open(setting, url, &PARAMETERS)? })
    }

    /// Makes the bucket where it is not there.
    ///
    /// # Errors
    /// Why not, in one line that names the setting.
    pub async fn create(&self) -> Result<(), String> {
        self.store.create().await
    }

    /// What the objects of a partition start with.
    fn partition(&self, partition: &str) -> String {
        self.store.object(&format!("{}/", encode(partition)))
    }

    /// `None` if there can be no such object.
    fn name(&self, key: &Key) -> Option<String> {
        let name = self.partition(&key.partition) + &encode(&key.sort);
        (!key.partition.is_empty() && !key.sort.is_empty() && name.len() <= MAX_NAME_BYTES).then_some(name)
    }

    fn name_to_write(&self, key: &Key, value: &[u8]) -> Result<String, TableError> {
        check_write(key, value)?;
        self.name(key).ok_or_else(|| {
            let length = self.partition(&key.partition).len() + encode(&key.sort).len();
            TableError::Rejected(format!(
                "{}: in a bucket, a key has {MAX_NAME_BYTES} bytes at most, of which whatever is no letter or digit takes \
                 three; use a shorter one, or another table. key=`{key}` bytes=`{length}`",
                self.store.place.setting
            ))
        })
    }

    async fn put_named(
        &self,
        name: &str,
        key: &Key,
        value: &[u8],
        condition: &Condition,
    ) -> Result<Version, TableError> {
        let fresh = || object(Some(value));
        let written = match condition {
            Condition::Any => self.store.write_if(name, fresh(), When::Always).await,
            Condition::Unchanged(version) if !can_be_etag(version) => Ok(Written::Refused),
            Condition::Unchanged(version) => self.store.write_if(name, fresh(), When::Unchanged(&version.0)).await,
            Condition::Absent => return self.create_row(name, key, value).await,
        };
        version_of(key, written)
    }

    /// Where a tombstone is in the way, it is replaced like any other row.
    async fn create_row(&self, name: &str, key: &Key, value: &[u8]) -> Result<Version, TableError> {
        for attempt in 1..=ATTEMPTS {
            match self.store.write_if(name, object(Some(value)), When::Absent).await.map_err(table_error)? {
                Written::Done(etag) => return Ok(Version(etag)),
                Written::Refused => {}
            }
            match self.store.look(name).await.map_err(table_error)? {
                Some((TOMBSTONE_BYTES, etag)) => {
                    let written = self.store.write_if(name, object(Some(value)), When::Unchanged(&etag)).await;
                    if let Written::Done(etag) = written.map_err(table_error)? {
                        return Ok(Version(etag));
                    }
                }
                Some(_) => return Err(TableError::Conflict(key.to_string())),
                None => {}
            }
            back_off(attempt).await;
        }
        let text = format!("the row was made and deleted by others, again and again. key=`{key}`");
        Err(TableError::Throttled(self.store.line(&text)))
    }

    async fn get_named(&self, name: &str, key: &Key) -> Result<Option<Row>, TableError> {
        let Some(object) = self.store.read(name, None).await.map_err(table_error)? else { return Ok(None) };
        match value_of(&object.bytes) {
            Some(value) => {
                let value = value.map(<[u8]>::to_vec);
                Ok(value.map(|value| Row { key: key.clone(), version: Version(object.etag), value }))
            }
            None => Err(TableError::Rejected(
                self.store
                    .line(&format!("the object `{name}` is no row; it was put there by somebody else, take it away")),
            )),
        }
    }

    /// The rows of listed names, in their order, until there are `limit` in `rows`.
    async fn read_rows(
        &self,
        partition: &str,
        names: Vec<Listed>,
        limit: usize,
        rows: &mut Vec<Row>,
    ) -> Result<(), TableError> {
        let live = names.into_iter().filter(|listed| listed.size != TOMBSTONE_BYTES);
        // What has a name that no key has is not of this table.
        let keys: Vec<Key> = live.filter_map(|l| decode(&l.name)).map(|sort| Key::new(partition, sort)).collect();
        let mut rest = keys.into_iter();
        while rows.len() < limit {
            let some: Vec<Key> = rest.by_ref().take(limit - rows.len()).collect();
            if some.is_empty() {
                break;
            }
            rows.extend(self.get_many(some).await?.into_iter().flatten());
        }
        Ok(())
    }
}

fn version_of(key: &Key, written: Result<Written, Failure>) -> Result<Version, TableError> {
    match written.map_err(table_error)? {
        Written::Done(etag) => Ok(Version(etag)),
        Written::Refused => Err(TableError::Conflict(key.to_string())),
    }
}

#[async_trait]
impl Table for S3Table {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        match self.name(key) {
            Some(name) => self.get_named(&name, key).await,
            None => Ok(None),
        }
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        let name = self.name_to_write(key, &value)?;
        self.put_named(&name, key, &value, &condition).await
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        let Some(name) = self.name(key).filter(|_| can_be_etag(version)) else {
            return Err(TableError::Conflict(key.to_string()));
        };
        let written = self.store.write_if(&name, object(None), When::Unchanged(&version.0)).await;
        version_of(key, written)?;
        // A DELETE without a condition takes away whatever is there, be it the row that somebody has made between.
        // Nobody else uses the names of a probe's rows, which hold a random token; so nobody would ever use their
        // tombstones again. The row is gone already, so a failure here is none.
        if key.partition.starts_with(PROBE) {
            let _ = self.store.delete(&name).await;
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
        let prefix = self.partition(partition);
        let mut after = range.after.as_deref().map(encode).unwrap_or_default();
        let before = range.before.as_deref().map(encode);
        let nothing = before.as_deref().is_some_and(|before| before <= after.as_str());
        let mut rows = Vec::new();
        if limit == 0 || nothing || partition.is_empty() || prefix.len() > MAX_NAME_BYTES {
            return Ok(rows);
        }
        let within = |listed: &Listed| before.as_deref().is_none_or(|before| listed.name.as_str() < before);
        match order {
            Order::Ascending => loop {
                let (mut names, more) =
                    self.store.list(&prefix, Some(&after), limit.max(LEAST_LISTED)).await.map_err(table_error)?;
                let last = names.last().map(|listed| listed.name.clone());
                let ended = !more || !names.iter().all(within);
                names.retain(within);
                self.read_rows(partition, names, limit, &mut rows).await?;
                match last {
                    Some(last) if !ended && rows.len() < limit => after = last,
                    _ => return Ok(rows),
                }
            },
            Order::Descending => {
                let mut walk = Walk::new(&after, before.as_deref(), PAGE);
                while rows.len() < limit {
                    match walk.step() {
                        Step::End => break,
                        Step::Page(names) => self.read_rows(partition, names, limit, &mut rows).await?,
                        Step::List(from) => {
                            let (names, more) =
                                self.store.list(&prefix, Some(&from), PAGE).await.map_err(table_error)?;
                            walk.listed(names, more);
                        }
                    }
                }
                Ok(rows)
            }
        }
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        stream::iter(keys).map(async |key| self.get(&key).await).buffered(AT_ONCE).try_collect().await
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        // Of two rows with one key the last one stays; at once, it would be either.
        let mut named = BTreeMap::new();
        for (key, value) in rows {
            named.insert(self.name_to_write(&key, &value)?, (key, value));
        }
        stream::iter(named)
            .map(async |(name, (key, value))| self.put_named(&name, &key, &value, &Condition::Any).await.map(drop))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        delete_each(self, rows, AT_ONCE).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> S3Table {
        S3Table::open("TABLE_URL", "s3://bucket/p?region=eu-central-1").unwrap()
    }

    #[test]
    fn a_row_is_an_object_of_its_own_name() {
        let name = |partition: &str, sort: &str| table().name(&Key::new(partition, sort));
        assert_eq!(name("chain#a#0", "000/1").unwrap(), "p/chain-23a-230/000-2F1");
        assert_eq!((name("", "x"), name("x", "")), (None, None));
        assert_eq!(name("x", &"y".repeat(1020)).unwrap().len(), 1024);
        assert_eq!(name("x", &"y".repeat(1021)), None);
    }

    #[test]
    fn a_key_that_is_too_long_is_refused_by_name() {
        let refused = table().name_to_write(&Key::new("x", "#".repeat(400)), b"").unwrap_err().to_string();
        assert!(refused.contains("TABLE_URL: in a bucket, a key has 1024 bytes at most"), "{refused}");
        assert!(refused.ends_with("bytes=`1204`"), "{refused}");
    }

    #[test]
    fn a_table_takes_no_lock() {
        let error = S3Table::open("TABLE_URL", "s3://bucket?region=x&lock=governance&lock-days=1").unwrap_err();
        assert!(error.to_string().contains("there is no parameter `lock`"), "{error}");
    }
}
