//! What signs, and which keys verify.

use crate::kept::Kept;
use crate::open::{OpenError, Reach};
use crate::settings::KeySource;
use adapters_local::KeySigner;
use domain::keys::{KeyRing, RingKey, SigningKey};
use handlers::Grant;
use ports::Signer;
use std::sync::Arc;

/// Whether somebody signs, or holds the log against signatures: they all read the copies.
pub(crate) fn needs_key(reach: Reach) -> bool {
    reach.has(&[Grant::Sign, Grant::BucketRead])
}

/// The signer, and the ring of all keys that verify. A key service is asked only by who signs, or by who
/// verifies and knows no key.
pub(crate) async fn signing(kept: &Kept, reach: Reach) -> Result<(Arc<dyn Signer>, KeyRing), OpenError> {
    let mut ring = kept.verify_keys.clone();
    let needs_key = kept.made_keys || needs_key(reach);
    let signer: Arc<dyn Signer> = match &kept.key {
        Some(KeySource::Secret(key)) => Arc::new(KeySigner::new(key.clone())),
        Some(KeySource::Kms(url)) if reach.has(&[Grant::Sign]) || (needs_key && ring.is_empty()) => {
            key_service(url, kept).await?
        }
        // Never asked: without the grant to sign no function reaches its signer.
        _ => return Ok((Arc::new(KeySigner::new(SigningKey::new(kept.algorithm, [0; 32]))), ring)),
    };
    if needs_key {
        ring.add(RingKey { key: signer.verify_key(), from_seq: 1, to_seq: u64::MAX });
    }
    Ok((signer, ring))
}

#[cfg(feature = "aws")]
async fn key_service(url: &str, kept: &Kept) -> Result<Arc<dyn Signer>, OpenError> {
    let signer = adapters_aws::KmsSigner::connect("AUDIT_SIGNING_KEY", url, kept.algorithm).await;
    Ok(Arc::new(signer.map_err(OpenError::url)?))
}

#[cfg(not(feature = "aws"))]
async fn key_service(_: &str, _: &Kept) -> Result<Arc<dyn Signer>, OpenError> {
    Err(OpenError::Store(
        "AUDIT_SIGNING_KEY: `kms:` was left out when this program was built; build it with `--features aws`".to_owned(),
    ))
}
