//! A signer whose key stays in AWS KMS, or in a service that speaks its API.
//!
//! Real KMS was never called: neither its Ed25519 nor its ECDSA keys. The tests play back keys and
//! signatures that OpenSSL made; an emulator (moto) has signed with ECDSA.

mod der;

use crate::client;
use crate::failure::{self, Failure, Kind, while_busy};
use crate::place::Place;
use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Builder;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use domain::keys::{Algorithm, VerifyKey};
use ports::{Signer, SignerError};

/// The setting that says how a key signs.
const ALGORITHM: &str = "AUDIT_SIGNING_ALG";

/// A key of a KMS. Clones share their connections.
#[derive(Debug, Clone)]
pub struct KmsSigner {
    kms: Kms,
    algorithm: Algorithm,
    spec: SigningAlgorithmSpec,
    key: VerifyKey,
}

#[derive(Debug, Clone)]
struct Kms {
    client: Client,
    place: Place,
}

impl KmsSigner {
    /// The key at `kms:KEY-ID-OR-ALIAS?region=&endpoint=`, which signs with `algorithm`. Fetches its public
    /// key: nothing is signed for somebody who could not say what with.
    ///
    /// # Errors
    /// A URL that cannot be used, a KMS that does not answer, or a key of another kind.
    pub async fn connect(setting: &'static str, url: &str, algorithm: Algorithm) -> Result<Self, SignerError> {
        let place = Place::parse(setting, "kms", url, &["region", "endpoint"]);
        let place = place.map_err(|error| SignerError::Refused(error.to_string()))?;
        let spec = match algorithm {
            Algorithm::Ed25519 => SigningAlgorithmSpec::Ed25519Sha512,
            Algorithm::EcdsaP256Sha256 => SigningAlgorithmSpec::EcdsaSha256,
            Algorithm::HmacSha256 => {
                let text = "a key in a KMS signs with ed25519 or ecdsa-p256-sha256; set one of them";
                return Err(SignerError::Refused(format!("{ALGORITHM}: {text}")));
            }
        };
        let client = Client::from_conf(Builder::from(&client::config(&place)).build());
        let kms = Kms { client, place };
        let info = kms.public_key().await.map_err(signer_error)?;
        let Some(key) = der::public_key(&info, algorithm) else {
            return Err(SignerError::Refused(kms.other_kind(&info, algorithm)));
        };
        Ok(Self { kms, algorithm, spec, key })
    }
}

impl Kms {
    fn thing(&self) -> String {
        format!("the key `{}`", self.place.name)
    }

    fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        failure::failure(&self.place, &self.thing(), "mend its name, or the region", error)
    }

    /// The line about a key that is none for this algorithm.
    fn other_kind(&self, info: &[u8], algorithm: Algorithm) -> String {
        let (thing, setting, wanted) = (self.thing(), self.place.setting, algorithm.as_str());
        let mut known = [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256].into_iter();
        match known.find(|known| der::public_key(info, *known).is_some()) {
            Some(fit) => {
                let fit = fit.as_str();
                format!(
                    "{ALGORITHM}: {thing} signs with {fit}, not with {wanted}; set {fit}, or another key in {setting}"
                )
            }
            None => {
                let problem = format!("{thing} signs with neither ed25519 nor ecdsa-p256-sha256; name another one");
                self.place.wrong(problem).to_string()
            }
        }
    }

    async fn public_key(&self) -> Result<Vec<u8>, Failure> {
        let request = self.client.get_public_key().key_id(&self.place.name);
        let answer = while_busy(async || request.clone().send().await.map_err(|e| self.failure(&e)));
        Ok(answer.await?.public_key.map(Blob::into_inner).unwrap_or_default())
    }
}

fn signer_error(failure: Failure) -> SignerError {
    match failure.kind {
        Kind::Busy | Kind::Unknown => SignerError::Unavailable(failure.text),
        Kind::Missing | Kind::Refused => SignerError::Refused(failure.text),
    }
}

#[async_trait]
impl Signer for KmsSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn verify_key(&self) -> VerifyKey {
        self.key.clone()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        // Not the digest: Ed25519 is over the message itself, and a checkpoint is far below the 4096 bytes of KMS.
        let request = self
            .kms
            .client
            .sign()
            .key_id(&self.kms.place.name)
            .message(Blob::new(message))
            .message_type(MessageType::Raw)
            .signing_algorithm(self.spec.clone());
        let answer = while_busy(async || request.clone().send().await.map_err(|e| self.kms.failure(&e)));
        let made = answer.await.map_err(signer_error)?.signature.map(Blob::into_inner).unwrap_or_default();
        let signature = match self.algorithm {
            Algorithm::EcdsaP256Sha256 => der::signature(&made),
            _ => Some(made),
        };
        // An alias may lead to another key by now, and a checkpoint that nobody can verify is worse than none.
        signature.filter(|signature| self.key.verifies(message, signature)).ok_or_else(|| {
            let problem = format!("{} signed what its public key does not verify; start again", self.kms.thing());
            SignerError::Refused(self.kms.place.wrong(problem).to_string())
        })
    }
}
