//! Every function of the system, declared once, and the one way each is woken.
//!
//! A function is a type in a file of its own; [`FUNCTIONS`] lists them all. The local host's router,
//! pumps and schedules, the mains of `functions`, the OpenAPI document and the sample events are
//! derived from that list. Handlers translate and say who may; no rule of the product lives in one.

mod access;
pub mod answers;
pub mod archives;
pub mod checkpoints;
pub mod events;
mod function;
mod grant;
mod health;
pub mod holds;
mod hub;
pub mod ingest;
mod members;
pub mod mount;
pub mod openapi;
mod problem;
mod reply;
mod request;
pub mod samples;
mod token;
pub mod verification;

pub use access::{Access, Caller, Granted, Role, Scope, is_secret};
pub use api::ProblemCode;
pub use function::{
    Call, Failed, Function, HttpFunction, HttpPart, Method, QueueFunction, QueueName, QueuePart, Route, SchedulePart,
    ScheduledFunction, Served, TakesBody, http, queue, queue_and_schedule, schedule,
};
pub use grant::Grant;
pub use health::Health;
pub use hub::{Archiving, Hub, Ingest};
pub use problem::{Fault, with_causes};
pub use reply::{Answer, Body, Reply};
pub use request::{Example, Given, Kind, Parameter, Place};
pub use token::{AUDIENCE, Issuer, TokenError, TrustedIssuer, Verifier};

/// All functions: the only list.
pub static FUNCTIONS: &[Function] = &[
    http::<Health>(),
    http::<events::RecordEvents>(),
    queue::<events::AppendEvents>(),
    schedule::<events::DeriveEntries>(),
    schedule::<events::RedriveDeadLetters>(),
    http::<events::ListEvents>(),
    http::<events::GetEvent>(),
    http::<events::ExportEvents>(),
    queue_and_schedule::<checkpoints::SignCheckpoint>(),
    http::<checkpoints::CreateCheckpoint>(),
    http::<checkpoints::LatestCheckpoint>(),
    http::<checkpoints::ExportCheckpoints>(),
    http::<verification::VerifyChain>(),
    schedule::<verification::VerifyHot>(),
    schedule::<archives::ArchiveEvents>(),
    http::<archives::RunArchive>(),
    http::<archives::ListArchives>(),
    http::<archives::GetArchive>(),
    http::<archives::RestoreArchive>(),
    schedule::<archives::VerifyArchives>(),
    schedule::<archives::SweepArchives>(),
    http::<holds::PlaceHold>(),
    http::<holds::ListHolds>(),
    http::<holds::ReleaseHold>(),
    schedule::<ingest::TailOcis>(),
];
