//! The use cases of the audit hub.
//!
//! Each reads through a port, decides in the domain, and writes through a port. The order of the
//! writes is the protocol: the conditional write is the commit, everything after it may be repeated
//! by anyone.

pub mod accept_break;
pub mod append;
pub mod archive;
pub mod blocks;
pub mod checkpoints;
pub mod cold;
mod context;
mod cursor;
pub mod derive;
pub mod drain;
pub mod export;
pub mod guard;
pub mod hold;
pub mod index;
pub mod ingest;
pub mod layout;
pub mod list;
pub mod planted;
pub mod record;
pub mod redrive;
pub mod restore;
pub mod sign;
mod tiles;
pub mod verified;
pub mod verify;
mod view;

pub use context::Context;
pub use cursor::{Cursor, CursorError};
