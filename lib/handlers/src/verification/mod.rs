//! Verification: on request, and by the clock.

mod verify_chain;
mod verify_hot;

pub use verify_chain::VerifyChain;
pub use verify_hot::VerifyHot;
