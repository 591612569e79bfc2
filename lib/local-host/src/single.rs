//! Whether another process serves the same data directory. That is allowed: all of them write one
//! log. It is said, because somebody may not have meant it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What was found. The file stays locked for as long as this lives; the lock dies with the process,
/// however it ends.
pub enum Presence {
    /// Nobody else is there.
    Alone(File),
    /// Somebody is: what they wrote about themselves.
    Beside(String),
}

/// Looks for others, and if there are none writes down who is here.
///
/// # Errors
/// Whatever keeps the file from being used.
pub fn announce(data: &Path, about: &str) -> io::Result<Presence> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(data.join("up.lock"))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(about.as_bytes())?;
            Ok(Presence::Alone(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(Presence::Beside(text.trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}
