//! Every adapter on a real server.
#![expect(clippy::unwrap_used, reason = "a failed step is the test's finding")]

mod dynamodb;
mod kms;
mod postgres;
mod s3_archives;
mod s3_bucket;
mod s3_table;
mod scripted;
mod sqs;
mod whole;
