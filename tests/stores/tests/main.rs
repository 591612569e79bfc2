//! Every adapter on a real server.

mod dynamodb;
mod kms;
mod scripted;
mod sqs;
