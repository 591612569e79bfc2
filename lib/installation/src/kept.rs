//! What an installation must know beside its stores. Settings give it; on one machine the data
//! directory makes and keeps what they leave out, elsewhere its absence is an error.

use crate::open::{Makes, OpenError, Reach};
use crate::settings::{IssuerKey, KeySource, Settings};
use crate::stores::check_apart;
use domain::keys::{KeyRing, RingKey, SigningKey};
use domain::names::ChainName;
use handlers::{Grant, Issuer, TrustedIssuer};
use ports::{Ids, Signer};
use std::sync::Arc;

#[cfg(feature = "local")]
use {adapters_local::DataDirectory, domain::hash::Hash};

/// What is kept.
pub(crate) struct Kept {
    pub(crate) chain: ChainName,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) ring: KeyRing,
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

/// Whether somebody signs, or holds the log against signatures: they all read the copies.
pub(crate) fn needs_key(reach: Reach) -> bool {
    reach.has(&[Grant::Sign, Grant::BucketRead])
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
pub(crate) async fn read(settings: &Settings, makes: Makes, reach: Reach, ids: &dyn Ids) -> Result<Kept, OpenError> {
    // Whoever makes a log and everything with it has a directory, if only for what it leaves there.
    let makes_all = makes == Makes::Log && matches!(reach, Reach::All);
    if !makes_all && missing(settings, reach).is_empty() {
        return from_settings(settings, reach).await;
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
    let (signer, ring) = signer(settings, key, needs_key).await?;
    let kept = Kept {
        issuer: Some(trusted(&chain, &issuer_key)?),
        chain,
        signer,
        ring,
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
pub(crate) async fn read(settings: &Settings, _: Makes, reach: Reach, _: &dyn Ids) -> Result<Kept, OpenError> {
    from_settings(settings, reach).await
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

async fn from_settings(settings: &Settings, reach: Reach) -> Result<Kept, OpenError> {
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
    let (signer, ring) = signer(settings, settings.signing_key.clone(), needs_key(reach)).await?;
    let issuer = settings.issuer_key.as_ref().map(|key| trusted(&chain, key)).transpose()?;
    Ok(Kept {
        issuer,
        chain,
        signer,
        ring,
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

/// What signs, and the ring of all keys that verify.
async fn signer(
    settings: &Settings,
    key: Option<KeySource>,
    needs_key: bool,
) -> Result<(Arc<dyn Signer>, KeyRing), OpenError> {
    let mut ring = settings.verify_keys.clone();
    let signer: Arc<dyn Signer> = match key {
        Some(KeySource::Secret(key)) => Arc::new(adapters_local::KeySigner::new(key)),
        #[cfg(feature = "aws")]
        Some(KeySource::Kms(url)) => {
            let signer = adapters_aws::KmsSigner::connect("AUDIT_SIGNING_KEY", &url, settings.algorithm).await;
            Arc::new(signer.map_err(OpenError::url)?)
        }
        #[cfg(not(feature = "aws"))]
        Some(KeySource::Kms(_)) => {
            let text =
                "AUDIT_SIGNING_KEY: `kms:` was left out when this program was built; build it with `--features aws`";
            return Err(OpenError::Store(text.to_owned()));
        }
        // Never asked: without the grant to sign no function reaches its signer.
        None => {
            return Ok((Arc::new(adapters_local::KeySigner::new(SigningKey::new(settings.algorithm, [0; 32]))), ring));
        }
    };
    if needs_key {
        ring.add(RingKey { key: signer.verify_key(), from_seq: 1, to_seq: u64::MAX });
    }
    Ok((signer, ring))
}
