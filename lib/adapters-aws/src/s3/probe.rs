//! What a bucket says about itself: tried out, where trying is the only way to know.

use super::conditions::{When, Written};
use super::{S3Bucket, S3Table, Store};
use crate::failure::Failure;
use async_trait::async_trait;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::ChecksumAlgorithm;
use domain::hash::hex;
use domain::time::Timestamp;
use futures_util::future::join_all;
use ports::{Finding, Probe, Verdict};

/// Writers in the race.
const RACERS: usize = 16;

/// What the bucket is for: a table cannot do without conditional writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Objects,
    Rows,
}

impl Use {
    /// A finding about conditional writes that do not work.
    fn conditions_fail(self, check: &'static str, seen: String) -> Finding {
        match self {
            Use::Objects => Finding::lacks(
                check,
                seen,
                "it can hold objects, but no table: keep TABLE_URL on postgres: or dynamodb:",
            ),
            Use::Rows => Finding::unfit(
                check,
                seen,
                "it can hold objects, but no table: set TABLE_URL to postgres: or dynamodb:, or to another S3 service",
            ),
        }
    }
}

/// One probe: names that nobody else uses, all of them known, so that they can be taken away.
struct Trial<'s> {
    store: &'s Store,
    folder: String,
    used_for: Use,
}

const NAMES: [&str; 6] = ["create", "race", "replace", "plain", "trailer", "encrypted"];

impl Trial<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    async fn take_away(&self) {
        for name in NAMES {
            let delete = self.store.client.delete_object().bucket(&self.store.bucket).key(self.name(name));
            // What stays is a few bytes under `_probe/`; whether it may delete is not what was asked.
            let _ = delete.send().await;
        }
    }

    async fn created_once(&self) -> Finding {
        const CHECK: &str = "conditional create";
        let name = self.name("create");
        let outcomes = [
            self.store.write_if(&name, b"first".to_vec(), When::Absent).await,
            self.store.write_if(&name, b"second".to_vec(), When::Absent).await,
        ];
        match outcomes {
            [Ok(Written::Done(_)), Ok(Written::Refused)] => Finding::good(CHECK, "the second create was refused"),
            [Ok(Written::Done(_)), Ok(Written::Done(_))] => self
                .used_for
                .conditions_fail(CHECK, "an object was created twice: this store ignores `If-None-Match`".to_owned()),
            [Ok(Written::Refused), _] => {
                self.used_for.conditions_fail(CHECK, "the create of a new object was refused".to_owned())
            }
            [Err(failure), _] | [_, Err(failure)] => self.used_for.conditions_fail(CHECK, failure.text),
        }
    }

    /// `alone` is what became of creates one after the other.
    async fn raced(&self, alone: Verdict) -> Finding {
        const CHECK: &str = "racing creates";
        let name = self.name("race");
        let bodies: Vec<Vec<u8>> = (0..RACERS).map(|racer| format!("racer {racer}").into_bytes()).collect();
        let creates = bodies.iter().map(|body| self.store.write_if(&name, body.clone(), When::Absent));
        let outcomes = join_all(creates).await;
        let won: Vec<&Vec<u8>> = bodies
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| matches!(outcome, Ok(Written::Done(_))))
            .map(|(body, _)| body)
            .collect();
        let there = match self.store.read(&name, None).await {
            Ok(object) => object.map(|object| object.bytes),
            Err(failure) => return self.used_for.conditions_fail(CHECK, failure.text),
        };
        match won.as_slice() {
            [winner] if there.as_ref() == Some(*winner) => {
                Finding::good(CHECK, format!("1 of {RACERS} won, and its bytes are there"))
            }
            [_] => self
                .used_for
                .conditions_fail(CHECK, format!("1 of {RACERS} racing creates won, but another one's bytes are there")),
            [] => {
                let why = outcomes.into_iter().find_map(Result::err).map(|failure| failure.text).unwrap_or_default();
                self.used_for.conditions_fail(CHECK, format!("0 of {RACERS} racing creates won. {why}"))
            }
            several => {
                let won = several.len();
                let why = if alone == Verdict::Good {
                    "this store looks whether there is an object, and writes later; some do so in versioned buckets only"
                } else {
                    "this store ignores `If-None-Match`"
                };
                self.used_for.conditions_fail(CHECK, format!("{won} of {RACERS} racing creates won: {why}"))
            }
        }
    }

    async fn replaced(&self) -> Finding {
        const CHECK: &str = "conditional replace";
        match self.try_replacing().await {
            Ok(None) => Finding::good(CHECK, "a stale replace was refused, a current one done"),
            Ok(Some(seen)) => self.used_for.conditions_fail(CHECK, seen.to_owned()),
            Err(failure) => self.used_for.conditions_fail(CHECK, failure.text),
        }
    }

    async fn try_replacing(&self) -> Result<Option<&'static str>, Failure> {
        let name = self.name("replace");
        let write = async |body: &str, when: When<'_>| self.store.write_if(&name, body.into(), when).await;
        let (Written::Done(old), Written::Done(current)) =
            (write("1", When::Always).await?, write("2", When::Always).await?)
        else {
            return Ok(Some("a write without a condition was refused"));
        };
        if old == current {
            return Ok(Some("two objects of different bytes have one ETag"));
        }
        if write("3", When::Unchanged(&old)).await? != Written::Refused {
            return Ok(Some("an object was replaced under an old ETag: this store ignores `If-Match`"));
        }
        match write("4", When::Unchanged(&current)).await? {
            Written::Done(_) => Ok(None),
            Written::Refused => Ok(Some("a replace under the current ETag was refused: `If-Match` does not work")),
        }
    }

    /// What was put has to come back, in the checksum mode that is set.
    async fn read_back(&self) -> Finding {
        const CHECK: &str = "checksum mode";
        let mode = if self.store.settings.checksum_where_supported { "when_supported" } else { "when_required" };
        let (name, bytes) = (self.name("plain"), b"as it was put".to_vec());
        let read = match self.store.write_if(&name, bytes.clone(), When::Always).await {
            Ok(_) => self.store.read(&name, None).await,
            Err(failure) => Err(failure),
        };
        match read {
            Ok(Some(object)) if object.bytes == bytes => {
                Finding::good(CHECK, format!("`{mode}`: an object came back as it was put"))
            }
            Ok(_) => Finding::unfit(
                CHECK,
                format!("`{mode}`: an object came back in other bytes, or not at all"),
                "append `checksum=when_required` to the URL, or use another service",
            ),
            Err(failure) => {
                Finding::unfit(CHECK, failure.text, "append `checksum=when_required` to the URL, or mend what it says")
            }
        }
    }

    /// Streams end with a checksum where the client is so set; stores that do not know that keep it as content.
    async fn trailer(&self) -> Finding {
        const CHECK: &str = "checksum trailers";
        const MEND: &str = "nothing of ours sends any; other programs need `when_required` here";
        let (name, bytes) = (self.name("trailer"), b"as it was streamed".to_vec());
        let body = ByteStream::new(SdkBody::from_body_1_x(SdkBody::from(bytes.clone())));
        let supported = Builder::default().request_checksum_calculation(RequestChecksumCalculation::WhenSupported);
        let request = self.store.write(&name).checksum_algorithm(ChecksumAlgorithm::Crc32).body(body);
        if let Err(error) = request.customize().config_override(supported).send().await {
            return Finding::lacks(CHECK, self.store.failure(&error).text, MEND);
        }
        match self.store.read(&name, None).await {
            Ok(Some(object)) if object.bytes == bytes => Finding::good(CHECK, "they are understood"),
            Ok(_) => Finding::lacks(CHECK, "they are stored into the object", MEND),
            Err(failure) => Finding::lacks(CHECK, failure.text, MEND),
        }
    }

    async fn encrypted(&self) -> Finding {
        const CHECK: &str = "encryption";
        let setting = self.store.place.names.encryption;
        let name = self.name("encrypted");
        let wanted = self.store.settings.encryption.as_ref().map(|encryption| encryption.algorithm.as_str());
        if let Err(failure) = self.store.write_if(&name, b"secret".to_vec(), When::Always).await {
            return Finding::unfit(CHECK, failure.text, format!("take {setting} off, or mend what it says"));
        }
        let shown = match self.store.client.head_object().bucket(&self.store.bucket).key(&name).send().await {
            Ok(answer) => answer.server_side_encryption,
            Err(error) => return Finding::unfit(CHECK, self.store.failure(&error).text, ""),
        };
        match (wanted, shown.as_ref().map(|shown| shown.as_str())) {
            (Some(wanted), Some(shown)) if wanted == shown => Finding::good(CHECK, format!("{shown}, as it is set")),
            (Some(wanted), shown) => Finding::unfit(
                CHECK,
                format!("{setting} is set to {wanted}, and an object shows {}", shown.unwrap_or("none")),
                format!("this store does not encrypt so: change {setting}, or use another service"),
            ),
            (None, Some(shown)) => Finding::good(CHECK, format!("{shown}, by the store itself")),
            (None, None) => Finding::lacks(
                CHECK,
                "an object shows none",
                format!("set {setting} to AES256 or aws:kms where the service has it"),
            ),
        }
    }
}

