//! The promises that the services rely on.
//!
//! Everything durable goes through three storage ports: [`Table`], [`Bucket`] and [`Queue`]. Time,
//! ids and signatures come through [`Clock`], [`Ids`] and [`Signer`], other programs' logs through
//! [`LogFile`]. The text of each promise is its
//! suite in `conformance`, which every adapter and every decorator passes.

mod bucket;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
pub mod counting;
#[cfg(feature = "conformance")]
pub mod faults;
mod gateways;
mod log_file;
mod probe;
mod queue;
mod table;

pub use bucket::{Bucket, BucketError, MAX_KEY_BYTES, ObjectMeta, check_key};
pub use gateways::{Clock, Ids, Signer, SignerError};
pub use log_file::{LogFile, LogFileError};
pub use probe::{Finding, Probe, Verdict};
pub use queue::{MAX_BODY_BYTES, MAX_SEND, Message, Queue, QueueError, QueuePair, QueueSettings, check_send};
pub use table::{
    Condition, Key, KeyRange, MAX_ROW_BYTES, MAX_SORT_BYTES, Order, Row, Table, TableError, Version, check_write,
    delete_each,
};
