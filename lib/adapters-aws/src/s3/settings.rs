//! What a URL says of a bucket beyond where it is.

use crate::place::{Place, SettingNames, UrlError};
use aws_sdk_s3::types::{ObjectLockMode, ServerSideEncryption};
use ports::check_key;
use std::fmt;

/// Parameters that every bucket takes.
pub(super) const PARAMETERS: [&str; 6] = ["region", "endpoint", "style", "checksum", "sse", "kms-key"];
/// Those of a bucket whose objects never change.
pub(super) const LOCK_PARAMETERS: [&str; 2] = ["lock", "lock-days"];
/// A century.
const MAX_LOCK_DAYS: i64 = 36_525;
/// The most bytes of a prefix; the rest of a name is the key's.
const MAX_PREFIX_BYTES: usize = 256;

/// A pair of keys that is good until somebody takes it back.
#[derive(Clone, PartialEq, Eq)]
pub struct StaticKeys {
    /// Names the pair.
    pub access_key: String,
    /// Signs with it.
    pub secret_key: String,
}

impl fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticKeys").finish_non_exhaustive()
    }
}

/// Who asks a bucket, and what the settings are called that say so.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// A pair of its own; `None` is the default chain of AWS tools.
    pub keys: Option<StaticKeys>,
    /// What lines for people name.
    pub names: SettingNames,
}

/// How requests are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// `HOST/BUCKET/KEY`, and not `BUCKET.HOST/KEY`.
    pub(super) path_style: bool,
    /// A CRC32 with every write, checked with every read.
    pub(super) checksum_where_supported: bool,
    pub(super) encryption: Option<Encryption>,
    pub(super) lock: Option<Lock>,
}

/// Encryption by the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encryption {
    pub(super) algorithm: ServerSideEncryption,
    pub(super) kms_key: Option<String>,
}

/// For how long nobody can delete what was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) mode: ObjectLockMode,
    pub(super) days: i64,
}

impl Settings {
    pub(super) fn of(place: &Place) -> Result<Self, UrlError> {
        let aws = place.endpoint.is_none();
        let path_style = match place.one_of("style", &["path", "vhost"])? {
            Some(style) => style == "path",
            None => !aws,
        };
        // Older stores do not know the headers.
        let checksum_where_supported = match place.one_of("checksum", &["when_required", "when_supported"])? {
            Some(mode) => mode == "when_supported",
            None => aws,
        };
        let kms_key = place.parameter("kms-key").map(str::to_owned);
        let encryption = match place.one_of("sse", &["none", "AES256", "aws:kms"])? {
            None | Some("none") => None,
            Some(word) => Some(Encryption { algorithm: word.into(), kms_key: kms_key.clone() }),
        };
        let takes_key = encryption.as_ref().is_some_and(|e| e.algorithm == ServerSideEncryption::AwsKms);
        if kms_key.is_some() && !takes_key {
            return Err(place.wrong("`kms-key` goes with `sse=aws:kms` only"));
        }
        let mode = match place.one_of("lock", &["none", "governance", "compliance"])? {
            Some("governance") => Some(ObjectLockMode::Governance),
            Some("compliance") => Some(ObjectLockMode::Compliance),
            _ => None,
        };
        let lock = match (mode, place.number("lock-days", 1..=MAX_LOCK_DAYS)?) {
            (Some(mode), Some(days)) => Some(Lock { mode, days }),
            (None, None) => None,
            (Some(_), None) => return Err(place.wrong("`lock` takes `lock-days` too: for how long objects are kept")),
            (None, Some(_)) => return Err(place.wrong("`lock-days` goes with `lock=governance` or `lock=compliance`")),
        };
        Ok(Self { path_style, checksum_where_supported, encryption, lock })
    }
}

