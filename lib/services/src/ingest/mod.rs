//! Listening to other systems: their events are mapped, queued, and only then is the place moved on.

mod cursor;
pub mod tail;

pub use cursor::{Counts, FileCursor};
