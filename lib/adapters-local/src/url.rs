//! Adapters by URL, so that a deployment is a matter of settings.

use crate::{DirectoryBucket, MemoryBucket, MemoryQueue, MemoryTable, OpenError, Opening, SqliteQueue, SqliteTable};
use ports::{Bucket, Clock, QueuePair, QueueSettings, Table};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An adapter cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// No adapter here has that scheme.
    #[error("{setting}: `{scheme}` is not known here; use {known}")]
    Scheme {
        /// The setting's name.
        setting: &'static str,
        /// What was given before the colon.
        scheme: String,
        /// What can be given.
        known: &'static str,
    },
    /// The database cannot be used.
    #[error("{setting}: {source}")]
    Database {
        /// The setting's name.
        setting: &'static str,
        /// Why.
        source: OpenError,
    },
    /// The directory cannot be used.
    #[error("{setting}: cannot use the directory {}: {reason}", .path.display())]
    Directory {
        /// The setting's name.
        setting: &'static str,
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
}

fn split<'a>(setting: &'static str, url: &'a str, known: &'static str) -> Result<(&'a str, &'a str), UrlError> {
    url.split_once(':').ok_or_else(|| UrlError::Scheme { setting, scheme: url.chars().take(40).collect(), known })
}

/// `sqlite:PATH`, or `memory:` for tests.
///
/// # Errors
/// An unknown scheme, or a file that cannot be used.
pub fn table(url: &str) -> Result<Arc<dyn Table>, UrlError> {
    table_as(url, Opening::Now)
}

/// The same, with or without waiting until it is open.
///
/// # Errors
/// As [`table`]; without waiting, the calls say what is wrong with a file.
pub fn table_as(url: &str, opening: Opening) -> Result<Arc<dyn Table>, UrlError> {
    const SETTING: &str = "TABLE_URL";
    const KNOWN: &str = "sqlite:PATH";
    match split(SETTING, url, KNOWN)? {
        ("sqlite", path) => SqliteTable::open_as(Path::new(path), opening)
            .map(|table| Arc::new(table) as Arc<dyn Table>)
            .map_err(|source| UrlError::Database { setting: SETTING, source }),
        ("memory", _) => Ok(Arc::new(MemoryTable::default())),
        (scheme, _) => Err(UrlError::Scheme { setting: SETTING, scheme: scheme.to_owned(), known: KNOWN }),
    }
}

/// `file:DIR`, or `memory:` for tests.
///
/// # Errors
/// An unknown scheme, or a directory that cannot be used.
pub fn bucket(url: &str) -> Result<Arc<dyn Bucket>, UrlError> {
    bucket_of("BUCKET_URL", url)
}

/// The same for the URL of another setting.
///
/// # Errors
/// As [`bucket`].
pub fn bucket_of(setting: &'static str, url: &str) -> Result<Arc<dyn Bucket>, UrlError> {
    const KNOWN: &str = "file:DIR";
    match split(setting, url, KNOWN)? {
        ("file", path) => DirectoryBucket::open(Path::new(path))
            .map(|bucket| Arc::new(bucket) as Arc<dyn Bucket>)
            .map_err(|error| UrlError::Directory { setting, path: path.into(), reason: error.to_string() }),
        ("memory", _) => Ok(Arc::new(MemoryBucket::default())),
        (scheme, _) => Err(UrlError::Scheme { setting, scheme: scheme.to_owned(), known: KNOWN }),
    }
}

/// The queue of this name at `sqlite:PATH`, or `memory:` for tests.
///
/// # Errors
/// An unknown scheme, or a file that cannot be used.
pub fn queue(url: &str, name: &str, clock: Arc<dyn Clock>, settings: QueueSettings) -> Result<QueuePair, UrlError> {
    queue_as(url, name, clock, settings, Opening::Now)
}

/// The same, with or without waiting until it is open.
///
/// # Errors
/// As [`queue`]; without waiting, the calls say what is wrong with a file.
pub fn queue_as(
    url: &str,
    name: &str,
    clock: Arc<dyn Clock>,
    settings: QueueSettings,
    opening: Opening,
) -> Result<QueuePair, UrlError> {
    const SETTING: &str = "QUEUE_URL";
    const KNOWN: &str = "sqlite:PATH";
    match split(SETTING, url, KNOWN)? {
        ("sqlite", path) => SqliteQueue::open_pair_as(Path::new(path), name, clock, settings, opening)
            .map(|(queue, dead)| QueuePair { queue: Arc::new(queue), dead_letters: Arc::new(dead) })
            .map_err(|source| UrlError::Database { setting: SETTING, source }),
        ("memory", _) => {
            let (queue, dead) = MemoryQueue::pair(clock, settings);
            Ok(QueuePair { queue: Arc::new(queue), dead_letters: Arc::new(dead) })
        }
        (scheme, _) => Err(UrlError::Scheme { setting: SETTING, scheme: scheme.to_owned(), known: KNOWN }),
    }
}

/// Makes visible at once what a crashed process still held, where the queue is this machine's own;
/// other queues bring it back after a while. See [`SqliteQueue::release_all`].
///
/// # Errors
/// The file.
pub fn release_queue(url: &str) -> Result<(), UrlError> {
    match url.split_once(':') {
        Some(("sqlite", path)) => SqliteQueue::release_all(Path::new(path))
            .map_err(|source| UrlError::Database { setting: "QUEUE_URL", source }),
        _ => Ok(()),
    }
}
