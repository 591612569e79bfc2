//! The table on SQLite: one table of rows, `partition`, `sort`, `version`, `body`.

use crate::own_thread::{Gone, OwnThread};
use crate::sqlite::{self, OpenError, Opening};
use async_trait::async_trait;
use ports::{Condition, Key, KeyRange, Order, Row, Table, TableError, Version, check_write};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const LAYOUT: i64 = 1;
const SCHEMA: &str = "CREATE TABLE rows (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (partition, sort)
) WITHOUT ROWID";

/// A table in one SQLite file, shared by any number of processes of one machine.
#[derive(Clone)]
pub struct SqliteTable {
    db: OwnThread<Connection>,
    versions: Arc<Versions>,
}

/// A random part per opening and a count: unique per write, whoever writes.
struct Versions {
    opening: u64,
    count: AtomicU64,
}

impl Versions {
    fn next(&self) -> String {
        format!("{:016x}{:x}", self.opening, self.count.fetch_add(1, Ordering::Relaxed))
    }
}

impl SqliteTable {
    /// Opens the file, and makes it at first use.
    ///
    /// # Errors
    /// A file that is not ours, not writable, or from a newer program.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_as(path, Opening::Now)
    }

    /// The same, with or without waiting for it.
    ///
    /// # Errors
    /// As [`SqliteTable::open`]; without waiting, the calls say it.
    pub fn open_as(path: &Path, opening: Opening) -> Result<Self, OpenError> {
        let db = sqlite::open(path, LAYOUT, SCHEMA, opening)?;
        let mut opening = [0; 8];
        getrandom::fill(&mut opening).expect("the operating system has a random source");
        let versions = Versions { opening: u64::from_be_bytes(opening), count: AtomicU64::new(0) };
        Ok(Self { db, versions: Arc::new(versions) })
    }

    /// Lets the file grow no further: how tests meet a full disk.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), TableError> {
        self.call(move |db| db.pragma_update(None, "max_page_count", pages)).await
    }

    async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, TableError> {
        self.db.call(job).await.map_err(gone)?.map_err(|error| table_error(&error))
    }
}

fn gone(Gone(why): Gone) -> TableError {
    TableError::Unavailable(why)
}

fn table_error(error: &rusqlite::Error) -> TableError {
    let text = sqlite::describe(error);
    if sqlite::is_busy(error) {
        TableError::Throttled(text)
    } else if sqlite::is_final(error) {
        TableError::Rejected(text)
    } else {
        TableError::Unavailable(text)
    }
}

fn row_of(key: Key, columns: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    // Whoever writes to the table by hand may leave any type there; what it holds is judged by others.
    let bytes = |column| -> rusqlite::Result<Vec<u8>> {
        Ok(match columns.get_ref(column)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            ValueRef::Null => Vec::new(),
            ValueRef::Integer(number) => number.to_string().into_bytes(),
            ValueRef::Real(number) => number.to_string().into_bytes(),
        })
    };
    let version = String::from_utf8_lossy(&bytes("version")?).into_owned();
    Ok(Row { key, version: Version(version), value: bytes("body")? })
}

fn sort_of(columns: &rusqlite::Row<'_>) -> rusqlite::Result<String> {
    Ok(columns.get_ref("sort")?.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default())
}

fn get(db: &Connection, key: &Key) -> rusqlite::Result<Option<Row>> {
    db.prepare_cached("SELECT version, body FROM rows WHERE partition = ?1 AND sort = ?2")?
        .query_row([&key.partition, &key.sort], |columns| row_of(key.clone(), columns))
        .optional()
}

const DELETE: &str = "DELETE FROM rows WHERE partition = ?1 AND sort = ?2 AND version = ?3";
const REPLACE: &str = "INSERT INTO rows (partition, sort, version, body) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (partition, sort) DO UPDATE SET version = excluded.version, body = excluded.body";

#[async_trait]
impl Table for SqliteTable {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        let key = key.clone();
        self.call(move |db| get(db, &key)).await
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        check_write(key, &value)?;
        let (key, version) = (key.clone(), self.versions.next());
        let name = key.to_string();
        let given = version.clone();
        let written = self.call(move |db| {
            // Immediate: waiting for the write lock up front is the only way that always waits.
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = match condition {
                Condition::Absent => transaction
                    .prepare_cached(
                        "INSERT INTO rows (partition, sort, version, body) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (partition, sort) DO NOTHING",
                    )?
                    .execute(params![key.partition, key.sort, given, value])?,
                Condition::Unchanged(old) => transaction
                    .prepare_cached(
                        "UPDATE rows SET version = ?3, body = ?4
                         WHERE partition = ?1 AND sort = ?2 AND version = ?5",
                    )?
                    .execute(params![key.partition, key.sort, given, value, old.0])?,
                Condition::Any => {
                    transaction.prepare_cached(REPLACE)?.execute(params![key.partition, key.sort, given, value])?
                }
            };
            transaction.commit()?;
            Ok(written)
        });
        if written.await? == 1 { Ok(Version(version)) } else { Err(TableError::Conflict(name)) }
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        let (key, version, name) = (key.clone(), version.clone(), key.to_string());
        let deleted = self.call(move |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let deleted = transaction.prepare_cached(DELETE)?.execute(params![key.partition, key.sort, version.0])?;
            transaction.commit()?;
            Ok(deleted)
        });
        if deleted.await? == 1 { Ok(()) } else { Err(TableError::Conflict(name)) }
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        let (partition, range) = (partition.to_owned(), range.clone());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.call(move |db| {
            let (after, before) = (range.after.as_deref(), range.before.as_deref());
            let mut sql = "SELECT sort, version, body FROM rows WHERE partition = ?1".to_owned();
            // `IS NULL` keeps the numbering of the parameters whatever is given.
            sql += if after.is_some() { " AND sort > ?2" } else { " AND ?2 IS NULL" };
            sql += if before.is_some() { " AND sort < ?3" } else { " AND ?3 IS NULL" };
            sql += if order == Order::Ascending { " ORDER BY sort" } else { " ORDER BY sort DESC" };
            sql += " LIMIT ?4";
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map(params![partition, after, before, limit], |columns| {
                row_of(Key::new(&partition, sort_of(columns)?), columns)
            })?;
            rows.collect()
        })
        .await
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        self.call(move |db| {
            let transaction = db.transaction()?;
            // In key order, neighbours are on the same page.
            let mut order: Vec<usize> = (0..keys.len()).collect();
            order.sort_unstable_by(|a, b| keys[*a].cmp(&keys[*b]));
            let mut rows = vec![None; keys.len()];
            for i in order {
                rows[i] = get(&transaction, &keys[i])?;
            }
            Ok(rows)
        })
        .await
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        rows.iter().try_for_each(|(key, value)| check_write(key, value))?;
        let versions = Arc::clone(&self.versions);
        self.call(move |db| {
            let mut rows = rows;
            rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut statement = transaction.prepare_cached(REPLACE)?;
                for (key, value) in rows {
                    statement.execute(params![key.partition, key.sort, versions.next(), value])?;
                }
            }
            transaction.commit()
        })
        .await
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        self.call(move |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut statement = transaction.prepare_cached(DELETE)?;
                for (key, version) in rows {
                    statement.execute(params![key.partition, key.sort, version.0])?;
                }
            }
            transaction.commit()
        })
        .await
    }
}
