//! The ports on one machine.
//!
//! SQLite and a directory keep real logs, shared by any number of processes of one machine; memory
//! is for tests. Adapters are chosen by URL, see [`url`].

mod clock;
mod data;
mod directory_bucket;
mod disk_log;
mod ids;
mod key_signer;
mod memory;
mod memory_log;
mod own_thread;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_queue;
#[cfg(feature = "sqlite")]
mod sqlite_table;
#[cfg(feature = "sqlite")]
pub mod url;

pub use clock::{SetClock, ShiftedClock, SystemClock};
pub use data::{DataDirectory, DataError};
pub use directory_bucket::DirectoryBucket;
pub use disk_log::DiskLog;
pub use ids::{CountedIds, RandomIds};
pub use key_signer::KeySigner;
pub use memory::{MemoryBucket, MemoryQueue, MemoryTable};
pub use memory_log::MemoryLog;
#[cfg(feature = "sqlite")]
pub use sqlite::{OpenError, Opening};
#[cfg(feature = "sqlite")]
pub use sqlite_queue::SqliteQueue;
#[cfg(feature = "sqlite")]
pub use sqlite_table::SqliteTable;
