//! Objects, and a table made of objects, on an S3 API.
mod backwards;
mod fraction;
mod names;
