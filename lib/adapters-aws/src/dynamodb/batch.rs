//! Many rows at once. A batch may be done in part, and what is left is asked for again.

use super::item::{self, Item};
use super::{DynamoTable, can_be};
use crate::failure::{ATTEMPTS, back_off, table_error, while_busy};
use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, WriteRequest};
use futures_util::future::try_join_all;
use ports::{Key, Row, TableError};
use std::collections::{BTreeMap, BTreeSet};

/// Most keys that a batch reads.
const READS: usize = 100;
/// Most rows that a batch writes, by the API.
const WRITES: usize = 25;
/// Most bytes that a batch writes. The API takes four times as many, but all have to arrive in the time of one request.
const WRITTEN_BYTES: usize = 4 * 1024 * 1024;
/// How many batches are under way at a time.
const BATCHES: usize = 4;

impl DynamoTable {
    /// The rows of these keys, each in its place.
    pub(super) async fn read_batches(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        // A batch with a key in it twice is refused.
        let different: Vec<&Key> = keys.iter().filter(|key| can_be(key)).collect::<BTreeSet<_>>().into_iter().collect();
        let mut found: BTreeMap<Key, Row> = BTreeMap::new();
        for group in different.chunks(READS * BATCHES) {
            let batches =
                group.chunks(READS).map(|batch| self.read_batch(batch.iter().map(|key| item::key(key)).collect()));
            let rows = try_join_all(batches).await?.into_iter().flatten();
            found.extend(rows.map(|row| (row.key.clone(), row)));
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn read_batch(&self, mut left: Vec<Item>) -> Result<Vec<Row>, TableError> {
        let (mut rows, mut attempt) = (Vec::new(), 0);
        while !left.is_empty() {
            let asked = left.len();
            let keys = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let keys = keys.expect("the keys are set");
            let request = self.client.batch_get_item().request_items(&self.name, keys);
            let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
            let answer = answer.await.map_err(table_error)?;
            let items = answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default();
            rows.extend(items.into_iter().map(|found| item::row(item::key_of(&found), found)));
            left = answer
                .unprocessed_keys
                .unwrap_or_default()
                .remove(&self.name)
                .map(|left| left.keys)
                .unwrap_or_default();
            attempt = self.another_attempt(attempt, asked, left.len()).await?;
        }
        Ok(rows)
    }

    /// Writes the rows, whatever was there.
    pub(super) async fn write_batches(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        // A batch with a key in it twice is refused; the last one is what would be there in the end.
        let rows: BTreeMap<Key, Vec<u8>> = rows.into_iter().collect();
        let batches = batches(rows.into_iter().collect());
        let mut batches = batches.into_iter().peekable();
        while batches.peek().is_some() {
            try_join_all(batches.by_ref().take(BATCHES).map(|batch| self.write_batch(batch))).await?;
        }
        Ok(())
    }

    async fn write_batch(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        let write = |(key, value)| {
            let put = PutRequest::builder().set_item(Some(item::item(&key, &item::fresh_version(), value))).build();
            WriteRequest::builder().put_request(put.expect("the item is set")).build()
        };
        let mut left: Vec<WriteRequest> = rows.into_iter().map(write).collect();
        let mut attempt = 0;
        while !left.is_empty() {
            let asked = left.len();
            let request = self.client.batch_write_item().request_items(&self.name, left);
            let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
            let answer = answer.await.map_err(table_error)?;
            left = answer.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
            attempt = self.another_attempt(attempt, asked, left.len()).await?;
        }
        Ok(())
    }

    /// Waits before what is left is asked for again: shortly while some of it is done, since the table is busy
    /// even so; longer and longer, and not for ever, if none of it was.
    async fn another_attempt(&self, attempt: u32, asked: usize, left: usize) -> Result<u32, TableError> {
        let attempt = if left < asked { 0 } else { attempt + 1 };
        if attempt == ATTEMPTS {
            let (setting, name, service) = (self.place.setting, &self.name, self.place.service());
            return Err(TableError::Throttled(format!(
                "{setting}: the table `{name}` is busy {service}: {left} rows of a batch are left"
            )));
        }
        if left > 0 {
            back_off(attempt).await;
        }
        Ok(attempt)
    }
}

/// The rows in batches that are neither too many nor too large.
fn batches(rows: Vec<(Key, Vec<u8>)>) -> Vec<Vec<(Key, Vec<u8>)>> {
    let mut batches: Vec<Vec<(Key, Vec<u8>)>> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let size = row.0.partition.len() + row.0.sort.len() + row.1.len();
        bytes += size;
        match batches.last_mut() {
            Some(batch) if batch.len() < WRITES && bytes <= WRITTEN_BYTES => batch.push(row),
            _ => {
                bytes = size;
                batches.push(vec![row]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use ports::MAX_ROW_BYTES;

    #[tokio::test]
    async fn what_is_left_is_not_asked_for_at_once() {
        let table = DynamoTable::open("TABLE_URL", "dynamodb://audit?region=eu-central-1").unwrap();
        for (attempt, asked, left, waits) in [(0, 25, 24, true), (3, 25, 1, true), (2, 25, 25, true), (0, 25, 0, false)]
        {
            let answer = table.another_attempt(attempt, asked, left).now_or_never();
            assert_eq!(answer.is_none(), waits, "{left} of {asked} left");
        }
    }

    #[test]
    fn batches_are_bounded_in_rows_and_bytes() {
        for (count, bytes, sizes) in
            [(0, 1, vec![]), (25, 1, vec![25]), (60, 1, vec![25, 25, 10]), (23, MAX_ROW_BYTES, vec![10, 10, 3])]
        {
            let rows: Vec<_> = (0..count).map(|i| (Key::new("p", format!("{i:02}")), vec![0; bytes])).collect();
            let batches = batches(rows.clone());
            assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
            assert_eq!(batches.concat(), rows);
        }
    }
}
