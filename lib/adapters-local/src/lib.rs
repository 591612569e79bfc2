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
mod sqlite;
mod sqlite_queue;
mod sqlite_table;
pub mod url;

pub use clock::{SetClock, ShiftedClock, SystemClock};
pub use data::{DataDirectory, DataError};
pub use directory_bucket::DirectoryBucket;
pub use disk_log::DiskLog;
pub use ids::{CountedIds, RandomIds};
pub use key_signer::KeySigner;
pub use memory::{MemoryBucket, MemoryQueue, MemoryTable};
pub use memory_log::MemoryLog;
pub use sqlite::{OpenError, Opening};
pub use sqlite_queue::{QueueSettings, SqliteQueue};
pub use sqlite_table::SqliteTable;
