//! The wire formats of the systems that are listened to, and the audit events they become.
//!
//! Pure: one piece of input in, one [`Reading`] out, whatever the bytes. Where the input comes
//! from, how far it has been read and what is kept aside is the caller's business.

pub mod ocis;

use domain::event::Draft;

/// What was made of one piece of input.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Something happened that belongs in the log.
    Event {
        /// The event, admissible as it is.
        draft: Box<Draft>,
        /// The RFC 8785 bytes of its metadata where they were too large: the event then holds
        /// their `bytes` and `sha256`, and the caller stores them beside the log.
        original: Option<Vec<u8>>,
    },
    /// Understood, and not of interest: the action by its name at the source, safe to count by.
    Skipped(String),
    /// Nothing there.
    Blank,
    /// Of no use. The caller keeps it aside under this reason, in kebab-case.
    Unusable(&'static str),
}
