//! The data directory of the embedded default: `table.db`, `queue.db`, `bucket/`, `keys/`, `chain`, and
//! `layout`, which is there once the directory was complete.

use domain::hash::hex;
use domain::names::ChainName;
use ports::Ids;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder in it.
    #[error("cannot use {}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is none, and the command makes none.
    #[error("there is no log in {}; `dezky up` or `dezky record` makes one, or check --data", .0.display())]
    None(PathBuf),
    /// A newer program made it.
    #[error("{} was made by a newer dezky (layout {found}; this one knows {LAYOUT}); use that version", .path.display())]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its layout.
        found: String,
    },
    /// A file is gone while the log is there: a new one would be another installation's.
    #[error("{} is missing although there is a log beside it; restore it from a backup, or set {setting}", .path.display())]
    Missing {
        /// Which.
        path: PathBuf,
        /// What takes its place.
        setting: &'static str,
    },
    /// A file in it does not hold what it should.
    #[error("{} does not hold {what}; restore it from a backup", .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
}

/// What this program knows a directory to hold.
const LAYOUT: &str = "1";

/// A directory that holds everything of one embedded installation.
#[derive(Debug, Clone)]
pub struct DataDirectory(PathBuf, Use);

/// Whether the directory held a log when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    New,
    Old,
}

impl DataDirectory {
    /// Uses this directory, and makes it at first use, readable by its owner only.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let layout = path.join("layout");
        let there = match fs::read_to_string(&layout) {
            // Complete: a function that starts anew for each request looks at nothing else.
            Ok(found) if found.trim() == LAYOUT => return Ok(Self(path.to_owned(), Use::Old)),
            Ok(found) => return Err(DataError::Newer { path: path.to_owned(), found: found.trim().to_owned() }),
            Err(error) if error.kind() == ErrorKind::NotFound => path.join("table.db").exists(),
            Err(source) => return Err(DataError::Io { path: layout, source }),
        };
        for folder in [path.to_owned(), path.join("keys"), path.join("bucket")] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|source| DataError::Io { path: folder, source })?;
        }
        Ok(Self(path.to_owned(), if there { Use::Old } else { Use::New }))
    }

    /// Remembers that everything of the directory was made: what is missing from now on was lost.
    ///
    /// # Errors
    /// Whatever keeps the file from being made.
    pub fn complete(&self) -> Result<(), DataError> {
        read_or_make(&self.0.join("layout"), || format!("{LAYOUT}\n").into_bytes()).map(drop)
    }

    /// Whether nothing was in it yet.
    pub fn is_new(&self) -> bool {
        self.1 == Use::New
    }

    /// Whether others on this machine may look into the directory.
    ///
    /// # Errors
    /// Whatever keeps it from being looked at.
    pub fn is_open_to_others(&self) -> Result<bool, DataError> {
        let meta = fs::metadata(&self.0).map_err(|source| DataError::Io { path: self.0.clone(), source })?;
        Ok(meta.permissions().mode() & 0o077 != 0)
    }

    /// A file that the program brings, made whole at first use and never again: several processes that
    /// start at once read the same one.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn bundled(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<PathBuf, DataError> {
        let folder = self.0.join(folder);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| DataError::Io { path: folder.clone(), source })?;
        let path = folder.join(name);
        read_or_make(&path, || bytes.to_vec())?;
        Ok(path)
    }

    /// Uses this directory, which must be there.
    ///
    /// # Errors
    /// No such directory, or whatever keeps it from being used.
    pub fn open_existing(path: &Path) -> Result<Self, DataError> {
        // An empty folder is a mistyped name or a disk that is not mounted, and no empty log.
        let mut there = false;
        for name in ["chain", "table.db", "layout"] {
            let file = path.join(name);
            there |= file.try_exists().map_err(|source| DataError::Io { path: file, source })?;
        }
        if there { Self::open(path) } else { Err(DataError::None(path.to_owned())) }
    }

    /// `TABLE_URL` by default.
    pub fn table_url(&self) -> String {
        format!("sqlite:{}", self.0.join("table.db").display())
    }

    /// `QUEUE_URL` by default.
    pub fn queue_url(&self) -> String {
        format!("sqlite:{}", self.0.join("queue.db").display())
    }

    /// `BUCKET_URL` by default.
    pub fn bucket_url(&self) -> String {
        format!("file:{}", self.0.join("bucket").display())
    }

    /// A key of 32 bytes in hex from `keys/<name>`, made at first use, unless
    /// there is a log already. Several processes that start at once get the same.
    ///
    /// # Errors
    /// A file that cannot be read or made, or that holds something else.
    pub fn key(&self, name: &str, setting: &'static str, ids: &dyn Ids) -> Result<String, DataError> {
        let path = self.0.join("keys").join(name);
        let made = || format!("{}{}\n", hex(&ids.nonce()), hex(&ids.nonce())).into_bytes();
        let text = String::from_utf8_lossy(&self.read_or_make(&path, setting, made)?).trim().to_owned();
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if fits { Ok(text) } else { Err(DataError::Malformed { path, what: "64 hex digits" }) }
    }

    /// A key of 32 bytes in hex whose loss harms nobody but who holds what it made: made anew where it
    /// is missing.
    ///
    /// # Errors
    /// A file that cannot be read or made, or that holds something else.
    pub fn replaceable_key(&self, name: &str, ids: &dyn Ids) -> Result<String, DataError> {
        let any = Self(self.0.clone(), Use::New);
        any.key(name, "", ids)
    }

    /// The chain's name, `local-` and 8 hex digits, made at first use.
    ///
    /// # Errors
    /// A file that cannot be read or made, or that holds something else.
    pub fn chain(&self, ids: &dyn Ids) -> Result<ChainName, DataError> {
        let path = self.0.join("chain");
        let made = || format!("local-{}\n", hex(&ids.nonce()[..4])).into_bytes();
        let text = self.read_or_make(&path, "AUDIT_CHAIN", made)?;
        ChainName::new(String::from_utf8_lossy(&text).trim())
            .map_err(|_| DataError::Malformed { path, what: "a chain's name" })
    }
}

impl DataDirectory {
    /// Reads a file; makes it only where nothing was lost with it.
    fn read_or_make(
        &self,
        path: &Path,
        setting: &'static str,
        make: impl FnOnce() -> Vec<u8>,
    ) -> Result<Vec<u8>, DataError> {
        match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && self.1 == Use::Old => {
                Err(DataError::Missing { path: path.to_owned(), setting })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => read_or_make(path, make),
            read => read.map_err(|source| DataError::Io { path: path.to_owned(), source }),
        }
    }
}

/// Whoever links the name first has made the file, whole and synced; the others read it.
fn read_or_make(path: &Path, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, DataError> {
    let failed = |source| DataError::Io { path: path.to_owned(), source };
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return read.map_err(failed),
    }
    let bytes = make();
    // Random, and created by nobody else: two containers on one volume may have the same process id.
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("the operating system has a random source");
    let aside = path.with_extension(format!("new-{}", hex(&random)));
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        match fs::hard_link(&aside, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => fs::remove_file(&aside)?,
        }
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| {
        // It may hold a key, and nobody would ever use it.
        let _ = fs::remove_file(&aside);
        failed(error)
    })?;
    fs::read(path).map_err(failed)
}
