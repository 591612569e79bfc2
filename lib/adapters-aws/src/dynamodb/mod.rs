//! The table on the DynamoDB API.
//!
//! Only what all who speak it have (AWS, ScyllaDB Alternator, emulators): one item at a time, written
//! under a condition; consistent reads; queries by key; batches. No transaction, no index, no PartiQL.

mod batch;
mod item;
mod probe;

use crate::client::{self, ServerTime};
use crate::failure::{self, Failure, table_error, while_busy};
use crate::place::{Place, UrlError};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use item::{PARTITION, SORT, VERSION};
use ports::{
    Condition, Key, KeyRange, MAX_SORT_BYTES, Order, Row, Table, TableError, Version, check_write, delete_each,
};

/// Items that are deleted at once, each on its own condition.
const AT_ONCE: usize = 16;

/// A table of a DynamoDB API, shared by everybody who can reach it. Clones share their connections.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    client: Client,
    name: String,
    place: Place,
    time: ServerTime,
}

impl DynamoTable {
    /// The table at `dynamodb://TABLE?region=&endpoint=`. Connects nowhere.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub fn open(setting: &'static str, url: &str) -> Result<Self, UrlError> {
        let place = Place::parse(setting, "dynamodb", url, &["region", "endpoint"])?;
        let name = place.name.clone();
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !(3..=255).contains(&name.len()) || !name.bytes().all(letter) {
            let problem = "the name of a table has 3 to 255 letters, digits, dots, underscores and hyphens";
            return Err(place.wrong(format!("{problem}; this is `{}`", name.escape_debug())));
        }
        let time = ServerTime::default();
        let config = Builder::from(&client::config(&place)).interceptor(time.clone()).build();
        Ok(Self { client: Client::from_conf(config), name, place, time })
    }

    fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mend = "make it with `dezky migrate`, or mend the name";
        failure::failure(&self.place, &format!("the table `{}`", self.name), mend, error)
    }

    /// One page of a query: what is in it, and where the next one starts.
    async fn page(
        &self,
        query: &aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder,
    ) -> Result<aws_sdk_dynamodb::operation::query::QueryOutput, TableError> {
        while_busy(async || query.clone().send().await.map_err(|e| self.failure(&e))).await.map_err(table_error)
    }
}

/// What a conditional write of one item met.
fn write_error(key: &Key, failure: Failure) -> TableError {
    if failure.code == "ConditionalCheckFailedException" {
        return TableError::Conflict(key.to_string());
    }
    table_error(failure)
}

/// The API refuses to be asked for a key that it could not hold.
fn can_be(key: &Key) -> bool {
    let part = |text: &str| (1..=MAX_SORT_BYTES).contains(&text.len());
    part(&key.partition) && part(&key.sort)
}

/// Most bytes of an end of a range.
const MAX_END: usize = 1024;

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        if !can_be(key) {
            return Ok(None);
        }
        let request = self.client.get_item().table_name(&self.name).set_key(Some(item::key(key))).consistent_read(true);
        let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
        Ok(answer.await.map_err(table_error)?.item.map(|item| item::row(key.clone(), item)))
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        check_write(key, &value)?;
        let version = item::fresh_version();
        let new = item::item(key, &version, value);
        let mut request = self.client.put_item().table_name(&self.name).set_item(Some(new));
        request = match condition {
            Condition::Any => request,
            Condition::Absent => {
                request.condition_expression("attribute_not_exists(#p)").expression_attribute_names("#p", PARTITION)
            }
            Condition::Unchanged(old) => request
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", VERSION)
                .expression_attribute_values(":v", item::text(old.0)),
        };
        let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
        answer.await.map_err(|failure| write_error(key, failure))?;
        Ok(version)
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        if !can_be(key) {
            return Err(TableError::Conflict(key.to_string()));
        }
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(item::key(key)))
            .condition_expression("#v = :v")
            .expression_attribute_names("#v", VERSION)
            .expression_attribute_values(":v", item::text(&version.0));
        let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
        answer.await.map(drop).map_err(|failure| write_error(key, failure))
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        // Every `sort` stands after the empty one.
        let after = range.after.as_deref().filter(|after| !after.is_empty());
        let before = range.before.as_deref();
        let nothing = before.is_some_and(|before| before.is_empty() || after.is_some_and(|after| after >= before));
        if limit == 0 || nothing || !(1..=MAX_SORT_BYTES).contains(&partition.len()) {
            return Ok(Vec::new());
        }
        // No key is so long that it makes a difference where the end is cut.
        let end = |text: &str| item::text(&text[..text.floor_char_boundary(MAX_END)]);
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .scan_index_forward(order == Order::Ascending)
            .expression_attribute_names("#p", PARTITION)
            .expression_attribute_values(":p", item::text(partition));
        if after.or(before).is_some() {
            query = query.expression_attribute_names("#s", SORT);
        }
        // One condition on `sort` is all that there can be; BETWEEN takes its ends in.
        query = match (after, before) {
            (None, None) => query.key_condition_expression("#p = :p"),
            (Some(after), None) => {
                query.key_condition_expression("#p = :p AND #s > :a").expression_attribute_values(":a", end(after))
            }
            (None, Some(before)) => {
                query.key_condition_expression("#p = :p AND #s < :b").expression_attribute_values(":b", end(before))
            }
            (Some(after), Some(before)) => query
                .key_condition_expression("#p = :p AND #s BETWEEN :a AND :b")
                .expression_attribute_values(":a", end(after))
                .expression_attribute_values(":b", end(before)),
        };
        let mut rows = Vec::new();
        loop {
            // Both ends may be among them.
            let most = i32::try_from((limit - rows.len()).saturating_add(2)).unwrap_or(i32::MAX);
            let page = self.page(&query.clone().limit(most)).await?;
            let found = page.items.unwrap_or_default().into_iter().map(|item| {
                let sort = item::text_of(item.get(SORT));
                item::row(Key::new(partition, sort), item)
            });
            rows.extend(found.filter(|row| range.contains(&row.key.sort)).take(limit - rows.len()));
            let next = page.last_evaluated_key.filter(|key| !key.is_empty());
            if next.is_none() || rows.len() == limit {
                return Ok(rows);
            }
            query = query.set_exclusive_start_key(next);
        }
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        self.read_batches(keys).await
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        rows.iter().try_for_each(|(key, value)| check_write(key, value))?;
        self.write_batches(rows).await
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        delete_each(self, rows, AT_ONCE).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_table() {
        let said = |url: &str| DynamoTable::open("TABLE_URL", url).unwrap_err().to_string();
        assert!(DynamoTable::open("TABLE_URL", "dynamodb://audit-1_x.y?region=eu-central-1").is_ok());
        assert!(said("dynamodb://a/b?region=x").contains("this is `a/b`"));
        assert!(said("dynamodb://ab?region=x").starts_with("TABLE_URL: the name of a table has 3 to 255 letters"));
        assert!(said("dynamodb://abc?region=x&style=path").contains("no parameter `style`"));
    }
}
