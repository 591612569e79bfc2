//! Listening to other systems.

mod tail_ocis;

pub use tail_ocis::TailOcis;
