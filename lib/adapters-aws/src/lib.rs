//! The ports on the AWS APIs: DynamoDB, S3, SQS and KMS, at AWS or at whoever speaks them.
//!
//! Each adapter is opened by a URL, which connects nowhere and reads nothing; what is wrong with a
//! server is said by the first call. Credentials come from where AWS tools look for them: the
//! environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), the profile, the container, the instance.

mod client;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod failure;
#[cfg(feature = "kms")]
mod kms;
mod place;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "sqs")]
mod sqs;

#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoTable;
#[cfg(feature = "kms")]
pub use kms::KmsSigner;
pub use place::{SettingNames, UrlError};
#[cfg(feature = "s3")]
pub use s3::{Access, S3Bucket, S3Table, StaticKeys};
#[cfg(feature = "sqs")]
pub use sqs::SqsQueue;
