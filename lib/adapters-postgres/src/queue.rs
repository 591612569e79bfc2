//! The queue: one row per message, claimed by whoever locks it first.

use crate::database::{Database, durable};
use crate::failure::Failure;
use async_trait::async_trait;
use ports::{MAX_SEND, Message, Queue, QueueError, QueueSettings, check_send};
use std::sync::Arc;
use tokio_postgres::types::Type;

/// What PostgreSQL can still add to a time.
const LONGEST_MILLIS: i64 = 10 * 365 * 86_400_000;

const SEND: &str = concat!(
    "INSERT INTO dezky_messages (queue, body) SELECT $1, body FROM unnest($2::bytea[]) AS body WHERE ",
    durable!()
);
// Time is the database's own, so that no two receivers can disagree about it. Rows that another receiver holds
// are passed by, not waited for. With no row to claim, nothing is written.
const RECEIVE: &str = "WITH due AS (
        SELECT id, deliveries >= $5 AND $4 IS NOT NULL AS dead FROM dezky_messages
        WHERE queue = $1 AND visible_at <= now()
        ORDER BY visible_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
    ), buried AS (
        UPDATE dezky_messages m SET queue = $4, deliveries = 0, visible_at = '-infinity', receipt = NULL
        FROM due WHERE m.id = due.id AND due.dead
    )
    UPDATE dezky_messages m SET deliveries = m.deliveries + 1, receipt = gen_random_uuid()::text,
        visible_at = clock_timestamp() + $3 * interval '1 millisecond'
    FROM due WHERE m.id = due.id AND NOT due.dead
    RETURNING m.receipt, m.body, m.deliveries";
const ACK: &str = "DELETE FROM dezky_messages WHERE receipt = ANY ($1::text[])";

/// A named queue in a PostgreSQL database.
pub(crate) struct PostgresQueue {
    db: Arc<Database>,
    name: String,
    dead_letters: Option<String>,
    settings: QueueSettings,
}

impl PostgresQueue {
    /// The queue of this name and its dead letters.
    pub(crate) fn pair(db: &Arc<Database>, name: &str, settings: QueueSettings) -> (Self, Self) {
        let dead_name = format!("{name}-dead-letters");
        let queue =
            |name: &str, dead_letters| Self { db: Arc::clone(db), name: name.to_owned(), dead_letters, settings };
        (queue(name, Some(dead_name.clone())), queue(&dead_name, None))
    }

    fn message(&self, columns: &tokio_postgres::Row) -> Result<Message, Failure> {
        let odd = |error| self.db.place.odd_row(&error);
        let body: &[u8] = columns.try_get("body").map_err(odd)?;
        let deliveries: i32 = columns.try_get("deliveries").map_err(odd)?;
        Ok(Message {
            receipt: columns.try_get("receipt").map_err(odd)?,
            body: String::from_utf8_lossy(body).into_owned(),
            deliveries: u32::try_from(deliveries).unwrap_or(u32::MAX),
        })
    }
}

#[async_trait]
impl Queue for PostgresQueue {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        check_send(bodies)?;
        if !bodies.is_empty() {
            let sent: Vec<&[u8]> = bodies.iter().map(String::as_bytes).collect();
            self.db.write(SEND, &[(&self.name, Type::TEXT), (&sent, Type::BYTEA_ARRAY)]).await?;
        }
        Ok(bodies.iter().map(|_| Ok(())).collect())
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        let limit = i64::try_from(limit.min(MAX_SEND)).unwrap_or(i64::MAX);
        let visibility = self.settings.visibility_millis.clamp(0, LONGEST_MILLIS);
        let most = i32::try_from(self.settings.max_deliveries).unwrap_or(i32::MAX);
        let received = self
            .db
            .write(
                RECEIVE,
                &[
                    (&self.name, Type::TEXT),
                    (&limit, Type::INT8),
                    (&visibility, Type::INT8),
                    (&self.dead_letters, Type::TEXT),
                    (&most, Type::INT4),
                ],
            )
            .await?;
        received.iter().map(|columns| Ok(self.message(columns)?)).collect()
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        // No receipt of ours has a NUL in it, and PostgreSQL takes none.
        let receipts: Vec<&str> = receipts.iter().map(String::as_str).filter(|r| !r.contains('\0')).collect();
        if !receipts.is_empty() {
            self.db.write(ACK, &[(&receipts, Type::TEXT_ARRAY)]).await?;
        }
        Ok(())
    }
}
