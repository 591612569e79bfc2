//! The HTTP contract: what is sent, what is answered, and what can go wrong.
//!
//! The doc comments become the text of the OpenAPI document, so they are written for the customer.
//! Stored lines are answered byte for byte; the types here describe them and never remake them.

mod archives;
mod checkpoints;
mod events;
mod export;
mod health;
mod holds;
mod problem;
mod verification;

pub use archives::{
    Archive, ArchiveLock, ArchiveRun, ArchiveState, ArchiveWithManifest, LastVerified, NewArchiveRun, NewRestore,
    Restore, RestoreState, RestoredUntil,
};
pub use checkpoints::Checkpoint;
pub use events::{ActorType, Event, NewEvent, NewEvents, Outcome, RecordedIds};
pub use export::Companion;
pub use health::{Health, HealthStatus, LastVerification};
pub use holds::{Hold, NewHold, PlacedHold};
pub use problem::{FieldProblem, Problem, ProblemCode};
pub use verification::{Break, Head, SeqRange, Verification, VerificationStatus, VerifiedTiers};
