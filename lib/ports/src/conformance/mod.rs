//! The suites that every adapter and every decorator passes. They are the text of the promises.
//!
//! Each function is one promise. Suites share one store with anybody: every check works in a
//! partition, prefix or queue of its own.
#![expect(clippy::unwrap_used, reason = "a suite is a test: a failed step is its finding")]
#![expect(missing_docs, reason = "the names are the sentences")]

pub mod bucket;
pub mod gateways;
pub mod log_file;
pub mod queue;
pub mod table;
