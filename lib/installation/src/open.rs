//! Settings become a hub.

use crate::cold::Places;
use crate::kept::{self, Kept};
use crate::settings::Settings;
use crate::signing::{needs_key, signing};
use crate::stores::{self, BucketAt, Wait};
use adapters_local::{DiskLog, RandomIds, SystemClock};
use doctor::Admission;
use domain::keys::KeyError;
use handlers::{Function, Grant, Hub, Ingest, TokenError, Verifier};
use ports::{Clock, Ids, LogFile, QueuePair, TableError};
use services::Context;
use std::path::Path;
use std::sync::Arc;

/// A hub, and what is around it.
pub struct Installation {
    /// What its functions reach.
    pub hub: Hub,
    /// Whether others on this machine may look into its directory.
    pub open_to_others: bool,
    /// Where its log is, for a person: the table's URL without secrets.
    pub table: String,
    admission: Arc<Admission>,
    /// Whether the table is behind a network.
    networked: bool,
    #[cfg(feature = "local")]
    queue_url: String,
}

impl Installation {
    /// Follows this OCIS audit log.
    pub fn follow_ocis_log(&mut self, path: &Path) {
        self.hub.ingest.ocis_log = Some(Arc::new(DiskLog::new(path)));
    }

    /// Takes back what a process that crashed had received and not finished, where the queue is this
    /// machine's own; other queues bring it back after a while. Only for the one process that serves the
    /// installation.
    ///
    /// # Errors
    /// The queue.
    pub fn take_back_messages(&self) -> Result<(), OpenError> {
        #[cfg(feature = "local")]
        adapters_local::url::release_queue(&self.queue_url)?;
        Ok(())
    }

    /// Lets the table decide races before anything is trusted to it, and compares the clocks: what
    /// serves an installation does so at its start.
    ///
    /// # Errors
    /// A table that is not fit, or does not answer.
    pub async fn admit(&self) -> Result<(), TableError> {
        self.admission.admit_anew().await
    }

