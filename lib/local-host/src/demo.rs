//! A bundled OCIS audit log, for those who want to see the hub at work.

use adapters_local::{DataDirectory, DataError};
use std::path::{Path, PathBuf};

const LOG: &[u8] = include_bytes!("../../../docs/samples/ocis-audit.log");

/// Writes the bundled log below the data directory, which must be there, unless it has it: the place in
/// it is remembered, so that a second start doubles nothing.
///
/// # Errors
/// Whatever keeps the file from being written.
pub fn write_demo_log(data: &Path) -> Result<PathBuf, DataError> {
    DataDirectory::open_existing(data)?.bundled("demo", "ocis-audit.log", LOG)
}
