//! The cold store: where archived events are, and under which keys.

use crate::Context;
use crate::archive::claims as archives;
use crate::blocks::ReadError;
use crate::layout::archives::{Claim, State};
use domain::archive::{Kept, Range};
use domain::block::{Block, Header, Stub};
use domain::hash::Hash;
use domain::names::ChainName;
use ports::Bucket;
use std::sync::Arc;

/// More than is ever kept of a batch: two thousand headers, and a few events.
pub(crate) const MAX_KEPT_BYTES: u64 = 32 * 1024 * 1024;

/// For how long nobody can delete what is put there; the store sees to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// `compliance` or `governance`.
    pub mode: &'static str,
    /// Days from the put on.
    pub days: u32,
}

/// A place for archives, and copies of it.
#[derive(Clone)]
pub struct Cold {
    /// Where archives are put and read first.
    pub bucket: Arc<dyn Bucket>,
    /// Where each is put once more, and read where the first place fails.
    pub copy: Option<Arc<dyn Bucket>>,
    /// Prefix of all keys, without a slash at its end.
    pub prefix: String,
    /// The lock that the store puts on each object, to be told to people.
    pub lock: Option<Lock>,
}

impl Cold {
    /// A bucket without a lock or a copy, under this prefix.
    pub fn plain(bucket: Arc<dyn Bucket>, prefix: &str) -> Self {
        Self { bucket, copy: None, prefix: prefix.to_owned(), lock: None }
    }

    /// All places, the first one first, each with its name for people.
    pub fn places(&self) -> impl Iterator<Item = (&'static str, &Arc<dyn Bucket>)> {
        std::iter::once(("cold store", &self.bucket)).chain(self.copy.as_ref().map(|copy| ("second copy", copy)))
    }

    /// Key of an object of a chain's archives.
    pub fn key(&self, chain: &ChainName, name: &str) -> String {
        format!("{}/{chain}/{name}", self.prefix)
    }

    /// Prefix of the archives of a chain.
    pub fn archives(&self, chain: &ChainName) -> String {
        format!("{}/{chain}/", self.prefix)
    }
}

/// The block of a stub, read from its part of the archive and held against what the stub says. The
/// second copy answers where the first place does not.
///
/// # Errors
/// Lines that expired, or no place that has them as they were archived.
pub async fn read(cx: &Context, stub: Stub) -> Result<Block, ReadError> {
    let key = cx.cold.key(&cx.chain, &stub.archive.object());
    let mut problems = Vec::new();
    for (place, bucket) in cx.cold.places() {
        let problem = match bucket.get_range(&key, stub.offset, stub.length).await {
            Ok(Some(body)) => match stub.restore(body) {
                Ok(block) => return Ok(block),
                Err(refusal) => refusal.to_string(),
            },
            Ok(None) => "there is no such object".to_owned(),
            Err(error) => error.to_string(),
        };
        problems.push(format!("{place}: {problem}. key=`{key}`"));
    }
    if let Some(State::Deleting(at) | State::Expired(at)) =
        archives::get(cx, stub.archive.start).await?.map(|stored| stored.claim.state)
    {
        return Err(ReadError::Expired { archive: stub.archive, at });
    }
    Err(ReadError::Cold { archive: stub.archive, what: problems.join("; ") })
}

/// What was kept of a batch whose lines expired: as the batch's record, and the chain, name it.
///
/// # Errors
/// No place that has it as it was.
pub async fn kept(cx: &Context, claim: &Claim) -> Result<Kept, ReadError> {
    let key = cx.cold.key(&cx.chain, &claim.range.kept());
    let mut problems = Vec::new();
    for (place, bucket) in cx.cold.places() {
        let problem = match bucket.get_range(&key, 0, MAX_KEPT_BYTES).await {
            Ok(Some(bytes)) if Some(Hash::of(&bytes)) != claim.kept => "it is not what was kept".to_owned(),
            Ok(Some(bytes)) => match Kept::from_bytes(&bytes) {
                Ok(kept) => return Ok(kept),
                Err(refusal) => refusal.to_string(),
            },
            Ok(None) => "there is no such object".to_owned(),
            Err(error) => error.to_string(),
        };
        problems.push(format!("{place}: {problem}. key=`{key}`"));
    }
    Err(ReadError::Cold { archive: claim.range, what: problems.join("; ") })
}

/// The lines of the log's own events in a block of a batch whose lines expired.
pub(crate) async fn kept_lines(cx: &Context, archive: Range, header: &Header) -> Result<Vec<u8>, ReadError> {
    let Some(stored) = archives::get(cx, archive.start).await? else { return Ok(Vec::new()) };
    Ok(kept(cx, &stored.claim).await?.lines_of(header))
}

/// The line of event `seq` of a batch whose lines expired, if it is one of the log's own.
pub(crate) async fn kept_line(cx: &Context, archive: Range, seq: u64) -> Result<Option<Vec<u8>>, ReadError> {
    let Some(stored) = archives::get(cx, archive.start).await? else { return Ok(None) };
    Ok(kept(cx, &stored.claim).await?.line(seq).map(<[u8]>::to_vec))
}
