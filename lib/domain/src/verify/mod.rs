//! Verification: what holds of a chain, and where it first does not.
//!
//! Three steps that never meet: [`check`] looks at one run of stored bytes alone, on any thread;
//! [`Walk`] joins the runs in order and holds them against the checkpoints; [`Report`] is the
//! answer. Reading the bytes is the caller's business.

mod check;
mod file;
mod pool;
mod repeats;
mod report;
mod sound;
mod walk;

pub use check::{Checked, Chunk, check, check_and_keep};
pub use file::{FileError, verify_lines};
pub use pool::Pool;
pub use repeats::Scratch;
pub use report::{Break, BreakKind, Report, Status};
pub use sound::KeptLines;
pub use walk::{Evidence, Start, Walk};

/// What a verifier is told beside the bytes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Keys that may have signed.
    pub ring: crate::keys::KeyRing,
    /// Where the bytes start.
    pub start: Start,
    /// The last `seq` where that is stated, as by the companion of an export that ends before the
    /// chain does: checkpoints beyond it say nothing, and lines missing before it are a gap.
    pub end: Option<u64>,
    /// Lines with a greater `seq` are also parsed in full and put into canonical form. No signer
    /// has vouched for their shape yet; everything before was parsed before it was signed.
    pub parse_after: u64,
    /// Whether all of the chain's checkpoints are handed over, so that a missing one shows.
    pub all_checkpoints: bool,
    /// Random per run, so that nobody can prepare external ids that collide in the repeat check.
    pub repeat_key: [u8; 16],
    /// Threads that check runs; 0 checks on the caller's.
    pub threads: usize,
}

#[cfg(test)]
mod tests;
