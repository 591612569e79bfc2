//! Settings become a hub on the embedded adapters.

use crate::settings::Settings;
use adapters_local::url::{self, QueuePair, UrlError};
use adapters_local::{DataDirectory, DataError, DiskLog, KeySigner, QueueSettings, RandomIds, SystemClock};
use domain::hash::Hash;
use domain::keys::{KeyError, RingKey, SigningKey};
use handlers::{Hub, Ingest, Issuer, TokenError, Verifier};
use ports::{Clock, Ids, LogFile, Signer};
use services::Context;
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

/// As many as there are cores.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Opens everything that the settings name. Only a command that `makes` a log makes its directory.
///
/// # Errors
/// See [`OpenError`].
pub fn open(settings: &Settings, makes: Makes) -> Result<Embedded, OpenError> {
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
    let key = match &settings.signing_key {
        Some(key) => key.clone(),
        None => SigningKey::from_hex(settings.algorithm, &data.key("signing.hex", "AUDIT_SIGNING_KEY", ids.as_ref())?)?,
    };
    // All files before the table: whoever finds a table may rely on them.
    let cursor_key = match settings.cursor_key {
        Some(key) => key,
        None => Hash::of(data.replaceable_key("cursor.hex", ids.as_ref())?.as_bytes()).0,
    };
    let issuer = Issuer::new(&format!("dezky:{chain}"), &data.replaceable_key("issuer.hex", ids.as_ref())?)?;
    let mut ring = settings.verify_keys.clone();
    ring.add(RingKey { key: key.verify_key(), from_seq: 1, to_seq: u64::MAX });
    let queue_url = settings.queue_url.clone().unwrap_or_else(|| data.queue_url());
    let queue = |name| url::queue(&queue_url, name, Arc::clone(&clock), QueueSettings::default());
    let QueuePair { queue: events, dead_letters } = queue("events")?;
    let signer: Arc<dyn Signer> = Arc::new(KeySigner::new(key));
    let cx = Context {
        chain,
        table: url::table(settings.table_url.as_deref().unwrap_or(&data.table_url()))?,
        bucket: url::bucket(settings.bucket_url.as_deref().unwrap_or(&data.bucket_url()))?,
        events,
        dead_letters,
        checkpoint_requests: queue("checkpoints")?.queue,
        clock,
        signer,
        ring,
        cursor_key,
        ids,
        threads: threads(),
        writer: format!("dezky-{}", std::process::id()),
    };
    let ingest = Ingest {
        enabled: settings.ingest,
        ocis_log: settings.ocis_log.as_deref().map(|path| Arc::new(DiskLog::new(path)) as Arc<dyn LogFile>),
        ocis_extra: settings.ocis_extra.clone(),
    };
    data.complete()?;
    let tokens = Verifier::new(vec![issuer.trusted()]);
    let open_to_others = data.is_open_to_others()?;
    Ok(Embedded { hub: Hub::new(cx, ingest, tokens), issuer, open_to_others, queue_url })
}
