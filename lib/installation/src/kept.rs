//! What an installation must know beside its stores. Settings give it; on one machine the data
//! directory makes and keeps what they leave out, elsewhere its absence is an error.

use crate::open::{Makes, OpenError, Reach};
use crate::settings::{IssuerKey, KeySource, Settings};
use crate::signing::needs_key;
use crate::stores::check_apart;
use domain::keys::{Algorithm, KeyRing};
use domain::names::ChainName;
use handlers::{Grant, Issuer, TrustedIssuer};
use ports::Ids;

#[cfg(feature = "local")]
use {adapters_local::DataDirectory, domain::hash::Hash, domain::keys::SigningKey};

/// What is kept.
pub(crate) struct Kept {
    pub(crate) chain: ChainName,
    /// What signs; `None` where nobody who reads this does.
    pub(crate) key: Option<KeySource>,
    pub(crate) algorithm: Algorithm,
    /// Keys that are taken when verifying, beside the one that signs.
    pub(crate) verify_keys: KeyRing,
    /// Whether the directory was new, so that all keys were made.
    pub(crate) made_keys: bool,
    pub(crate) cursor_key: [u8; 32],
    /// Whose tokens are taken.
    pub(crate) issuer: Option<TrustedIssuer>,
    pub(crate) table_url: String,
    pub(crate) bucket_url: String,
    pub(crate) queue_url: String,
    /// Whether others on this machine may look into the data directory.
    pub(crate) open_to_others: bool,
    #[cfg(feature = "local")]
    data: Option<DataDirectory>,
}

impl Kept {
    /// Remembers that everything was made.
    pub(crate) fn complete(&self) -> Result<(), OpenError> {
        #[cfg(feature = "local")]
        if let Some(data) = self.data.as_ref().filter(|data| data.is_new()) {
            data.complete()?;
        }
        Ok(())
    }
}

/// Reads all of it.
#[cfg(feature = "local")]
pub(crate) fn read(settings: &Settings, makes: Makes, reach: Reach, ids: &dyn Ids) -> Result<Kept, OpenError> {
    // Whoever makes a log and everything with it has a directory, if only for what it leaves there.
    let makes_all = makes == Makes::Log && matches!(reach, Reach::All);
    if !makes_all && missing(settings, reach).is_empty() {
        return from_settings(settings, reach);
    }
    let data = match makes {
        Makes::Log => DataDirectory::open(&settings.data)?,
        Makes::Nothing => DataDirectory::open_existing(&settings.data)?,
    };
    let chain = match &settings.chain {
        Some(chain) => chain.clone(),
        None => data.chain(ids)?,
    };
    // Whoever comes first makes all keys.
    let needs_key = data.is_new() || needs_key(reach);
    let key = match &settings.signing_key {
        Some(key) => Some(key.clone()),
        None if !needs_key => None,
        None => {
            let text = data.key("signing.hex", "AUDIT_SIGNING_KEY", ids)?;
            Some(KeySource::Secret(SigningKey::from_hex(settings.algorithm, &text).map_err(OpenError::Key)?))
        }
    };
    // All files before the table: whoever finds a table may rely on them.
    let cursor_key = match settings.cursor_key {
        Some(key) => key,
        None => Hash::of(data.replaceable_key("cursor.hex", ids)?.as_bytes()).0,
    };
    let issuer_key = match &settings.issuer_key {
        Some(key) => key.clone(),
        None => IssuerKey::Secret(data.replaceable_key("issuer.hex", ids)?),
    };
    let kept = Kept {
        issuer: Some(trusted(&chain, &issuer_key)?),
        chain,
        key,
        algorithm: settings.algorithm,
        verify_keys: settings.verify_keys.clone(),
        made_keys: data.is_new(),
        cursor_key,
        table_url: settings.table_url.clone().unwrap_or_else(|| data.table_url()),
        bucket_url: settings.bucket_url.clone().unwrap_or_else(|| data.bucket_url()),
        queue_url: settings.queue_url.clone().unwrap_or_else(|| data.queue_url()),
        open_to_others: data.is_open_to_others()?,
        data: Some(data),
    };
    check_apart(&kept.table_url, &kept.bucket_url)?;
    Ok(kept)
}

