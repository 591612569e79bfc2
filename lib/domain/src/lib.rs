//! The rules of the audit log, as plain values and functions.
//!
//! What an event is to the byte, how events become blocks, how a chain is signed and how it is
//! checked. Nothing here does I/O, waits, reads a clock or draws a random number, so an auditor can
//! read this crate alone. The public format that it implements is `docs/format.md`.

pub mod admit;
pub mod archive;
pub mod block;
mod canonical;
pub mod checkpoint;
pub mod derived;
pub mod event;
pub mod hash;
pub mod json;
pub mod keys;
pub mod line;
pub mod merkle;
pub mod names;
mod parallel;
pub mod time;
pub mod verify;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
