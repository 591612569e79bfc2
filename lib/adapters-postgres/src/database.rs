//! Connections, and statements on them: one at a time, each a transaction of its own, each in bounded time.

use crate::failure::{Failure, Kind, Place};
use crate::tls;
use crate::url::{CONNECT, Target};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, QueueMode, RecyclingMethod, Runtime, TimeoutType,
};
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{NoTls, Row};

/// How long a call may take, connecting and waiting for a connection included.
const CALL: Duration = Duration::from_secs(30);
/// How long a connection may lie idle before it is taken for dead: a frozen function or a network in between
/// loses it without anybody's noticing, and a write that is sent on it has an unknown outcome.
const IDLE: Duration = Duration::from_secs(60);
/// How often a statement is sent again that the server rolled back for the sake of others.
const RACES: u32 = 4;
/// How long the first such repeat waits.
const PAUSE: Duration = Duration::from_millis(20);

/// The parameters of a statement, with their types: so it needs neither a name nor a look at the catalogue.
pub(crate) type Params<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// Makes the commit of the statement it stands in wait for the disk, even where the server's default is not to.
/// The setting is the transaction's, which ends with the statement; a stricter default is kept.
macro_rules! durable {
    () => {
        "set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') \
         THEN 'on' ELSE current_setting('synchronous_commit') END, true) IS NOT NULL"
    };
}
pub(crate) use durable;

/// A database and the connections to it.
pub(crate) struct Database {
    pool: Pool,
    pub(crate) place: Place,
}

/// A connection that goes back to the others only when its statement was answered. A call that is given up,
/// by its own time-out or by whoever waits for it, closes it.
pub(crate) struct Lease(Option<Object>);

impl Lease {
    /// Gives it back.
    pub(crate) fn done(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

impl Deref for Lease {
    type Target = Object;
    fn deref(&self) -> &Object {
        self.0.as_ref().expect("only `done` and `drop` take it, and both end the lease")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Object {
        self.0.as_mut().expect("only `done` and `drop` take it, and both end the lease")
    }
}

impl Database {
    pub(crate) fn new(target: Target) -> Result<Self, String> {
        let Target { config, roots, pool, place } = target;
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match tls::connector(&config, &roots)? {
            Some(tls) => Manager::from_config(config, tls, how),
            None => Manager::from_config(config, NoTls, how),
        };
        let pool = Pool::builder(manager)
            .max_size(pool)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CONNECT))
            // The last used first, so that those beyond what is needed grow old.
            .queue_mode(QueueMode::Lifo)
            .pre_recycle(Hook::sync_fn(|_, metrics| {
                if metrics.last_used() > IDLE { Err(HookError::message("idle for too long")) } else { Ok(()) }
            }))
            .build();
        Ok(Self { pool: pool.map_err(|error| error.to_string())?, place })
    }

    /// A connection. Nothing is sent before there is one, so a failure here has done nothing.
    pub(crate) async fn connection(&self) -> Result<Lease, Failure> {
        match self.pool.get().await {
            Ok(object) => Ok(Lease(Some(object))),
            Err(PoolError::Backend(error)) => Err(self.place.not_connected(&error)),
            Err(PoolError::Timeout(TimeoutType::Create)) => Err(self.place.no_connection(CONNECT.as_secs())),
            // No other time-out is set, and the pool is never closed while it can be reached.
            Err(_) => Err(self.place.too_late(false, CALL.as_secs())),
        }
    }

    /// The rows of a statement that only reads. It is asked again, once, if its connection turns out to be
    /// broken: the server may have closed it long ago.
    pub(crate) async fn read(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failure> {
        self.call(sql, params, true).await
    }

    /// The rows that a statement returns which writes. It is never repeated unless it was rolled back.
    pub(crate) async fn write(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failure> {
        self.call(sql, params, false).await
    }

    async fn call(&self, sql: &str, params: Params<'_>, reads: bool) -> Result<Vec<Row>, Failure> {
        let sent = AtomicBool::new(false);
        let attempts = async {
            let (mut races, mut losses) = (RACES, u32::from(reads));
            loop {
                match self.once(sql, params, &sent).await {
                    Err(failure) if failure.kind == Kind::Raced && races > 0 => {
                        races -= 1;
                        // Whoever was waiting for what this one held comes first, or they meet again.
                        tokio::time::sleep(PAUSE * (RACES - races)).await;
                    }
                    Err(failure) if failure.kind == Kind::Lost && losses > 0 => {
                        losses -= 1;
                        // Whatever broke this connection may have broken the others: let them notice.
                        tokio::task::yield_now().await;
                    }
                    outcome => return outcome,
                }
            }
        };
        bounded(CALL, attempts).await.unwrap_or_else(|| {
            let sent = sent.load(Ordering::Relaxed);
            Err(self.place.too_late(sent, CALL.as_secs()))
        })
    }

    async fn once(&self, sql: &str, params: Params<'_>, sent: &AtomicBool) -> Result<Vec<Row>, Failure> {
        let connection = self.connection().await?;
        sent.store(true, Ordering::Relaxed);
        // Ends when the server is ready for the next statement, which is after the commit.
        let outcome = connection.query_typed(sql, params).await;
        let outcome = outcome.map_err(|error| self.place.failed(&error));
        if !matches!(&outcome, Err(Failure { kind: Kind::Lost | Kind::Unknown, .. })) {
            sent.store(false, Ordering::Relaxed);
            connection.done();
        }
        outcome
    }
}

/// The outcome, unless it takes too long.
pub(crate) async fn bounded<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, future).await.ok()
}
