//! Every adapter on a real server.

mod dynamodb;
mod s3_bucket;
mod s3_table;
mod scripted;
mod sqs;
