//! Settings of one machine, read in one place: a flag beats the environment, which beats the default.
//! All problems are reported at once.

mod cold;

pub(crate) use cold::OF_THE_LOG;
pub use cold::{ColdLock, ColdPlace, ColdStore, Keys};

use domain::keys::{Algorithm, KeyRing, SigningKey, VerifyKey};
use domain::names::ChainName;
use handlers::Archiving;
use sources::ocis::ExtraActions;
use std::path::{Path, PathBuf};

/// What the program was told; `None` is left to the data directory.
#[derive(Debug)]
pub struct Settings {
    /// `DEZKY_DATA`: the data directory.
    pub data: PathBuf,
    /// `AUDIT_CHAIN`: the log's name.
    pub chain: Option<ChainName>,
    /// `AUDIT_SIGNING_ALG`
    pub algorithm: Algorithm,
    /// `AUDIT_SIGNING_KEY`
    pub signing_key: Option<KeySource>,
    /// `AUDIT_VERIFY_KEYS`: older keys.
    pub verify_keys: KeyRing,
    /// `CURSOR_KEY`: 64 hex digits.
    pub cursor_key: Option<[u8; 32]>,
    /// `ISSUER_KEY`
    pub issuer_key: Option<IssuerKey>,
    /// `TABLE_URL`
    pub table_url: Option<String>,
    /// `BUCKET_URL`
    pub bucket_url: Option<String>,
    /// `QUEUE_URL`
    pub queue_url: Option<String>,
    /// `AUDIT_INGEST_ENABLED`: whether pollers poll.
    pub ingest: bool,
    /// `OCIS_AUDIT_LOG_PATH`
    pub ocis_log: Option<PathBuf>,
    /// `OCIS_EXTRA_ACTIONS`
    pub ocis_extra: ExtraActions,
    /// `AUDIT_COLD_…`: where archives are.
    pub cold: ColdStore,
    /// `ARCHIVE_…`, `AUDIT_HOT_RETENTION_DAYS`, `AUDIT_COLD_VERIFY_DAYS`, `AUDIT_COLD_RETENTION_DAYS`
    pub archiving: Archiving,
}

/// Where the key is that signs.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// In the setting itself.
    Secret(SigningKey),
    /// With a key service: `kms:KEY?region=…`.
    Kms(String),
}

/// The key of this installation's own issuer of tokens.
#[derive(Debug, Clone)]
pub enum IssuerKey {
    /// 64 hex digits: it makes tokens.
    Secret(String),
    /// `ed25519:HEX`, its public half: it only checks them.
    Public(VerifyKey),
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads flags and environment.
    ///
    /// # Errors
    /// All problems.
    pub fn read(data: Option<&Path>, environment: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut problems = Vec::new();
        let text = |name: &str| environment(name).filter(|value| !value.is_empty());
        let data = data
            .map(Path::to_owned)
            .or_else(|| text("DEZKY_DATA").map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from("./.dezky"));
        let mut parse = Parse { text: &text, problems: &mut problems };
        let chain = parse.with("AUDIT_CHAIN", |name| ChainName::new(name).map_err(|e| e.detail));
        let algorithm = parse
            .with("AUDIT_SIGNING_ALG", |word| {
                Algorithm::new(word)
                    .ok_or("use hmac-sha256, ed25519 or, with a key in KMS, ecdsa-p256-sha256".to_owned())
            })
            .unwrap_or(Algorithm::HmacSha256);
        let signing_key = parse.with("AUDIT_SIGNING_KEY", |key| match key.strip_prefix("kms:") {
            Some(_) => Ok(KeySource::Kms(key.to_owned())),
            None => SigningKey::from_hex(algorithm, key).map(KeySource::Secret).map_err(|e| e.to_string()),
        });
        let verify_keys = parse.with("AUDIT_VERIFY_KEYS", |list| {
            let mut ring = KeyRing::default();
            ring.add_list(list).map(|()| ring).map_err(|e| e.to_string())
        });
        let key_bytes = |key: &str| {
            let bytes = domain::hash::unhex(key).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            bytes.ok_or_else(|| "64 hex digits belong here".to_owned())
        };
        let cursor_key = parse.with("CURSOR_KEY", key_bytes);
        let issuer_key = parse.with("ISSUER_KEY", |key| match key.strip_prefix("ed25519:") {
            Some(public) => {
                let key = domain::hash::unhex(public).and_then(|bytes| VerifyKey::ed25519(&bytes));
                key.map(IssuerKey::Public)
                    .ok_or_else(|| "64 hex digits of an Ed25519 public key belong here".to_owned())
            }
            None => key_bytes(key).map(|_| IssuerKey::Secret(key.to_owned())),
        });
        let ingest = parse.truth("AUDIT_INGEST_ENABLED");
        let ocis_extra = parse.with("OCIS_EXTRA_ACTIONS", ExtraActions::parse);
        let (cold, archiving) = (parse.cold_store(), parse.archiving());
        if !problems.is_empty() {
            return Err(SettingsError(problems));
        }
        Ok(Self {
            data,
            chain,
            algorithm,
            signing_key,
            verify_keys: verify_keys.unwrap_or_default(),
            cursor_key,
            issuer_key,
            table_url: text("TABLE_URL"),
            bucket_url: text("BUCKET_URL"),
            queue_url: text("QUEUE_URL"),
            ingest: ingest.unwrap_or(true),
            ocis_log: text("OCIS_AUDIT_LOG_PATH").map(PathBuf::from),
            ocis_extra: ocis_extra.unwrap_or_default(),
            cold,
            archiving,
        })
    }
}

struct Parse<'a, F> {
    text: &'a F,
    problems: &'a mut Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Parse<'_, F> {
    fn with<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match read(&(self.text)(name)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problems.push(format!("{name}: {problem}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_reported_at_once() {
        let wrong = [
            ("AUDIT_CHAIN", "no spaces"),
            ("AUDIT_SIGNING_ALG", "rot13"),
            ("AUDIT_SIGNING_KEY", "abc"),
            ("AUDIT_VERIFY_KEYS", "x"),
            ("CURSOR_KEY", "12"),
            ("ISSUER_KEY", "xy"),
            ("AUDIT_INGEST_ENABLED", "maybe"),
            ("OCIS_EXTRA_ACTIONS", "fly_away"),
        ];
        let environment = |name: &str| wrong.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let error = Settings::read(None, environment).expect_err("all are wrong");
        assert_eq!(error.0.len(), wrong.len(), "{error}");
        for ((name, _), problem) in wrong.iter().zip(&error.0) {
            assert!(problem.starts_with(&format!("{name}: ")), "{problem}");
        }
    }

    #[test]
    fn what_is_empty_is_not_set_and_a_flag_beats_the_environment() {
        let environment = |name: &str| (name == "DEZKY_DATA").then(|| "/elsewhere".to_owned()).or(Some(String::new()));
        let settings = Settings::read(None, environment).expect("nothing is wrong");
        assert_eq!((settings.data, settings.ingest), (PathBuf::from("/elsewhere"), true));
        let settings = Settings::read(Some(Path::new("here")), environment).expect("nothing is wrong");
        assert_eq!(settings.data, PathBuf::from("here"));
    }
}
