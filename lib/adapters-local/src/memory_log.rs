//! A log file in memory, for tests: grown, renamed and replaced at will.

use async_trait::async_trait;
use ports::{LogFile, LogFileError};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct Files {
    /// All files ever; the id is the place.
    files: Vec<Option<Vec<u8>>>,
    current: Option<usize>,
}

/// A log in memory. Clones are the same log.
#[derive(Clone, Default)]
pub struct MemoryLog(Arc<Mutex<Files>>);

impl MemoryLog {
    /// Appends to the file of the name, and makes it first if there is none.
    pub fn append(&self, bytes: &[u8]) {
        self.with(|log| {
            if log.current.is_none() {
                log.files.push(Some(Vec::new()));
                log.current = Some(log.files.len() - 1);
            }
            let place = log.current.unwrap_or_default();
            log.files[place].get_or_insert_default().extend_from_slice(bytes);
        });
    }

    /// Gives the file another name beside the old one.
    pub fn rename(&self) {
        self.with(|log| log.current = None);
    }

    /// Deletes the file of the name.
    pub fn delete(&self) {
        self.with(|log| {
            if let Some(place) = log.current.take() {
                log.files[place] = None;
            }
        });
    }

    /// Cuts the file of the name to nothing, as `copytruncate` does; it stays the same file.
    pub fn truncate(&self) {
        self.with(|log| {
            if let Some(place) = log.current {
                log.files[place] = Some(Vec::new());
            }
        });
    }

    /// Makes the file of the name another one with the same bytes, as a move to another disk does.
    pub fn reborn(&self) {
        self.with(|log| {
            if let Some(place) = log.current.take() {
                let bytes = log.files[place].take();
                log.files.push(bytes);
                log.current = Some(log.files.len() - 1);
            }
        });
    }

    fn with<R>(&self, change: impl FnOnce(&mut Files) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl LogFile for MemoryLog {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn current(&self) -> Result<Option<String>, LogFileError> {
        Ok(self.with(|log| log.current).map(|place| place.to_string()))
    }

    async fn read(&self, id: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(self.with(|log| {
            let file = log.files.get(id.parse::<usize>().ok()?)?.as_deref()?;
            Some(file.get(offset..).unwrap_or_default().iter().take(limit).copied().collect())
        }))
    }
}
