//! Whether a stack is fit, found out on its ports before anything is trusted to it.
//!
//! What a port promises is in its conformance suite; here is the part of it that a configured store is
//! asked each time, because stores of one name differ: many S3-compatible ones take a condition and
//! ignore it. What only an adapter can find out comes through [`ports::Probe`]. Everything is written
//! under names that start with `_probe`, and taken away again.

mod admission;
mod bucket;
mod clock;
mod queue;
mod report;
mod signer;
mod table;

pub use admission::Admission;
pub use bucket::{BucketSubject, bucket};
pub use clock::{MAX_SKEW_MILLIS, clock};
pub use queue::queue;
pub use report::{Report, Section, word};
pub use signer::signer;
pub use table::{races, table};
