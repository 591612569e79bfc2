//! What functions share: the ports, and what is made of settings once.

use crate::grant::{Grant, Narrowed};
use crate::token::Verifier;
use ports::{Bucket, LogFile};
use services::Context;
use services::append::Appender;
use services::cold::Cold;
use sources::ocis::ExtraActions;
use std::sync::{Arc, OnceLock};

/// What is listened to.
#[derive(Clone, Default)]
pub struct Ingest {
    /// Whether pollers poll.
    pub enabled: bool,
    /// The OCIS audit log, if one is configured.
    pub ocis_log: Option<Arc<dyn LogFile>>,
    /// OCIS actions beyond the core ones that become events.
    pub ocis_extra: ExtraActions,
}

/// When what becomes cold, and for how long archives are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archiving {
    /// Whether the archiver runs by itself.
    pub enabled: bool,
    /// The hour, 0 to 23 in UTC, in which it runs once a day.
    pub run_hour_utc: u32,
    /// Blocks stay in the table for so many days.
    pub hot_retention_days: u32,
    /// Every archive is read again and checked within so many days.
    pub verify_days: u32,
    /// The lines of an archive are deleted after so many days; `None` keeps them for ever.
    pub cold_retention_days: Option<u32>,
}

impl Default for Archiving {
    fn default() -> Self {
        Self { enabled: false, run_hour_utc: 3, hot_retention_days: 90, verify_days: 30, cold_retention_days: None }
    }
}

/// Everything that a function may reach.
#[derive(Clone)]
pub struct Hub {
    /// What use cases touch.
    pub cx: Context,
    /// What is listened to.
    pub ingest: Ingest,
    /// What is archived when.
    pub archiving: Archiving,
    /// Whose tokens are taken.
    pub tokens: Arc<Verifier>,
    /// Made at first use: it remembers what it saw of the chain.
    appender: Arc<OnceLock<Appender>>,
}

impl Hub {
    /// A hub whose functions may do everything.
    pub fn new(cx: Context, ingest: Ingest, tokens: Verifier) -> Self {
        Self { cx, ingest, archiving: Archiving::default(), tokens: Arc::new(tokens), appender: Arc::default() }
    }

    /// The same with other times of archiving.
    #[must_use]
    pub fn with_archiving(self, archiving: Archiving) -> Self {
        Self { archiving, ..self }
    }

    /// This process's appender.
    pub fn appender(&self) -> &Appender {
        self.appender.get_or_init(|| Appender::new(self.cx.clone()))
    }

    /// The hub as a function sees it that uses only this.
    pub fn narrowed(&self, function: &'static str, uses: &'static [Grant]) -> Self {
        let cx = &self.cx;
        macro_rules! narrow {
            ($port:expr, $read:expr, $write:expr) => {
                narrow!($port, $read, $write, $write)
            };
            ($port:expr, $read:expr, $write:expr, $delete:expr) => {
                Arc::new(Narrowed {
                    inner: Arc::clone(&$port),
                    function,
                    uses,
                    read: $read,
                    write: $write,
                    delete: $delete,
                })
            };
        }
        let cold = |bucket: &Arc<dyn Bucket>| -> Arc<dyn Bucket> {
            narrow!(*bucket, Some(Grant::ColdRead), Some(Grant::ColdWrite), Some(Grant::ColdDelete))
        };
        let cx = Context {
            cold: Cold {
                bucket: cold(&cx.cold.bucket),
                copy: cx.cold.copy.as_ref().map(cold),
                prefix: cx.cold.prefix.clone(),
                lock: cx.cold.lock,
            },
            table: narrow!(cx.table, Some(Grant::TableRead), Some(Grant::TableWrite)),
            bucket: narrow!(cx.bucket, Some(Grant::BucketRead), Some(Grant::BucketWrite)),
            events: narrow!(cx.events, Some(Grant::EventsReceive), Some(Grant::EventsSend)),
            // Only the queue's own policy sends there.
            dead_letters: narrow!(cx.dead_letters, Some(Grant::DeadLettersReceive), None),
            checkpoint_requests: narrow!(
                cx.checkpoint_requests,
                Some(Grant::CheckpointsReceive),
                Some(Grant::CheckpointsSend)
            ),
            signer: narrow!(cx.signer, None, Some(Grant::Sign)),
            ..cx.clone()
        };
        let ocis_log =
            self.ingest.ocis_log.as_ref().map(|log| narrow!(*log, Some(Grant::LogRead), None) as Arc<dyn LogFile>);
        Self {
            cx,
            ingest: Ingest { ocis_log, ..self.ingest.clone() },
            archiving: self.archiving,
            tokens: Arc::clone(&self.tokens),
            appender: Arc::default(),
        }
    }
}
