//! Another program's log, read from afar.

use crate::node::Node;
use adapters_local::MemoryLog;
use async_trait::async_trait;
use ports::{LogFile, LogFileError};

/// A log that sometimes cannot be read, and is read less far than asked for by nobody's fault but
/// its end.
pub(crate) struct SimLog(pub(crate) Node, pub(crate) MemoryLog);

impl SimLog {
    async fn way(&self) -> Result<(), LogFileError> {
        self.0.travel().await;
        if self.0.world.fault(|mix| mix.lost, "log: unreadable") {
            return Err(LogFileError("the simulator lost it".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl LogFile for SimLog {
    fn name(&self) -> String {
        self.1.name()
    }

    async fn current(&self) -> Result<Option<String>, LogFileError> {
        self.way().await?;
        self.1.current().await
    }

    async fn read(&self, id: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
        self.way().await?;
        let read = self.1.read(id, offset, limit).await;
        self.0.travel().await;
        read
    }
}
