//! Every key, path and message, so that nothing else spells one.

pub mod archives;
pub mod messages;
pub mod objects;
pub mod rows;
