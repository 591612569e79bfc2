//! The HTTP contract: what is sent, what is answered, and what can go wrong.
//!
//! The doc comments become the text of the OpenAPI document, so they are written for the customer.
//! Stored lines are answered byte for byte; the types here describe them and never remake them.

mod checkpoints;
mod events;
mod export;
mod health;
mod problem;
mod verification;

pub use checkpoints::Checkpoint;
pub use events::{ActorType, Event, NewEvent, NewEvents, Outcome, RecordedIds};
pub use export::Companion;
pub use health::{Health, HealthStatus, LastVerification};
pub use problem::{FieldProblem, Problem, ProblemCode};
pub use verification::{Break, Head, SeqRange, Verification, VerificationStatus, VerifiedTiers};
