//! Every adapter on a real server.
#![expect(clippy::unwrap_used, reason = "a failed step is the test's finding")]

<<<<<<< HEAD
mod dynamodb;
mod postgres;
mod scripted;
mod sqs;
=======
mod postgres;
>>>>>>> pg
