//! A log file that another program appends to, renames and replaces.

use async_trait::async_trait;

/// The file could not be read; nothing is known of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log file cannot be read. {0}")]
pub struct LogFileError(pub String);

/// One log, by its name. A file keeps its id for as long as it exists, whatever it is called; a new
/// file of the same name has another, though an id may come back after its file is gone.
#[async_trait]
pub trait LogFile: Send + Sync {
    /// What the log is called: the same for everybody who follows it, another for every other log.
    fn name(&self) -> String;

    /// The id of the file that has the name now; `None` if there is none.
    async fn current(&self) -> Result<Option<String>, LogFileError>;

    /// At most `limit` bytes from `offset` of the file with this id, under its name or another name
    /// beside it. Fewer only at its end; `None` if there is no such file any more.
    async fn read(&self, id: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, LogFileError>;
}
