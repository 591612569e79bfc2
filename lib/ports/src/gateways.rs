//! What is no storage: time, chance, and signatures.

use async_trait::async_trait;
use domain::keys::{Algorithm, VerifyKey};
use domain::names::EventId;
use domain::time::Timestamp;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Now. May jump, in either direction.
    fn now(&self) -> Timestamp;
}

/// Fresh names.
pub trait Ids: Send + Sync {
    /// A UUIDv7 of this moment. Never twice the same.
    fn event_id(&self, now: Timestamp) -> EventId;

    /// Sixteen random bytes that nobody can guess.
    fn nonce(&self) -> [u8; 16];
}

/// A signature could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The service that keeps the key did not answer.
    #[error("the signer did not answer. {0}")]
    Unavailable(String),
    /// The key may not be used, or is gone.
    #[error("the signer refuses. {0}")]
    Refused(String),
}

/// A key that signs without being shown.
#[async_trait]
pub trait Signer: Send + Sync {
    /// How it signs.
    fn algorithm(&self) -> Algorithm;

    /// What others check its signatures with.
    fn verify_key(&self) -> VerifyKey;

    /// The signature over `message`, which [`Signer::verify_key`] verifies.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}
