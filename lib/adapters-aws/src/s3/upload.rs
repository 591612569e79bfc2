//! Writing objects that never change: with their hash, locked where that is asked for, in parts where they are large.

use super::Store;
use super::conditions::again;
use super::settings::Lock;
use crate::failure::{Failure, Kind, while_busy};
use aws_sdk_s3::primitives::{DateTime, SdkBody};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_types::base64;
use domain::hash::Hash;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use md5::{Digest as _, Md5};
use std::time::SystemTime;

/// Objects beyond this go in parts.
const WHOLE_BYTES: usize = 16 * 1024 * 1024;
/// Some stores take no smaller parts than 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
const MAX_PARTS: usize = 10_000;
/// Parts at once.
const AT_ONCE: usize = 4;
const DAY_SECONDS: i64 = 86_400;
const TYPE: &str = "application/octet-stream";

/// The name of the object's hash among its metadata.
pub(super) const SHA256: &str = "sha256";

impl Store {
    /// Stores an object that never changes.
    pub(super) async fn upload(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > WHOLE_BYTES {
            self.upload_parts(name, bytes).await
        } else {
            self.upload_whole(name, bytes).await
        }
    }

    async fn upload_whole(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (body, sha256) = (SdkBody::from(bytes), Hash::of(bytes).to_hex());
        let (mode, until) = self.retention();
        while_busy(async || {
            let request = self.write(name).body(again(&body)).metadata(SHA256, &sha256).content_type(TYPE);
            let request = request
                .set_object_lock_mode(mode.clone())
                .set_object_lock_retain_until_date(until)
                .set_content_md5(self.md5(bytes));
            request.send().await.map(drop).map_err(|error| self.write_failure(&error))
        })
        .await
    }

    async fn upload_parts(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (mode, until) = self.retention();
        let encryption = self.settings.encryption.as_ref();
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(name)
            .content_type(TYPE)
            .metadata(SHA256, Hash::of(bytes).to_hex())
            .set_server_side_encryption(encryption.map(|e| e.algorithm.clone()))
            .set_ssekms_key_id(encryption.and_then(|e| e.kms_key.clone()))
            .set_object_lock_mode(mode)
            .set_object_lock_retain_until_date(until);
        let begun =
            while_busy(async || request.clone().send().await.map_err(|error| self.write_failure(&error))).await?;
        let Some(upload) = begun.upload_id() else {
            let text = self.line("a multipart upload was begun, but has no id");
            return Err(Failure { kind: Kind::Unknown, code: String::new(), text });
        };
        let done = self.send_parts(name, upload, bytes).await;
        if done.is_err() {
            // Parts of an upload that is never completed cost money and are in no listing. Where this fails, too,
            // a lifecycle rule of the bucket is what is left.
            let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(name).upload_id(upload);
            let _ = abort.send().await;
        }
        done
    }

    async fn send_parts(&self, name: &str, upload: &str, bytes: &[u8]) -> Result<(), Failure> {
        let size = PART_BYTES.max(bytes.len().div_ceil(MAX_PARTS));
        let sends: Vec<_> =
            (1..).zip(bytes.chunks(size)).map(|(number, part)| self.send_part(name, upload, number, part)).collect();
        let parts: Vec<CompletedPart> = stream::iter(sends).buffered(AT_ONCE).try_collect().await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(name).upload_id(upload);
        let request = request.multipart_upload(parts);
        while_busy(async || request.clone().send().await.map(drop).map_err(|error| self.failure(&error))).await
    }

    async fn send_part(&self, name: &str, upload: &str, number: i32, part: &[u8]) -> Result<CompletedPart, Failure> {
        let body = SdkBody::from(part);
        let sent = while_busy(async || {
            let request = self.client.upload_part().bucket(&self.bucket).key(name).upload_id(upload);
            let request = request.part_number(number).body(again(&body)).set_content_md5(self.md5(part));
            request.send().await.map_err(|error| self.failure(&error))
        })
        .await?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build())
    }

    fn retention(&self) -> (Option<aws_sdk_s3::types::ObjectLockMode>, Option<DateTime>) {
        self.settings.lock.as_ref().map(|Lock { mode, days }| (mode.clone(), after_days(*days))).unzip()
    }

    /// A write with a retention takes a checksum; this is the one that every store with locks knows.
    fn md5(&self, bytes: &[u8]) -> Option<String> {
        self.settings.lock.as_ref().map(|_| base64::encode(Md5::digest(bytes)))
    }
}

#[expect(clippy::disallowed_methods, reason = "a retention ends at a time of the wall clock, which no port asks for")]
fn after_days(days: i64) -> DateTime {
    DateTime::from_secs(DateTime::from(SystemTime::now()).secs() + days * DAY_SECONDS)
}