/// Reads all of it.
#[cfg(not(feature = "local"))]
pub(crate) fn read(settings: &Settings, _: Makes, reach: Reach, _: &dyn Ids) -> Result<Kept, OpenError> {
    from_settings(settings, reach)
}

/// What settings must give where no directory keeps it, and this reach needs.
fn missing(settings: &Settings, reach: Reach) -> Vec<&'static str> {
    let signs = reach.has(&[Grant::Sign]);
    // A public key in the ring verifies; HMACs take the key itself.
    let verifies = needs_key(reach) && settings.verify_keys.is_empty();
    [
        ("AUDIT_CHAIN", settings.chain.is_none()),
        ("TABLE_URL", settings.table_url.is_none()),
        ("BUCKET_URL", settings.bucket_url.is_none()),
        ("QUEUE_URL", settings.queue_url.is_none()),
        ("AUDIT_SIGNING_KEY", settings.signing_key.is_none() && (signs || verifies)),
        ("CURSOR_KEY", settings.cursor_key.is_none() && reach.answers()),
        ("ISSUER_KEY", settings.issuer_key.is_none() && reach.answers()),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect()
}

fn from_settings(settings: &Settings, reach: Reach) -> Result<Kept, OpenError> {
    let missing = missing(settings, reach);
    let (Some(chain), Some(table_url), Some(bucket_url), Some(queue_url), true) = (
        settings.chain.clone(),
        settings.table_url.clone(),
        settings.bucket_url.clone(),
        settings.queue_url.clone(),
        missing.is_empty(),
    ) else {
        return Err(OpenError::Missing(missing));
    };
    check_apart(&table_url, &bucket_url)?;
    let issuer = settings.issuer_key.as_ref().map(|key| trusted(&chain, key)).transpose()?;
    Ok(Kept {
        issuer,
        chain,
        key: settings.signing_key.clone(),
        algorithm: settings.algorithm,
        verify_keys: settings.verify_keys.clone(),
        made_keys: false,
        cursor_key: settings.cursor_key.unwrap_or_default(),
        table_url,
        bucket_url,
        queue_url,
        open_to_others: false,
        #[cfg(feature = "local")]
        data: None,
    })
}

/// What makes tokens of this installation: its chain and its key, and no store.
///
/// # Errors
/// No data directory where one is needed, or a key that only checks.
pub fn issuer(settings: &Settings) -> Result<Issuer, OpenError> {
    let (chain, key) = match (&settings.chain, &settings.issuer_key) {
        (Some(chain), Some(key)) => (chain.clone(), key.clone()),
        #[cfg(feature = "local")]
        (chain, key) => {
            let (data, ids) = (DataDirectory::open_existing(&settings.data)?, adapters_local::RandomIds);
            let kept = || data.replaceable_key("issuer.hex", &ids).map(IssuerKey::Secret);
            let chain = chain.clone().map_or_else(|| data.chain(&ids), Ok)?;
            (chain, key.clone().map_or_else(kept, Ok)?)
        }
        #[cfg(not(feature = "local"))]
        _ => return Err(OpenError::Missing(vec!["AUDIT_CHAIN", "ISSUER_KEY"])),
    };
    match key {
        IssuerKey::Secret(secret) => Ok(Issuer::new(&issuer_name(&chain), &secret)?),
        IssuerKey::Public(_) => Err(OpenError::Store(
            "ISSUER_KEY: this is the public half, which only checks tokens; make them where the secret is".to_owned(),
        )),
    }
}

fn trusted(chain: &ChainName, key: &IssuerKey) -> Result<TrustedIssuer, OpenError> {
    let name = issuer_name(chain);
    Ok(match key {
        IssuerKey::Secret(secret) => Issuer::new(&name, secret)?.trusted(),
        IssuerKey::Public(key) => TrustedIssuer::new(&name, key.clone()),
    })
}

fn issuer_name(chain: &ChainName) -> String {
    format!("dezky:{chain}")
}
