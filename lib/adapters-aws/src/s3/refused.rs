//! What a store has against a write or a delete beyond what all requests meet: encryption that it cannot do, a lock
//! that its bucket does not take, a lock that is on.

use super::{Store, status};
use crate::failure::{Failure, Kind, while_busy};
use aws_sdk_s3::primitives::DateTimeFormat;
use aws_sdk_s3::types::ObjectLockLegalHoldStatus;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// More versions of an object that never changes than retries make.
const MOST_VERSIONS: usize = 1_000;

/// What a refusal of a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Encryption,
    Lock,
    Either,
}

impl About {
    /// Services use the same few codes for both, and say which in their own words or not at all.
    fn of(code: &str, words: &str, encrypts: bool, locks: bool) -> Option<Self> {
        let words = words.to_ascii_lowercase();
        let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
        let general = matches!(code, "InvalidRequest" | "InvalidArgument" | "NotImplemented");
        let of_lock = code.starts_with("ObjectLock") || general && has(&["lock", "retention", "retain", "worm"]);
        let of_encryption = code.starts_with("KMS")
            || code == "InvalidEncryptionAlgorithmError"
            || general && has(&["encrypt", "kms", "sse"]);
        match (locks, encrypts) {
            (true, _) if of_lock => Some(Self::Lock),
            (_, true) if of_encryption => Some(Self::Encryption),
            // Another thing is wrong than what was asked for.
            _ if !general || of_lock || of_encryption => None,
            (true, true) => Some(Self::Either),
            (true, false) => Some(Self::Lock),
            (false, true) => Some(Self::Encryption),
            (false, false) => None,
        }
    }
}

/// One version of an object.
struct Found {
    /// None where the bucket keeps no versions.
    version: Option<String>,
    /// The lock on it, for a person.
    lock: Option<String>,
}

impl Store {
    /// What a write that failed means: encryption and lock were asked for by settings, so the line names those.
    pub(super) fn write_failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let failure = self.failure(error);
        let (encryption, lock) = (self.settings.encryption.as_ref(), self.settings.lock.as_ref());
        let words = ProvideErrorMetadata::message(error).unwrap_or_default();
        let about = About::of(&failure.code, words, encryption.is_some(), lock.is_some());
        let Some(about) = about.filter(|_| failure.kind != Kind::Busy) else { return failure };
        let names = self.place.names;
        let no_encryption = || {
            let algorithm = encryption.map(|encryption| encryption.algorithm.as_str()).unwrap_or_default();
            format!(
                "{} is set to {algorithm}: leave it out, or give that service keys to encrypt with",
                names.encryption
            )
        };
        let no_lock = || {
            format!(
                "{} is set, and a bucket has to be made with object lock: name another one and make it with \
                 `dezky migrate`, or leave it out",
                names.lock
            )
        };
        let mend = match about {
            About::Encryption => no_encryption(),
            About::Lock => no_lock(),
            About::Either => format!("{}; {}", no_encryption(), no_lock()),
        };
        let said = if words.is_empty() { String::new() } else { format!(" ({})", crate::failure::one_line(words)) };
        let (thing, service) = (self.thing(), self.place.service());
        let text = self.named(&format!("{thing} refuses the write {service}: {}{said}; {mend}", failure.code));
        Failure { kind: Kind::Refused, text, ..failure }
    }

    /// Takes an object away with every version of it: where a bucket keeps versions, a delete that names none only
    /// hides the bytes, locked or not, and is answered as if it were done.
    pub(super) async fn take_away(&self, name: &str) -> Result<(), Failure> {
        for _ in 0..MOST_VERSIONS {
            let Some(found) = self.newest(name).await? else { return Ok(()) };
            let Some(version) = &found.version else { return self.delete(name).await };
            self.delete_version(name, version, &found).await?;
        }
        let text = self.line(&format!("the object `{name}` is still there after {MOST_VERSIONS} deletes of versions"));
        Err(Failure { kind: Kind::Unknown, code: String::new(), text })
    }

    async fn newest(&self, name: &str) -> Result<Option<Found>, Failure> {
        while_busy(async || match self.client.head_object().bucket(&self.bucket).key(name).send().await {
            Ok(answer) => {
                let until = answer.object_lock_retain_until_date;
                let until = until.and_then(|until| until.fmt(DateTimeFormat::DateTime).ok());
                let lock = match (answer.object_lock_mode, until) {
                    (Some(mode), Some(until)) => Some(format!("locked in {} mode until {until}", mode.as_str())),
                    _ => (answer.object_lock_legal_hold_status == Some(ObjectLockLegalHoldStatus::On))
                        .then(|| "under legal hold".to_owned()),
                };
                Ok(Some(Found { version: answer.version_id.filter(|version| !version.is_empty()), lock }))
            }
            Err(error) if status(&error) == Some(404) => self.bucket_is_there().await.map(|()| None),
            Err(error) => Err(self.failure(&error)),
        })
        .await
    }

    async fn delete_version(&self, name: &str, version: &str, found: &Found) -> Result<(), Failure> {
        let deleted = while_busy(async || {
            let request = self.client.delete_object().bucket(&self.bucket).key(name).version_id(version);
            request.send().await.map(drop).map_err(|error| self.failure(&error))
        });
        match deleted.await {
            Err(failure) if matches!(failure.code.as_str(), "NoSuchKey" | "NoSuchVersion") => Ok(()),
            Err(failure) if failure.kind == Kind::Refused => Err(match &found.lock {
                Some(lock) => {
                    let text = format!("the object `{name}` is {lock}, and the store keeps it ({});", failure.code);
                    Failure { text: self.named(&format!("{text} delete it after that")), ..failure }
                }
                // Who may not see a lock is not told of one.
                None => Failure { text: format!("{}; or a lock keeps the object", failure.text), ..failure },
            }),
            outcome => outcome,
        }
    }

    fn named(&self, text: &str) -> String {
        format!("{}: {text}", self.place.setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_about_what_was_asked_for() {
        use About::{Either, Encryption, Lock};
        for (code, words, encrypts, locks, wanted) in [
            (
                "NotImplemented",
                "Server side encryption specified but KMS is not configured",
                true,
                true,
                Some(Encryption),
            ),
            ("InvalidEncryptionAlgorithmError", "", true, false, Some(Encryption)),
            ("KMS.NotFoundException", "", true, true, Some(Encryption)),
            ("InvalidRequest", "Bucket is missing Object Lock Configuration", true, true, Some(Lock)),
            ("ObjectLockConfigurationNotFoundError", "", false, true, Some(Lock)),
            ("InvalidRequest", "", true, false, Some(Encryption)),
            ("InvalidRequest", "", false, true, Some(Lock)),
            ("InvalidArgument", "", true, true, Some(Either)),
            // What was not asked for is not to be mended.
            ("InvalidRequest", "", false, false, None),
            ("InvalidRequest", "Bucket is missing Object Lock Configuration", true, false, None),
            ("NoSuchBucket", "", true, true, None),
            ("AccessDenied", "", true, true, None),
        ] {
            assert_eq!(About::of(code, words, encrypts, locks), wanted, "{code} {words}");
        }
    }
}