    /// The same for a function: a table that does not answer is asked again with its first use.
    ///
    /// # Errors
    /// A table that is not fit.
    pub async fn admit_unless_silent(&self) -> Result<(), TableError> {
        // A file on this machine is opened by the first call, and raced by whoever serves it.
        if !self.networked {
            return Ok(());
        }
        match self.admission.admit_reader().await {
            Err(error @ TableError::Rejected(_)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// The installation cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory.
    #[cfg(feature = "local")]
    #[error(transparent)]
    Data(#[from] adapters_local::DataError),
    /// Its key.
    #[error("keys/signing.hex: {0}")]
    Key(KeyError),
    /// The key of its issuer.
    #[error("ISSUER_KEY, or keys/issuer.hex: {0}")]
    Issuer(#[from] TokenError),
    /// A store on this machine.
    #[cfg(feature = "local")]
    #[error(transparent)]
    Url(#[from] adapters_local::url::UrlError),
    /// A store, or the key service.
    #[error("{0}")]
    Store(String),
    /// Settings that nothing replaces here.
    #[error("{}: not set, and no data directory keeps it here; set it", .0.join(", "))]
    Missing(Vec<&'static str>),
}

impl OpenError {
    /// An adapter's own words, which name the setting.
    #[cfg(any(feature = "aws", feature = "postgres"))]
    pub(crate) fn url(error: impl std::error::Error) -> Self {
        Self::Store(error.to_string())
    }
}

/// What a command may make that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Makes {
    /// A data directory with its keys.
    Log,
    /// It only looks.
    Nothing,
}

/// What a program will touch.
#[derive(Clone, Copy)]
pub enum Reach {
    /// Everything there is.
    All,
    /// What this function uses. The ports of others are not opened: a hub that is narrowed to the same
    /// grants never asks them, and a function that starts anew for a request pays for what it uses.
    Of(&'static Function),
}

impl Reach {
    pub(crate) fn has(self, any_of: &[Grant]) -> bool {
        match self {
            Self::All => true,
            Self::Of(function) => any_of.iter().any(|grant| function.uses.contains(grant)),
        }
    }

    /// Whether it answers people, who bring tokens and cursors.
    pub(crate) fn answers(self) -> bool {
        match self {
            Self::All => true,
            Self::Of(function) => function.http.is_some(),
        }
    }

    fn wait(self) -> Wait {
        match self {
            Self::All => Wait::Here,
            Self::Of(_) => Wait::There,
        }
    }

    /// The URL of a port, or that of one which nobody asks.
    fn url(self, any_of: &[Grant], url: &str) -> String {
        if self.has(any_of) { url.to_owned() } else { "memory:".to_owned() }
    }
}

/// As many as there are cores.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Opens everything that the settings name. Only a command that `makes` a log makes its directory.
///
/// # Errors
/// See [`OpenError`].
pub async fn open(settings: &Settings, makes: Makes) -> Result<Installation, OpenError> {
    open_for(settings, makes, Reach::All).await
}

/// Opens what somebody will touch.
///
/// # Errors
/// See [`OpenError`].
pub async fn open_for(settings: &Settings, makes: Makes, reach: Reach) -> Result<Installation, OpenError> {
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let kept = kept::read(settings, makes, reach, ids.as_ref())?;
    let (signer, ring) = signing(&kept, reach).await?;
    let queue = |name, any_of| stores::queue(&reach.url(any_of, &kept.queue_url), name, &clock, reach.wait());
    let events = [Grant::EventsSend, Grant::EventsReceive, Grant::DeadLettersReceive];
    let QueuePair { queue: events, dead_letters } = queue("events", &events)?.port;
    let checkpoint_requests = queue("checkpoints", &[Grant::CheckpointsSend, Grant::CheckpointsReceive])?.port.queue;
    let table = stores::table(&reach.url(&[Grant::TableRead, Grant::TableWrite], &kept.table_url), reach.wait())?;
    let admission = Arc::new(Admission::new(table.port.clone(), table.probe.clone(), clock.clone(), ids.clone()));
    let networked = table.probe.is_some();
    let places = Places::of(&settings.cold, &kept.table_url, &kept.bucket_url)?;
    let of_bucket = [Grant::BucketRead, Grant::BucketWrite];
    let bucket = stores::bucket(&BucketAt::plain("BUCKET_URL", &reach.url(&of_bucket, &kept.bucket_url)))?.port;
    let cold = if reach.has(&[Grant::ColdRead, Grant::ColdWrite, Grant::ColdDelete]) {
        places.open(reach.has(&of_bucket).then_some(&bucket))?
    } else {
        places.unasked()
    };
    let cx = Context {
        cold,
        chain: kept.chain.clone(),
        // A table on this machine is a file that we know; one behind a network is what its name says or not.
        table: if networked { admission.clone() } else { table.port },
        bucket,
        events,
        dead_letters,
        checkpoint_requests,
        clock,
        signer,
        ring,
        cursor_key: kept.cursor_key,
        ids,
        // Blocks are packed and checked by those who need the key, too.
        threads: if needs_key(reach) { threads() } else { 1 },
        writer: format!("dezky-{}", std::process::id()),
    };
    kept.complete()?;
    let Kept { issuer, open_to_others, .. } = kept;
    let tokens = Verifier::new(issuer.into_iter().collect());
    Ok(Installation {
        hub: Hub::new(cx, ingest(settings), tokens).with_archiving(settings.archiving),
        open_to_others,
        table: stores::shown(&kept.table_url),
        admission,
        networked,
        #[cfg(feature = "local")]
        queue_url: kept.queue_url,
    })
}

fn ingest(settings: &Settings) -> Ingest {
    Ingest {
        enabled: settings.ingest,
        ocis_log: settings.ocis_log.as_deref().map(|path| Arc::new(DiskLog::new(path)) as Arc<dyn LogFile>),
        ocis_extra: settings.ocis_extra.clone(),
    }
}
