//! Reading objects and listing their names.

use super::Store;
use crate::failure::{Failure, Kind, deepest, while_busy};
use aws_sdk_s3::types::ChecksumMode;

/// Most names in one listing.
pub(super) const PAGE: usize = 1000;

/// An object that was read, or a range of it.
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: String,
    /// What our metadata say of the whole.
    pub(super) sha256: Option<String>,
    /// The answer holds what was asked for and not the whole.
    pub(super) partial: bool,
}

/// What a listing says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Behind what was listed.
    pub(super) name: String,
    pub(super) size: u64,
}

impl AsRef<str> for Listed {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

/// An ETag without the quotes: some listings and some answers leave them away.
pub(super) fn unquoted(etag: &str) -> &str {
    etag.trim_matches('"')
}

impl Store {
    /// The object of this name, or the bytes of a range; an empty one where a range starts behind its end.
    pub(super) async fn read(&self, name: &str, range: Option<&str>) -> Result<Option<Object>, Failure> {
        while_busy(async || {
            let mut request =
                self.client.get_object().bucket(&self.bucket).key(name).set_range(range.map(str::to_owned));
            if self.settings.checksum_where_supported && range.is_none() {
                request = request.checksum_mode(ChecksumMode::Enabled);
            }
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    let status = super::status(&error);
                    let failure = self.failure(&error);
                    return match (failure.code.as_str(), status) {
                        ("NoSuchKey", _) => Ok(None),
                        (_, Some(416)) => {
                            Ok(Some(Object { bytes: Vec::new(), etag: String::new(), sha256: None, partial: true }))
                        }
                        _ => Err(failure),
                    };
                }
            };
            let etag = unquoted(answer.e_tag().unwrap_or_default()).to_owned();
            let sha256 = answer.metadata().and_then(|metadata| metadata.get("sha256")).cloned();
            let partial = answer.content_range().is_some();
            let bytes = answer.body.collect().await.map_err(|error| {
                let text = self.line(&format!("the answer was cut off or damaged ({})", deepest(&error)));
                Failure { kind: Kind::Unknown, code: String::new(), text }
            })?;
            Ok(Some(Object { bytes: bytes.into_bytes().to_vec(), etag, sha256, partial }))
        })
        .await
    }

    /// The size and the ETag of an object, without its bytes.
    pub(super) async fn look(&self, name: &str) -> Result<Option<(u64, String)>, Failure> {
        while_busy(async || match self.client.head_object().bucket(&self.bucket).key(name).send().await {
            Ok(answer) => {
                let size = answer.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
                Ok(Some((size, unquoted(answer.e_tag().unwrap_or_default()).to_owned())))
            }
            Err(error) if super::status(&error) == Some(404) => self.bucket_is_there().await.map(|()| None),
            Err(error) => Err(self.failure(&error)),
        })
        .await
    }

    /// The next names that start with `prefix`, at most `most` of them, and whether there are more. Names
    /// are given behind `prefix`, and `after` is such a name.
    pub(super) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Listed>, bool), Failure> {
        // No name is longer, so what is cut off here makes no difference.
        let start = after.map(|after| {
            let whole = format!("{prefix}{after}");
            whole[..whole.floor_char_boundary(super::names::MAX_NAME_BYTES)].to_owned()
        });
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_start_after(start)
            .max_keys(i32::try_from(most.clamp(1, PAGE)).unwrap_or(i32::MAX));
        let mut token = None;
        loop {
            let page = while_busy(async || {
                let request = request.clone().set_continuation_token(token.clone());
                request.send().await.map_err(|error| self.failure(&error))
            })
            .await?;
            let more = page.is_truncated() == Some(true);
            let names = page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let name = object.key?.strip_prefix(prefix)?.to_owned();
                Some(Listed { name, size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0) })
            });
            let names: Vec<Listed> = names.collect();
            if !names.is_empty() || !more {
                return Ok((names, more));
            }
            // A store may stop anywhere, and say that there is more; but then it has to say where.
            let next = page.next_continuation_token;
            if next.is_none() || next == token {
                let text = self.line("a listing says that there are more objects, but not where it goes on");
                return Err(Failure { kind: Kind::Unknown, code: String::new(), text });
            }
            token = next;
        }
    }
}
