//! The table: one row per row.

use crate::database::{Database, durable};
use crate::failure::Failure;
use async_trait::async_trait;
use ports::{Condition, Key, KeyRange, Order, Row, Table, TableError, Version, check_write, delete_each};
use std::sync::Arc;
use tokio_postgres::types::{ToSql, Type};

/// Rows that are deleted at once.
const AT_ONCE: usize = 16;
/// Most rows of one statement, and about the most bytes of one that writes.
const CHUNK_ROWS: usize = 500;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

const CREATE: &str = concat!(
    "INSERT INTO dezky_rows (partition, sort, version, body) SELECT $1, $2, $3, $4 WHERE ",
    durable!(),
    " ON CONFLICT (partition, sort) DO NOTHING RETURNING 1"
);
const UPDATE: &str = concat!(
    "UPDATE dezky_rows SET version = $3, body = $4 WHERE partition = $1 AND sort = $2 AND version = $5 AND ",
    durable!(),
    " RETURNING 1"
);
const REPLACE: &str = concat!(
    "INSERT INTO dezky_rows (partition, sort, version, body) \
     SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bytea[]) WHERE ",
    durable!(),
    " ON CONFLICT (partition, sort) DO UPDATE SET version = excluded.version, body = excluded.body"
);
const DELETE: &str = concat!(
    "DELETE FROM dezky_rows WHERE partition = $1 AND sort = $2 AND version = $3 AND ",
    durable!(),
    " RETURNING 1"
);
const GET: &str = "SELECT version, body FROM dezky_rows WHERE partition = $1 AND sort = $2";
// One look-up by the primary key for each key, whatever the planner believes about the table: `LIMIT` keeps it
// from reading the whole table to join it.
const GET_MANY: &str = "SELECT k.n, r.version, r.body \
    FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (partition, sort, n) \
    CROSS JOIN LATERAL (SELECT version, body FROM dezky_rows d \
        WHERE d.partition = k.partition AND d.sort = k.sort LIMIT 1) AS r";

/// The table of a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresTable {
    db: Arc<Database>,
}

impl PostgresTable {
    pub(crate) fn new(db: Arc<Database>) -> Self {
        Self { db }
    }

    fn row(&self, key: Key, columns: &tokio_postgres::Row) -> Result<Row, Failure> {
        let odd = |error| self.db.place.odd_row(&error);
        let version = Version(columns.try_get("version").map_err(odd)?);
        Ok(Row { key, version, value: columns.try_get("body").map_err(odd)? })
    }

    /// Writes rows whose keys are in order and all different: writers that lock rows in the same order cannot
    /// wait for each other in a circle.
    async fn replace(&self, rows: &[(Key, Vec<u8>)]) -> Result<(), TableError> {
        let partitions: Vec<&[u8]> = rows.iter().map(|(key, _)| key.partition.as_bytes()).collect();
        let sorts: Vec<&[u8]> = rows.iter().map(|(key, _)| key.sort.as_bytes()).collect();
        let versions: Vec<String> = rows.iter().map(|_| fresh_version()).collect();
        let bodies: Vec<&[u8]> = rows.iter().map(|(_, value)| value.as_slice()).collect();
        self.db
            .write(
                REPLACE,
                &[
                    (&partitions, Type::BYTEA_ARRAY),
                    (&sorts, Type::BYTEA_ARRAY),
                    (&versions, Type::TEXT_ARRAY),
                    (&bodies, Type::BYTEA_ARRAY),
                ],
            )
            .await?;
        Ok(())
    }
}

/// Sixteen random bytes, in hex: unique per write, whoever writes.
fn fresh_version() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// How many of the first rows go into one statement.
fn chunk(rows: &[(Key, Vec<u8>)]) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take(CHUNK_ROWS).take_while(|(_, value)| {
        bytes += value.len();
        bytes <= CHUNK_BYTES
    });
    fits.count().max(1)
}

/// The last row of each key, in the order of the keys: one statement can write a key only once.
fn last_of_each_key(mut rows: Vec<(Key, Vec<u8>)>) -> Vec<(Key, Vec<u8>)> {
    // The sort is stable: of each key, the row that was given last comes first.
    rows.reverse();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.dedup_by(|next, kept| next.0 == kept.0);
    rows
}

