//! Seeded runs of the services on ports that fail.
//!
//! A seed decides faults, timing and interleaving; the same seed is the same run, byte for byte. The
//! checker judges from what anybody can see. See `docs/testing.md`.

mod archives;
mod checker;
mod dice;
mod mix;
mod node;
mod ports;
mod restored;
mod roles;
pub mod run;
mod scenarios;
mod sim;
mod world;

pub use scenarios::{SCENARIOS, Scenario, scenario};
pub use services::planted::Bug;
