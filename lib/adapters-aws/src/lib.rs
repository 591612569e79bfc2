//! The ports on the AWS APIs.
#[cfg(feature = "s3")]
mod s3;
