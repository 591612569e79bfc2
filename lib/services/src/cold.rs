//! The cold store: where archived events are, and under which keys.

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

    /// Prefix of the archives of a chain.
    pub fn archives(&self, chain: &ChainName) -> String {
        format!("{}/{chain}/", self.prefix)
    }
}
