//! The queue on SQLite.

use crate::own_thread::{Gone, OwnThread};
use crate::sqlite::{self, OpenError, Opening};
use async_trait::async_trait;
use ports::{Clock, Message, Queue, QueueError, QueueSettings, check_send};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;
use std::sync::Arc;

const LAYOUT: i64 = 1;
const SCHEMA: &str = "CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    deliveries INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    receipt TEXT
);
CREATE INDEX by_time ON messages (queue, visible_at, id);
CREATE UNIQUE INDEX by_receipt ON messages (receipt) WHERE receipt IS NOT NULL;";

/// A named queue in one SQLite file, shared by any number of processes of one machine.
#[derive(Clone)]
pub struct SqliteQueue {
    db: OwnThread<Connection>,
    name: String,
    dead_letters: Option<String>,
    clock: Arc<dyn Clock>,
    settings: QueueSettings,
}

impl SqliteQueue {
    /// The queue of this name and its dead letters.
    ///
    /// # Errors
    /// A file that is not ours, not writable, or from a newer program.
    pub fn open_pair(
        path: &Path,
        name: &str,
        clock: Arc<dyn Clock>,
        settings: QueueSettings,
    ) -> Result<(Self, Self), OpenError> {
        Self::open_pair_as(path, name, clock, settings, Opening::Now)
    }

    /// The same, with or without waiting for it.
    ///
    /// # Errors
    /// As [`SqliteQueue::open_pair`]; without waiting, the calls say it.
    pub fn open_pair_as(
        path: &Path,
        name: &str,
        clock: Arc<dyn Clock>,
        settings: QueueSettings,
        opening: Opening,
    ) -> Result<(Self, Self), OpenError> {
        let db = sqlite::open(path, LAYOUT, SCHEMA, opening)?;
        let dead_name = format!("{name}-dead-letters");
        let queue = Self {
            db: db.clone(),
            name: name.to_owned(),
            dead_letters: Some(dead_name.clone()),
            clock: Arc::clone(&clock),
            settings,
        };
        Ok((queue, Self { db, name: dead_name, dead_letters: None, clock, settings }))
    }

    /// Makes visible at once what deliveries still hold, in all queues of the file: for the only
    /// process that serves them, when it starts after a crash. Whatever is delivered twice by that is
    /// known by its ids.
    ///
    /// # Errors
    /// As [`SqliteQueue::open_pair`], or the file.
    pub fn release_all(path: &Path) -> Result<(), OpenError> {
        let failed =
            |error: &rusqlite::Error| OpenError::Sqlite { path: path.to_owned(), reason: sqlite::describe(error) };
        let db = Connection::open(path).map_err(|e| failed(&e))?;
        db.busy_timeout(sqlite::BUSY).map_err(|e| failed(&e))?;
        db.execute("UPDATE messages SET visible_at = 0 WHERE deliveries > 0", []).map_err(|e| failed(&e)).map(drop)
    }

    async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, QueueError> {
        let gone = |Gone(why): Gone| QueueError::Unavailable(why);
        self.db.call(job).await.map_err(gone)?.map_err(|error| {
            let text = sqlite::describe(&error);
            if sqlite::is_final(&error) { QueueError::Rejected(text) } else { QueueError::Unavailable(text) }
        })
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        check_send(bodies)?;
        let (bodies, name) = (bodies.to_vec(), self.name.clone());
        let count = bodies.len();
        self.call(move |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                // Visible since ever: a clock that jumps back must not hide what was sent.
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO messages (queue, body, deliveries, visible_at) VALUES (?1, ?2, 0, 0)",
                )?;
                for body in bodies {
                    insert.execute(params![name, body])?;
                }
            }
            transaction.commit()
        })
        .await?;
        Ok((0..count).map(|_| Ok(())).collect())
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        let (name, dead_letters) = (self.name.clone(), self.dead_letters.clone());
        let (now, settings) = (self.clock.now().unix_millis(), self.settings);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.call(move |db| {
            let waiting: bool = db
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND visible_at <= ?2)")?
                .query_row(params![name, now], |row| row.get(0))?;
            if !waiting {
                // An idle poll costs no write.
                return Ok(Vec::new());
            }
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(dead_letters) = dead_letters {
                transaction
                    .prepare_cached(
                        "UPDATE messages SET queue = ?3, deliveries = 0, visible_at = ?2, receipt = NULL
                         WHERE queue = ?1 AND visible_at <= ?2 AND deliveries >= ?4",
                    )?
                    .execute(params![name, now, dead_letters, settings.max_deliveries])?;
            }
            let received: Vec<Message> = transaction
                .prepare_cached(
                    "UPDATE messages SET deliveries = deliveries + 1, visible_at = ?3,
                         receipt = id || '-' || (deliveries + 1) || '-' || lower(hex(randomblob(8)))
                     WHERE id IN (SELECT id FROM messages WHERE queue = ?1 AND visible_at <= ?2
                                  ORDER BY visible_at, id LIMIT ?4)
                     RETURNING receipt, body, deliveries",
                )?
                .query_map(params![name, now, now + settings.visibility_millis, limit], |row| {
                    Ok(Message { receipt: row.get(0)?, body: row.get(1)?, deliveries: row.get(2)? })
                })?
                .collect::<rusqlite::Result<_>>()?;
            transaction.commit()?;
            Ok(received)
        })
        .await
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        let receipts = receipts.to_vec();
        self.call(move |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut delete = transaction.prepare_cached("DELETE FROM messages WHERE receipt = ?1")?;
                for receipt in receipts {
                    delete.execute([receipt])?;
                }
            }
            transaction.commit()
        })
        .await
    }
}
