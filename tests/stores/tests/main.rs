//! Every adapter on a real server.

mod dynamodb;
mod scripted;
mod sqs;
