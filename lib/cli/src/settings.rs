//! Settings, read in one place: a flag beats the environment, which beats the default. All problems
//! are reported at once.
#![expect(clippy::disallowed_methods, reason = "the one place of this program that reads the environment")]

use crate::failure::Failure;
use domain::keys::{Algorithm, KeyRing, SigningKey};
use domain::names::ChainName;
use std::path::{Path, PathBuf};

/// What the program was told; `None` is left to the data directory.
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) chain: Option<ChainName>,
    pub(crate) algorithm: Algorithm,
    pub(crate) signing_key: Option<SigningKey>,
    pub(crate) verify_keys: KeyRing,
    pub(crate) table_url: Option<String>,
    pub(crate) bucket_url: Option<String>,
    pub(crate) queue_url: Option<String>,
}

impl Settings {
    /// Reads flags and environment.
    pub(crate) fn read(data: Option<&Path>) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut note = |name: &str, problem: String| problems.push(format!("{name}: {problem}"));
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let data = data
            .map(Path::to_owned)
            .or_else(|| text("DEZKY_DATA").map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from("./.dezky"));
        let chain =
            text("AUDIT_CHAIN").and_then(|name| ChainName::new(&name).map_err(|e| note("AUDIT_CHAIN", e.detail)).ok());
        let algorithm = match text("AUDIT_SIGNING_ALG") {
            None => Algorithm::HmacSha256,
            Some(word) => Algorithm::new(&word).unwrap_or_else(|| {
                note("AUDIT_SIGNING_ALG", "use hmac-sha256 or ed25519".to_owned());
                Algorithm::HmacSha256
            }),
        };
        let signing_key = text("AUDIT_SIGNING_KEY").and_then(|key| {
            SigningKey::from_hex(algorithm, &key).map_err(|e| note("AUDIT_SIGNING_KEY", e.to_string())).ok()
        });
        let mut verify_keys = KeyRing::default();
        if let Some(list) = text("AUDIT_VERIFY_KEYS") {
            verify_keys.add_list(&list).unwrap_or_else(|e| note("AUDIT_VERIFY_KEYS", e.to_string()));
        }
        if !problems.is_empty() {
            return Err(Failure::usage(problems.join("\ndezky: ")));
        }
        Ok(Self {
            data,
            chain,
            algorithm,
            signing_key,
            verify_keys,
            table_url: text("TABLE_URL"),
            bucket_url: text("BUCKET_URL"),
            queue_url: text("QUEUE_URL"),
        })
    }
}
