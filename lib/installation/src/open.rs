//! Settings become a hub on the embedded adapters.

use crate::settings::Settings;
use adapters_local::url::{self, UrlError};
use adapters_local::{DataDirectory, DataError, DiskLog, KeySigner, Opening, RandomIds, SystemClock};
use domain::hash::Hash;
use domain::keys::{KeyError, RingKey, SigningKey};
use handlers::{Grant, Hub, Ingest, Issuer, TokenError, Verifier};
use ports::{Clock, Ids, LogFile, QueuePair, QueueSettings, Signer};
use services::Context;
use std::path::Path;
use std::sync::Arc;

/// An installation on this machine.
pub struct Embedded {
    /// What its functions reach.
    pub hub: Hub,
    /// Makes its tokens.
    pub issuer: Issuer,
    /// Whether others on this machine may look into its directory.
    pub open_to_others: bool,
    queue_url: String,
}

impl Embedded {
    /// Follows this OCIS audit log.
    pub fn follow_ocis_log(&mut self, path: &Path) {
        self.hub.ingest.ocis_log = Some(Arc::new(DiskLog::new(path)));
    }

    /// Takes back what a process that crashed had received and not finished. Only for the one process
    /// that serves the installation.
    ///
    /// # Errors
    /// The queue.
    pub fn take_back_messages(&self) -> Result<(), OpenError> {
        Ok(url::release_queue(&self.queue_url)?)
    }
}

/// The installation cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Its key.
    #[error("keys/signing.hex: {0}")]
    Key(#[from] KeyError),
    /// The key of its issuer.
    #[error("keys/issuer.hex: {0}")]
    Issuer(#[from] TokenError),
    /// A store.
    #[error(transparent)]
    Url(#[from] UrlError),
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
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// Everything there is.
    All,
    /// What these grants name. The ports of others are not opened: a hub that is narrowed to the same
    /// grants never asks them, and a function that starts anew for a request pays for what it uses.
    Only(&'static [Grant]),
}

impl Reach {
    fn has(self, any_of: &[Grant]) -> bool {
        match self {
            Self::All => true,
            Self::Only(grants) => any_of.iter().any(|grant| grants.contains(grant)),
        }
    }

    fn opening(self) -> Opening {
        match self {
            Self::All => Opening::Now,
            Self::Only(_) => Opening::Meanwhile,
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
pub fn open(settings: &Settings, makes: Makes) -> Result<Embedded, OpenError> {
    open_for(settings, makes, Reach::All)
}

/// Opens what somebody will touch.
///
/// # Errors
/// See [`OpenError`].
pub fn open_for(settings: &Settings, makes: Makes, reach: Reach) -> Result<Embedded, OpenError> {
    let data = match makes {
        Makes::Log => DataDirectory::open(&settings.data)?,
        Makes::Nothing => DataDirectory::open_existing(&settings.data)?,
    };
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let chain = match &settings.chain {
        Some(chain) => chain.clone(),
        None => data.chain(ids.as_ref())?,
    };
    // Whoever signs, and whoever holds the log against signatures: they all read the copies.
    // Whoever comes first makes all keys.
    let needs_key = data.is_new() || reach.has(&[Grant::Sign, Grant::BucketRead]);
    let key = match &settings.signing_key {
        Some(key) => key.clone(),
        // Never asked: without the grant to sign no function reaches its signer.
        None if !needs_key => SigningKey::new(settings.algorithm, [0; 32]),
        None => SigningKey::from_hex(settings.algorithm, &data.key("signing.hex", "AUDIT_SIGNING_KEY", ids.as_ref())?)?,
    };
    // All files before the table: whoever finds a table may rely on them.
    let cursor_key = match settings.cursor_key {
        Some(key) => key,
        None => Hash::of(data.replaceable_key("cursor.hex", ids.as_ref())?.as_bytes()).0,
    };
    let issuer = Issuer::new(&format!("dezky:{chain}"), &data.replaceable_key("issuer.hex", ids.as_ref())?)?;
    let mut ring = settings.verify_keys.clone();
    if needs_key {
        ring.add(RingKey { key: key.verify_key(), from_seq: 1, to_seq: u64::MAX });
    }
    let queue_url = settings.queue_url.clone().unwrap_or_else(|| data.queue_url());
    let queue = |name, any_of| {
        let url = reach.url(any_of, &queue_url);
        url::queue_as(&url, name, Arc::clone(&clock), QueueSettings::default(), reach.opening())
    };
    let events = [Grant::EventsSend, Grant::EventsReceive, Grant::DeadLettersReceive];
    let QueuePair { queue: events, dead_letters } = queue("events", &events)?;
    let checkpoint_requests = queue("checkpoints", &[Grant::CheckpointsSend, Grant::CheckpointsReceive])?.queue;
    let table_url = settings.table_url.clone().unwrap_or_else(|| data.table_url());
    let bucket_url = settings.bucket_url.clone().unwrap_or_else(|| data.bucket_url());
    let signer: Arc<dyn Signer> = Arc::new(KeySigner::new(key));
    let cx = Context {
        chain,
        table: url::table_as(&reach.url(&[Grant::TableRead, Grant::TableWrite], &table_url), reach.opening())?,
        bucket: url::bucket(&reach.url(&[Grant::BucketRead, Grant::BucketWrite], &bucket_url))?,
        events,
        dead_letters,
        checkpoint_requests,
        clock,
        signer,
        ring,
        cursor_key,
        ids,
        // Blocks are packed and checked by those who need the key, too.
        threads: if needs_key { threads() } else { 1 },
        writer: format!("dezky-{}", std::process::id()),
    };
    let ingest = Ingest {
        enabled: settings.ingest,
        ocis_log: settings.ocis_log.as_deref().map(|path| Arc::new(DiskLog::new(path)) as Arc<dyn LogFile>),
        ocis_extra: settings.ocis_extra.clone(),
    };
    if data.is_new() {
        data.complete()?;
    }
    let tokens = Verifier::new(vec![issuer.trusted()]);
    let open_to_others = data.is_open_to_others()?;
    Ok(Embedded { hub: Hub::new(cx, ingest, tokens), issuer, open_to_others, queue_url })
}
