//! The ports on the AWS APIs.
