//! A signer whose key is in memory.

use async_trait::async_trait;
use domain::keys::{Algorithm, SigningKey, VerifyKey};
use ports::{Signer, SignerError};

/// Signs with a key that this process holds.
#[derive(Debug, Clone)]
pub struct KeySigner(SigningKey);

impl KeySigner {
    /// A signer for this key.
    pub fn new(key: SigningKey) -> Self {
        Self(key)
    }
}

#[async_trait]
impl Signer for KeySigner {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn verify_key(&self) -> VerifyKey {
        self.0.verify_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(message))
    }
}