/// `BUCKET/PREFIX`: the prefix is empty, or ends with a slash.
pub(super) fn bucket_and_prefix(place: &Place) -> Result<(String, String), UrlError> {
    let (bucket, prefix) = place.name.split_once('/').unwrap_or((&place.name, ""));
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(letter) {
        let problem = "the name of a bucket has 3 to 63 small letters, digits, dots and hyphens";
        return Err(place.wrong(format!("{problem}; this is `{}`", bucket.escape_debug())));
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.is_empty() {
        return Ok((bucket.to_owned(), String::new()));
    }
    if prefix.len() > MAX_PREFIX_BYTES || check_key(prefix).is_err() {
        let problem = "what follows the bucket is letters, digits, `.`, `_` and `-`, joined by single slashes";
        return Err(
            place.wrong(format!("{problem}, {MAX_PREFIX_BYTES} bytes at most; this is `{}`", prefix.escape_debug()))
        );
    }
    Ok((bucket.to_owned(), format!("{prefix}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        let known: Vec<&str> = PARAMETERS.into_iter().chain(LOCK_PARAMETERS).collect();
        Place::parse("BUCKET_URL", "s3", url, &known).unwrap()
    }

    #[test]
    fn what_is_not_said_depends_on_who_serves() {
        let at = |url: &str| Settings::of(&place(url)).unwrap();
        let plain =
            |aws: bool| Settings { path_style: !aws, checksum_where_supported: aws, encryption: None, lock: None };
        assert_eq!(at("s3://b?region=eu-central-1"), plain(true));
        assert_eq!(at("s3://b?endpoint=https://s3.x"), plain(false));
        assert_eq!(
            at("s3://b?endpoint=https://s3.x&style=vhost&checksum=when_supported&sse=none&lock=none"),
            plain(true)
        );
        assert_eq!(at("s3://b?region=x&style=path&checksum=when_required"), plain(false));
    }

    #[test]
    fn encryption_and_lock_are_read() {
        let settings =
            Settings::of(&place("s3://b?region=x&sse=aws:kms&kms-key=k&lock=compliance&lock-days=30")).unwrap();
        let encryption = Encryption { algorithm: ServerSideEncryption::AwsKms, kms_key: Some("k".into()) };
        assert_eq!(settings.encryption, Some(encryption));
        assert_eq!(settings.lock, Some(Lock { mode: ObjectLockMode::Compliance, days: 30 }));
        for (url, said) in [
            ("s3://b?region=x&sse=aes", "`sse=aes` is not known; use none, AES256, aws:kms"),
            ("s3://b?region=x&sse=AES256&kms-key=k", "`kms-key` goes with `sse=aws:kms` only"),
            ("s3://b?region=x&lock=governance", "`lock` takes `lock-days` too"),
            ("s3://b?region=x&lock-days=3", "`lock-days` goes with `lock="),
            ("s3://b?region=x&lock=governance&lock-days=0", "`lock-days=0` is not a number from 1 to"),
        ] {
            let error = Settings::of(&place(url)).unwrap_err().to_string();
            assert!(error.starts_with("BUCKET_URL: ") && error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_bucket_and_a_prefix_are_named() {
        for (url, bucket, prefix) in [
            ("s3://abc?region=x", "abc", ""),
            ("s3://abc/?region=x", "abc", ""),
            ("s3://a.b-c/x?region=x", "a.b-c", "x/"),
            ("s3://abc/x/y_1/?region=x", "abc", "x/y_1/"),
        ] {
            assert_eq!(bucket_and_prefix(&place(url)).unwrap(), (bucket.into(), prefix.into()), "{url}");
        }
        for url in [
            "s3://ab?region=x",
            "s3://Abc?region=x",
            "s3:///x?region=x",
            "s3://abc/x//y?region=x",
            "s3://abc/..?region=x",
        ] {
            let error = bucket_and_prefix(&place(url)).unwrap_err().to_string();
            assert!(error.starts_with("BUCKET_URL: "), "{error}");
        }
    }
}
