//! What is tested from outside.
#![expect(clippy::unwrap_used, reason = "a failed step is the test's finding")]

mod archives;
mod conformance;
mod cost;
mod docs;
mod doctor;
mod functions;
mod http;
mod lambda;
mod layers;
mod services;
mod vectors;
mod verifier;
mod verifier_archives;
