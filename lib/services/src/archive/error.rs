//! Why an archive was not made.

use crate::append::AppendError;
use crate::blocks::ReadError;
use crate::guard::{GuardError, Rollback};
use crate::sign::SignError;
use domain::archive::Range;
use domain::time::Timestamp;
use domain::verify::Break;
use ports::{BucketError, SignerError, TableError};

/// Nothing more was archived. What was begun is finished by the next run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The chain.
    #[error("read the chain")]
    Read(#[from] ReadError),
    /// The chain, its checkpoints or their copies.
    #[error("compare the chain with its checkpoints")]
    Guard(#[source] GuardError),
    /// The table has lost history.
    #[error(transparent)]
    Rollback(#[from] Rollback),
    /// No checkpoint covers what is to be archived.
    #[error("sign a checkpoint over what is to be archived")]
    Sign(#[from] SignError),
    /// The key.
    #[error("sign the manifest")]
    Signer(#[from] SignerError),
    /// The event that names the manifest.
    #[error("chain the event that names the manifest")]
    Append(#[from] AppendError),
    /// The cold store.
    #[error("the {place} did not take an archive; everything is still hot. key=`{key}`")]
    Bucket {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// Why.
        #[source]
        error: BucketError,
    },
    /// It did not give back what was put.
    #[error("the {place} does not give back what was put: {what}; everything is still hot. key=`{key}`")]
    ReadBack {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// What it gave.
        what: String,
    },
    /// It does not give back what was archived before.
    #[error(
        "the {place} does not give back what was archived: {what}; `verify` says whether it is broken. key=`{key}`"
    )]
    Fetch {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// What it gave, or why not.
        what: String,
    },
    /// It did not delete what expired.
    #[error("the {place} did not delete what expired; the next run tries again. key=`{key}`")]
    Delete {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// Why.
        #[source]
        error: BucketError,
    },
    /// A block does not hold.
    #[error("block {block} does not hold ({found}) and is not archived; run `verify`")]
    Broken {
        /// Its number.
        block: u64,
        /// The break, as JSON.
        found: String,
    },
    /// What is there is not what the claim says.
    #[error("the batch of events {range} cannot be finished: {what}; run `verify`")]
    Batch {
        /// Its events.
        range: Range,
        /// What does not fit.
        what: String,
    },
    /// The clock.
    #[error(
        "this machine's clock says {now}, but {what} at {there}: one of the clocks is wrong; set it right, then archive"
    )]
    Clock {
        /// What it says.
        now: Timestamp,
        /// What speaks against it.
        what: &'static str,
        /// When that was.
        there: Timestamp,
    },
}

impl From<TableError> for ArchiveError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

impl From<GuardError> for ArchiveError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Rollback(rollback) => Self::Rollback(rollback),
            GuardError::Read(error) => Self::Read(error),
            error => Self::Guard(error),
        }
    }
}

pub(super) fn broken(found: &Break) -> ArchiveError {
    let text = String::from_utf8_lossy(&found.to_value().canonical()).into_owned();
    ArchiveError::Broken { block: found.block.unwrap_or_default(), found: text }
}

pub(super) fn stuck(range: Range, what: impl Into<String>) -> ArchiveError {
    ArchiveError::Batch { range, what: what.into() }
}