impl Store {
    async fn probe(&self, used_for: Use) -> Vec<Finding> {
        const CHECK: &str = "bucket";
        let mut chance = [0; 8];
        getrandom::fill(&mut chance).expect("the operating system has a random source");
        let folder = self.object(&format!("_probe/{}/", hex(&chance)));
        if let Err(failure) = self.list(&folder, None, 1).await {
            return vec![Finding::unfit(CHECK, failure.text, "")];
        }
        let trial = Trial { store: self, folder, used_for };
        // Where nothing can be put, all else would say so in other words.
        if let Err(failure) = self.write_if(&trial.name("plain"), b"x".to_vec(), When::Always).await {
            let encrypts = self.settings.encryption.is_some();
            let setting = self.place.names.encryption;
            let mend = match encrypts {
                true => format!("{setting} is set: where the service has no such encryption, take it off"),
                false => String::new(),
            };
            return vec![Finding::unfit(CHECK, failure.text, mend)];
        }
        let created = trial.created_once().await;
        let raced = trial.raced(created.verdict).await;
        let mut findings = vec![
            Finding::good(CHECK, format!("`{}` {} can be listed and written", self.bucket, self.place.service())),
            created,
            raced,
            trial.replaced().await,
            trial.read_back().await,
            trial.trailer().await,
            trial.encrypted().await,
        ];
        trial.take_away().await;
        findings.push(self.versioning(used_for).await);
        if used_for == Use::Objects {
            findings.push(self.object_lock().await);
        }
        findings
    }
}

#[async_trait]
impl Probe for S3Bucket {
    async fn findings(&self) -> Vec<Finding> {
        self.store.probe(Use::Objects).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, String> {
        self.store.server_time().await
    }
}

#[async_trait]
impl Probe for S3Table {
    async fn findings(&self) -> Vec<Finding> {
        self.store.probe(Use::Rows).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, String> {
        self.store.server_time().await
    }
}
