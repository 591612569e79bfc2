//! SQLite as several processes of one machine share it: write-ahead log, every commit synced.

use crate::own_thread::OwnThread;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pages that are kept in memory, in KiB.
const CACHE_KIB: i64 = 32 * 1024;
/// Pages of 4 KiB that the write-ahead log takes before they are copied into the file.
const CHECKPOINT_PAGES: i64 = 16 * 1024;
/// How long a call waits for another process's write before it says that the file is busy.
pub(crate) const BUSY: Duration = Duration::from_secs(30);

/// A database file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program made it.
    #[error("{} was made by a newer dezky (layout {found}; this one knows {known}); use that version", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite cannot open it.
    #[error("cannot open the database {}: {reason}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says, and what to do.
        reason: String,
    },
}

/// Who waits until a file is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Whoever opens it, and hears at once what is wrong with it.
    Now,
    /// The first call: a function that starts anew for a request does other things meanwhile.
    Meanwhile,
}

/// Opens a file, makes its tables at first use, and puts the connection on a thread of its own.
pub(crate) fn open(
    path: &Path,
    layout: i64,
    schema: &'static str,
    opening: Opening,
) -> Result<OwnThread<Connection>, OpenError> {
    match opening {
        Opening::Now => connect(path, layout, schema).map(OwnThread::start),
        Opening::Meanwhile => {
            let path = path.to_owned();
            let open = move || connect(&path, layout, schema).map_err(|error| error.to_string());
            Ok(OwnThread::start_with(open))
        }
    }
}

fn connect(path: &Path, layout: i64, schema: &'static str) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Sqlite { path: path.to_owned(), reason: describe(&error) };
    // Made for its owner only; SQLite gives its other files the same mode. Never opened where it is
    // there: closing it again would drop every lock that this process holds on it (POSIX), and the next
    // program that looks at the file would take the write-ahead log for abandoned and delete it.
    // Whatever keeps the file from being made is said by SQLite right after.
    let _ = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    switch_to_wal(&connection).map_err(failed)?;
    // FULL syncs the log at every commit: what is acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    // Keys are hashes, so that neighbours in time are scattered over the tree: without room for its
    // inner pages and recent leaves, every look-up reads from the file.
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(failed)?;
    // A batch of derived rows touches thousands of pages; to copy them back once per 4 MB (the
    // default) would write most of them several times.
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(failed)?;
    let version = |c: &Connection| c.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    if version(&connection).map_err(failed)? == 0 {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Another process may have made them while this one waited.
        if version(&transaction).map_err(failed)? == 0 {
            transaction.execute_batch(schema).map_err(failed)?;
            transaction.pragma_update(None, "user_version", layout).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
    }
    let found = version(&connection).map_err(failed)?;
    if found > layout {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: layout });
    }
    Ok(connection)
}

/// The switch needs the file alone and does not wait for it by itself; a write transaction does.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut last = Ok(());
    for _ in 0..50 {
        last = connection.pragma_update(None, "journal_mode", "WAL");
        match &last {
            Err(error) if is_busy(error) => connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?,
            _ => return last,
        }
    }
    last
}

pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the error can never go away by itself.
pub(crate) fn is_final(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

/// What happened, and what to do.
pub(crate) fn describe(error: &rusqlite::Error) -> String {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; free some space, nothing was lost",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process holds it; try again",
        Some(ErrorCode::CannotOpen) => "check that the folder exists and may be written",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "check the permissions of the file and its folder",
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "the file is damaged or is not ours; restore it from a backup"
        }
        Some(ErrorCode::SystemIoFailure) => "the disk reports an error or is full",
        _ => return error.to_string(),
    };
    format!("{error}: {advice}")
}
