//! A bundled OCIS audit log, for those who want to see the hub at work.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const LOG: &[u8] = include_bytes!("../../../docs/samples/ocis-audit.log");

/// Writes the bundled log below the data directory, unless it is there: its place in it is
/// remembered, so that a second start doubles nothing.
///
/// # Errors
/// Whatever keeps the file from being written.
pub fn write_demo_log(data: &Path) -> io::Result<PathBuf> {
    let folder = data.join("demo");
    let path = folder.join("ocis-audit.log");
    if !path.exists() {
        fs::create_dir_all(&folder)?;
        // Aside and renamed: a reader never sees half of it.
        let aside = folder.join(format!("unfinished-{}", std::process::id()));
        let mut file = File::create(&aside)?;
        file.write_all(LOG)?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
    }
    Ok(path)
}
