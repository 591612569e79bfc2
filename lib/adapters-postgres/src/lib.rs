//! The ports on PostgreSQL: every call is one statement of its own, so that nothing depends on a session.
//!
//! See `docs/adr/0010-postgresql-without-sessions.md` for what that excludes and why.

mod database;
mod failure;
mod migrate;
mod probe;
mod queue;
mod table;
mod tls;
mod url;

use database::Database;
pub use migrate::{MigrateError, Migrated};
use ports::{QueuePair, QueueSettings};
use queue::PostgresQueue;
use std::sync::Arc;
pub use table::PostgresTable;

/// The URL of a database cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct OpenError {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// One PostgreSQL database: connections are made at the first call. Clones share them.
#[derive(Clone)]
pub struct Postgres {
    db: Arc<Database>,
}

impl Postgres {
    /// `url` is what libpq takes: `postgres://user:password@host:port/database?sslmode=..&sslrootcert=PATH`,
    /// `postgresql:` as well, and `postgres:///database?host=/var/run/postgresql`. `pool=N` says how many
    /// connections there are at most (8).
    ///
    /// `sslmode` is `disable`, `prefer`, `require`, `verify-ca` or `verify-full`. Other than in libpq, a
    /// certificate is verified, with the host's name, whenever TLS is spoken: `require` and the two others are
    /// the same, and `prefer` speaks plainly only to a server that has no TLS. Without `sslmode`, it is
    /// `require` where `sslrootcert` is given, `disable` on this machine, and `prefer` elsewhere. Trusted is
    /// what the file `sslrootcert` holds, else what this machine trusts.
    ///
    /// # Errors
    /// A URL that cannot be read, or root certificates that cannot.
    pub fn open(setting: &'static str, url: &str) -> Result<Self, OpenError> {
        let fail = |reason| OpenError { setting, reason };
        let target = url::parse(setting, url).map_err(fail)?;
        Ok(Self { db: Arc::new(Database::new(target).map_err(fail)?) })
    }

    /// The table of this database.
    pub fn table(&self) -> PostgresTable {
        PostgresTable::new(Arc::clone(&self.db))
    }

    /// The queue of this name, and its dead letters, which are the queue `<name>-dead-letters`.
    pub fn queue(&self, name: &str, settings: QueueSettings) -> QueuePair {
        let (queue, dead_letters) = PostgresQueue::pair(&self.db, name, settings);
        QueuePair { queue: Arc::new(queue), dead_letters: Arc::new(dead_letters) }
    }
}
