//! The cold store: where archived events are, and under which keys.

use crate::Context;
use crate::archive::claims as archives;
use crate::blocks::ReadError;
use crate::layout::archives::State;
use domain::block::{Block, Stub};
use domain::names::ChainName;
use ports::Bucket;
use std::sync::Arc;

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
