//! Conditional writes: the commit of a table of objects.

use super::Store;
use super::read::unquoted;
use crate::failure::{Failure, Kind, while_busy};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};

/// When a write may happen.
#[derive(Debug, Clone, Copy)]
pub(super) enum When<'e> {
    Always,
    /// There is no such object.
    Absent,
    /// The object has this ETag.
    Unchanged(&'e str),
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// Done; the object has this ETag now.
    Done(String),
    /// The condition did not hold.
    Refused,
}

/// A body that can be sent again; copies share their bytes.
pub(super) fn again(body: &SdkBody) -> ByteStream {
    ByteStream::new(body.try_clone().expect("bytes in memory can be sent again"))
}

impl Store {
    /// A write of a whole object, encrypted as the settings say.
    pub(super) fn write(&self, name: &str) -> PutObjectFluentBuilder {
        let encryption = self.settings.encryption.as_ref();
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(name)
            .set_server_side_encryption(encryption.map(|e| e.algorithm.clone()))
            .set_ssekms_key_id(encryption.and_then(|e| e.kms_key.clone()))
    }

    /// Writes an object if the condition holds, as one atomic step of the store.
    pub(super) async fn write_if(&self, name: &str, bytes: Vec<u8>, when: When<'_>) -> Result<Written, Failure> {
        let body = SdkBody::from(bytes);
        while_busy(async || {
            let request = self.write(name).body(again(&body));
            let request = match when {
                When::Always => request,
                When::Absent => request.if_none_match("*"),
                When::Unchanged(etag) => request.if_match(format!("\"{etag}\"")),
            };
            let error = match request.send().await {
                Ok(answer) => {
                    let etag = unquoted(answer.e_tag().unwrap_or_default());
                    return if etag.is_empty() { Err(self.no_etag()) } else { Ok(Written::Done(etag.to_owned())) };
                }
                Err(error) => error,
            };
            let status = super::status(&error);
            let failure = self.write_failure(&error);
            match (when, status, failure.code.as_str()) {
                (When::Absent | When::Unchanged(_), Some(412), _) => Ok(Written::Refused),
                (When::Unchanged(_), Some(404), "NoSuchKey") => Ok(Written::Refused),
                _ => Err(failure),
            }
        })
        .await
    }

    fn no_etag(&self) -> Failure {
        let text = self.line("a write was answered without an ETag");
        Failure { kind: Kind::Unknown, code: String::new(), text }
    }
}
