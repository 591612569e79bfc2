//! Settings become a hub on the embedded adapters.

use crate::failure::Failure;
use crate::settings::Settings;
use adapters_local::url::{self, QueuePair};
use adapters_local::{DataDirectory, KeySigner, QueueSettings, RandomIds, SystemClock};
use domain::hash::Hash;
use domain::keys::{RingKey, SigningKey};
use ports::{Clock, Ids, Signer};
use services::Context;
use std::sync::Arc;

/// Opens everything that the settings name. Only a command that `makes` a log makes its directory.
pub(crate) fn open(settings: &Settings, makes: Makes) -> Result<Context, Failure> {
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
    let cursor_key = Hash::of(data.key("cursor.hex", "CURSOR_KEY", ids.as_ref())?.as_bytes()).0;
    let mut ring = settings.verify_keys.clone();
    ring.add(RingKey { key: key.verify_key(), from_seq: 1, to_seq: u64::MAX });
    let queue_url = settings.queue_url.clone().unwrap_or_else(|| data.queue_url());
    let queue = |name| url::queue(&queue_url, name, Arc::clone(&clock), QueueSettings::default());
    let QueuePair { queue: events, dead_letters } = queue("events")?;
    let signer: Arc<dyn Signer> = Arc::new(KeySigner::new(key));
    Ok(Context {
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
    })
}

/// What a command may make that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Makes {
    /// A data directory with its keys.
    Log,
    /// It only looks.
    Nothing,
}

/// As many as there are cores.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
