//! The bucket as a directory: write aside, sync, rename, sync the directory.

use crate::own_thread::{Gone, OwnThread};
use async_trait::async_trait;
use ports::{Bucket, BucketError, ObjectMeta, check_key};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Unfinished objects. No key may contain `~`.
const ASIDE: &str = "~unfinished";

/// Objects as files below one directory, shared by any number of processes of one machine.
#[derive(Clone)]
pub struct DirectoryBucket {
    root: PathBuf,
    disk: OwnThread<()>,
}

impl DirectoryBucket {
    /// Uses this directory, and makes it at first use.
    ///
    /// # Errors
    /// Whatever keeps the directory from being made.
    pub fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(ASIDE))?;
        Ok(Self { root: root.to_owned(), disk: OwnThread::start(()) })
    }

    async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Path) -> io::Result<R> + Send + 'static,
    ) -> Result<R, BucketError> {
        let root = self.root.clone();
        let gone = |Gone(why): Gone| BucketError::Unavailable(why);
        self.disk.call(move |()| job(&root)).await.map_err(gone)?.map_err(|error| {
            let text = format!("directory=`{}`: {error}", self.root.display());
            match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => BucketError::Rejected(text),
                _ => BucketError::Unavailable(text),
            }
        })
    }
}

#[async_trait]
impl Bucket for DirectoryBucket {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        check_key(key)?;
        let (key, bytes) = (key.to_owned(), bytes.to_vec());
        self.call(move |root| {
            let path = root.join(&key);
            let folder = path.parent().unwrap_or(root);
            make_folders(root, folder)?;
            let mut file = tempfile::NamedTempFile::new_in(root.join(ASIDE))?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|e| e.error)?;
            File::open(folder)?.sync_all()
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let key = key.to_owned();
        self.call(move |root| if_there(root, fs::read(root.join(key)))).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        let key = key.to_owned();
        self.call(move |root| {
            let Some(mut file) = if_there(root, File::open(root.join(key)))? else { return Ok(None) };
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        })
        .await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        let key = key.to_owned();
        self.call(move |root| {
            let meta = if_there(root, fs::metadata(root.join(&key)))?;
            Ok(meta.filter(fs::Metadata::is_file).map(|meta| ObjectMeta { key, size: meta.len() }))
        })
        .await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        let (prefix, start_after) = (prefix.to_owned(), start_after.unwrap_or_default().to_owned());
        self.call(move |root| {
            let mut found = Vec::new();
            let folder = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
            let listing = Listing { root, prefix: &prefix, start_after: &start_after, limit };
            listing.walk(folder, &mut found)?;
            Ok(found)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        check_key(key)?;
        let key = key.to_owned();
        self.call(move |root| {
            let path = root.join(key);
            if if_there(root, fs::remove_file(&path))?.is_some() {
                File::open(path.parent().unwrap_or(root))?.sync_all()?;
            }
            Ok(())
        })
        .await
    }
}

/// Makes the folders down to `folder`; each is synced into its parent, or a power cut could take
/// the object's folder with it.
fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = folder;
    while at != root && !at.is_dir() {
        missing.push(at);
        at = at.parent().unwrap_or(root);
    }
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => File::open(folder.parent().unwrap_or(root))?.sync_all()?,
        }
    }
    Ok(())
}

struct Listing<'a> {
    root: &'a Path,
    prefix: &'a str,
    start_after: &'a str,
    limit: usize,
}

impl Listing<'_> {
    /// Walks in the byte order of whole keys, in which a folder stands as its name with a slash, and
    /// skips what lies before `start_after` without looking into it.
    fn walk(&self, folder: &str, found: &mut Vec<ObjectMeta>) -> io::Result<()> {
        let Some(entries) = if_there(self.root, fs::read_dir(self.root.join(folder)))? else { return Ok(()) };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
            names.push(format!("{folder}{name}{slash}"));
        }
        names.sort_unstable();
        for name in names {
            if found.len() == self.limit {
                break;
            }
            let may_match = name.starts_with(self.prefix) || self.prefix.starts_with(&name);
            let hidden = name.starts_with(ASIDE);
            let passed = if name.ends_with('/') {
                name.as_str() < self.start_after && !self.start_after.starts_with(&name)
            } else {
                name.as_str() <= self.start_after
            };
            if !may_match || hidden || passed {
                continue;
            }
            if name.ends_with('/') {
                self.walk(&name, found)?;
            } else if let Some(meta) = if_there(self.root, fs::metadata(self.root.join(&name)))? {
                found.push(ObjectMeta { key: name, size: meta.len() });
            }
        }
        Ok(())
    }
}

/// What is not there, is not: unless the bucket itself is gone, as a disk is that is not mounted. An empty
/// bucket would say that every archive and every checkpoint copy was deleted.
fn if_there<T>(root: &Path, result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            match root.join(ASIDE).is_dir() {
                true => Ok(None),
                false => Err(io::Error::other("the bucket is gone from this directory; mount it, or bring it back")),
            }
        }
        Err(error) => Err(error),
    }
}
