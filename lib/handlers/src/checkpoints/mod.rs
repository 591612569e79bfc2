//! Checkpoints: signing and reading.

mod create_checkpoint;
mod export_checkpoints;
mod latest_checkpoint;
mod sign_checkpoint;

pub use create_checkpoint::CreateCheckpoint;
pub use export_checkpoints::ExportCheckpoints;
pub use latest_checkpoint::LatestCheckpoint;
pub use sign_checkpoint::SignCheckpoint;
