//! A log file on this machine's disk, by device and inode.

use crate::own_thread::{Gone, OwnThread};
use async_trait::async_trait;
use ports::{LogFile, LogFileError};
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The log of this path; its rotated files are looked for in the same folder.
#[derive(Clone)]
pub struct DiskLog {
    path: PathBuf,
    disk: OwnThread<()>,
}

impl DiskLog {
    /// The log of this path. The file need not be there yet.
    pub fn new(path: &Path) -> Self {
        // Two ways to write one path are one log.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, disk: OwnThread::start(()) }
    }

    async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Path) -> io::Result<R> + Send + 'static,
    ) -> Result<R, LogFileError> {
        let path = self.path.clone();
        let gone = |Gone(why): Gone| LogFileError(why);
        let done = self.disk.call(move |()| job(&path)).await.map_err(gone)?;
        done.map_err(|error| LogFileError(format!("path=`{}`: {error}", self.path.display())))
    }
}

#[async_trait]
impl LogFile for DiskLog {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    async fn current(&self) -> Result<Option<String>, LogFileError> {
        self.call(|path| match fs::metadata(path) {
            Ok(meta) if meta.is_file() => Ok(Some(id(&meta))),
            Ok(_) => Err(io::Error::other("this is no regular file")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn read(&self, wanted: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
        let wanted = wanted.to_owned();
        self.call(move |path| {
            let Some(file) = find(path, &wanted)? else { return Ok(None) };
            let mut bytes = vec![0; limit];
            let mut filled = 0;
            while filled < limit {
                match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            bytes.truncate(filled);
            Ok(Some(bytes))
        })
        .await
    }
}

fn id(meta: &Metadata) -> String {
    format!("{}-{}", meta.dev(), meta.ino())
}

/// Opens the file with this id. What was opened is asked again: the name may have moved meanwhile.
fn find(path: &Path, wanted: &str) -> io::Result<Option<File>> {
    let open = |path: &Path| -> io::Result<Option<File>> {
        match File::open(path) {
            Ok(file) => Ok((id(&file.metadata()?) == wanted).then_some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    if let Some(file) = open(path)? {
        return Ok(Some(file));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Not followed: a link is another name of a file that is looked at anyway, or elsewhere.
        if entry.metadata().is_ok_and(|meta| meta.is_file() && id(&meta) == wanted) {
            return open(&entry.path());
        }
    }
    Ok(None)
}
