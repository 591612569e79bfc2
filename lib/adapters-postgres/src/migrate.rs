//! Makes the tables, and brings older ones to this layout.

use crate::Postgres;
use crate::database::{Database, Lease, bounded};
use crate::failure::{Failure, Kind};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

/// The layout that this program knows.
pub(crate) const LAYOUT: i32 = 1;
/// What leads from each layout to the next.
const MIGRATIONS: [&str; LAYOUT as usize] = [include_str!("schema/0001_rows_and_messages.sql")];
/// One row says which layout there is; whoever migrates locks it.
const LAYOUT_TABLE: &str = "CREATE TABLE IF NOT EXISTS dezky_layout (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    layout integer NOT NULL
);
INSERT INTO dezky_layout (layout) VALUES (0) ON CONFLICT DO NOTHING;";
/// How long a migration may take: indexes of large tables are made anew.
const MIGRATION: Duration = Duration::from_secs(600);
/// How often it begins again after somebody else made the same tables at the same moment.
const RACES: u32 = 5;

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The layout that was there; 0 if there was none.
    pub from: i32,
    /// The layout that is there now.
    pub to: i32,
}

/// A migration was not done; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrateError {
    /// A newer program made the tables.
    #[error(
        "{setting}: database `{database}` was made by a newer dezky (layout {found}; this one knows {known}); use that version"
    )]
    Newer {
        /// The setting's name.
        setting: &'static str,
        /// The database.
        database: String,
        /// Its layout.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// The database does not answer or does not allow it.
    #[error("{0}")]
    Failed(String),
}

impl Postgres {
    /// Makes the tables or brings them to this layout, all of it or nothing. Any number of processes may do so
    /// at once, and again. The tables live in the schema that comes first in the connection's `search_path`.
    ///
    /// # Errors
    /// A database that a newer program made, does not answer, or does not allow it.
    pub async fn migrate(&self) -> Result<Migrated, MigrateError> {
        let db = &self.db;
        // Who may not make tables may still ask whether they are there.
        let found = db.layout().await.map_err(|failure| MigrateError::Failed(failure.text))?.unwrap_or(0);
        if found == LAYOUT {
            return Ok(Migrated { from: LAYOUT, to: LAYOUT });
        }
        let mut races = RACES;
        loop {
            let attempt = bounded(MIGRATION, attempt(db)).await;
            match attempt.unwrap_or_else(|| Err(db.place.too_late(true, MIGRATION.as_secs()))) {
                Ok(from) if from > LAYOUT => {
                    let (setting, database) = (db.place.setting, db.place.database.clone());
                    return Err(MigrateError::Newer { setting, database, found: from, known: LAYOUT });
                }
                Ok(from) => return Ok(Migrated { from, to: LAYOUT }),
                Err(failure) if failure.kind == Kind::Raced && races > 0 => races -= 1,
                Err(failure) => return Err(MigrateError::Failed(failure.text)),
            }
        }
    }
}

/// One transaction; answers with the layout that it found.
async fn attempt(db: &Database) -> Result<i32, Failure> {
    let mut connection = db.connection().await?;
    let found = in_one_transaction(&mut connection).await;
    match found {
        Ok(found) => {
            connection.done();
            Ok(found)
        }
        // Closing the connection is what rolls back, whatever state it is in.
        Err(error) => {
            drop(connection);
            let failure = db.place.failed(&error);
            Err(if made_twice(&error) { Failure { kind: Kind::Raced, ..failure } } else { failure })
        }
    }
}

async fn in_one_transaction(connection: &mut Lease) -> Result<i32, tokio_postgres::Error> {
    let transaction = connection.transaction().await?;
    transaction.batch_execute(LAYOUT_TABLE).await?;
    let row = transaction.query_typed("SELECT layout FROM dezky_layout FOR UPDATE", &[]).await?;
    let found: i32 = row.first().map_or(Ok(0), |row| row.try_get(0))?;
    if found >= LAYOUT {
        transaction.rollback().await?;
        return Ok(found);
    }
    let done = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.batch_execute(migration).await?;
    }
    transaction.query_typed("UPDATE dezky_layout SET layout = $1", &[(&LAYOUT, Type::INT4)]).await?;
    transaction.commit().await?;
    Ok(found)
}

/// `IF NOT EXISTS` looks first and makes then: of two at once, the later one finds the name taken.
fn made_twice(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT].contains(code)
    })
}

impl Database {
    /// The layout of the tables that the connection sees; `None` if there are none.
    pub(crate) async fn layout(&self) -> Result<Option<i32>, Failure> {
        let odd = |error| self.place.odd_row(&error);
        let there = self.read("SELECT to_regclass('dezky_layout') IS NOT NULL", &[]).await?;
        if !there.first().map_or(Ok(false), |row| row.try_get(0)).map_err(odd)? {
            return Ok(None);
        }
        let rows = self.read("SELECT layout FROM dezky_layout", &[]).await?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(odd)
    }
}
