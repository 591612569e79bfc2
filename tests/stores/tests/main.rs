//! Every adapter on a real server.

mod dynamodb;
mod postgres;
mod scripted;
mod sqs;