#[async_trait]
impl Table for PostgresTable {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        let (partition, sort) = (key.partition.as_bytes(), key.sort.as_bytes());
        let rows = self.db.read(GET, &[(&partition, Type::BYTEA), (&sort, Type::BYTEA)]).await?;
        Ok(rows.first().map(|columns| self.row(key.clone(), columns)).transpose()?)
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        check_write(key, &value)?;
        let (partition, sort, version) = (key.partition.as_bytes(), key.sort.as_bytes(), fresh_version());
        let new: [(&(dyn ToSql + Sync), Type); 4] =
            [(&partition, Type::BYTEA), (&sort, Type::BYTEA), (&version, Type::TEXT), (&value, Type::BYTEA)];
        let written = match condition {
            Condition::Absent => self.db.write(CREATE, &new).await?,
            // No version of ours has a NUL in it, and PostgreSQL takes none.
            Condition::Unchanged(old) if old.0.contains('\0') => Vec::new(),
            Condition::Unchanged(old) => {
                let [a, b, c, d] = new;
                self.db.write(UPDATE, &[a, b, c, d, (&old.0, Type::TEXT)]).await?
            }
            Condition::Any => {
                let new = [&[partition][..], &[sort][..], &[value.as_slice()][..]];
                self.db
                    .write(
                        REPLACE,
                        &[
                            (&new[0], Type::BYTEA_ARRAY),
                            (&new[1], Type::BYTEA_ARRAY),
                            (&[version.as_str()].as_slice(), Type::TEXT_ARRAY),
                            (&new[2], Type::BYTEA_ARRAY),
                        ],
                    )
                    .await?;
                return Ok(Version(version));
            }
        };
        if written.is_empty() { Err(TableError::Conflict(key.to_string())) } else { Ok(Version(version)) }
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        let (partition, sort) = (key.partition.as_bytes(), key.sort.as_bytes());
        let params: [(&(dyn ToSql + Sync), Type); 3] =
            [(&partition, Type::BYTEA), (&sort, Type::BYTEA), (&version.0, Type::TEXT)];
        let deleted = if version.0.contains('\0') { Vec::new() } else { self.db.write(DELETE, &params).await? };
        if deleted.is_empty() { Err(TableError::Conflict(key.to_string())) } else { Ok(()) }
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        let bytes = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let (after, before) = (bytes(&range.after), bytes(&range.before));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut sql = "SELECT sort, version, body FROM dezky_rows WHERE partition = $1".to_owned();
        // `IS NULL` keeps the numbering of the parameters whatever is given.
        sql += if after.is_some() { " AND sort > $2" } else { " AND $2 IS NULL" };
        sql += if before.is_some() { " AND sort < $3" } else { " AND $3 IS NULL" };
        sql += if order == Order::Ascending { " ORDER BY sort" } else { " ORDER BY sort DESC" };
        sql += " LIMIT $4";
        let rows = self
            .db
            .read(
                &sql,
                &[
                    (&partition.as_bytes(), Type::BYTEA),
                    (&after, Type::BYTEA),
                    (&before, Type::BYTEA),
                    (&limit, Type::INT8),
                ],
            )
            .await?;
        let row = |columns: &tokio_postgres::Row| {
            let sort: &[u8] = columns.try_get("sort").map_err(|error| self.db.place.odd_row(&error))?;
            Ok(self.row(Key::new(partition, String::from_utf8_lossy(sort)), columns)?)
        };
        rows.iter().map(row).collect()
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        let mut found = vec![None; keys.len()];
        for (keys, found) in keys.chunks(CHUNK_ROWS).zip(found.chunks_mut(CHUNK_ROWS)) {
            let partitions: Vec<&[u8]> = keys.iter().map(|key| key.partition.as_bytes()).collect();
            let sorts: Vec<&[u8]> = keys.iter().map(|key| key.sort.as_bytes()).collect();
            let params: [(&(dyn ToSql + Sync), Type); 2] =
                [(&partitions, Type::BYTEA_ARRAY), (&sorts, Type::BYTEA_ARRAY)];
            for columns in self.db.read(GET_MANY, &params).await? {
                let number: i64 = columns.try_get("n").map_err(|error| self.db.place.odd_row(&error))?;
                let place = usize::try_from(number - 1).ok().and_then(|i| keys.get(i).zip(found.get_mut(i)));
                if let Some((key, place)) = place {
                    *place = Some(self.row(key.clone(), &columns)?);
                }
            }
        }
        Ok(found)
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        rows.iter().try_for_each(|(key, value)| check_write(key, value))?;
        let rows = last_of_each_key(rows);
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(chunk(rest));
            self.replace(now).await?;
            rest = later;
        }
        Ok(())
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        delete_each(self, rows, AT_ONCE).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_of_a_key_wins_and_keys_are_in_order() {
        let row = |sort: &str, value: u8| (Key::new("p", sort), vec![value]);
        let kept = last_of_each_key(vec![row("b", 1), row("a", 2), row("b", 3), row("a", 4), row("c", 5), row("b", 6)]);
        assert_eq!(kept, [row("a", 4), row("b", 6), row("c", 5)]);
    }

    #[test]
    fn chunks_are_bounded_by_rows_and_by_bytes() {
        let rows = |count: usize, bytes: usize| vec![(Key::new("p", "s"), vec![0; bytes]); count];
        assert_eq!(chunk(&rows(3, 10)), 3);
        assert_eq!(chunk(&rows(CHUNK_ROWS + 1, 1)), CHUNK_ROWS);
        assert_eq!(chunk(&rows(20, ports::MAX_ROW_BYTES)), CHUNK_BYTES / ports::MAX_ROW_BYTES);
        assert_eq!(chunk(&rows(2, CHUNK_BYTES + 1)), 1, "a row that is too large for a chunk still goes alone");
    }

    #[test]
    fn versions_have_a_fixed_width_and_differ() {
        let made: std::collections::BTreeSet<String> = (0..1000).map(|_| fresh_version()).collect();
        assert!(made.len() == 1000 && made.iter().all(|version| version.len() == 32));
    }
}
