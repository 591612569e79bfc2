//! Where the objects of archives are that somebody was given: a directory, or a bucket. Only read.

use crate::failure::Failure;
use domain::archive::Range;
use installation::object_store;
use ports::Bucket;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Objects that one call lists.
const PAGE: usize = 1000;

/// A place with objects.
pub(super) enum Place {
    Directory(PathBuf),
    Bucket { url: String, bucket: Arc<dyn Bucket> },
}

/// What of it belongs to archives, by the folder in which it is.
#[derive(Default)]
pub(super) struct Seen {
    /// Folders with manifests or objects of archives.
    pub(super) folders: BTreeMap<String, Folder>,
    /// Numbers of checkpoints, by folder; `None` are folders of others.
    pub(super) checkpoints: BTreeMap<String, BTreeSet<u64>>,
}

/// A folder with archives.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) manifests: BTreeSet<Range>,
    pub(super) objects: BTreeSet<Range>,
}

impl Seen {
    fn take(&mut self, path: &str) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some(range) = Range::of_name(name) {
            // Only names of our spelling: others say nothing.
            if name == range.manifest() {
                self.folders.entry(folder.to_owned()).or_default().manifests.insert(range);
            } else if name == range.object() {
                self.folders.entry(folder.to_owned()).or_default().objects.insert(range);
            }
            return;
        }
        let number = name.strip_suffix(".json").filter(|digits| digits.len() == 20).and_then(|n| n.parse().ok());
        let is_of_checkpoints = folder.rsplit('/').nth(1) == Some("checkpoints");
        if let Some(n) = number.filter(|_| is_of_checkpoints) {
            self.checkpoints.entry(folder.to_owned()).or_default().insert(n);
        }
    }
}

impl Place {
    /// A directory, or an `s3:` URL.
    pub(super) fn of(text: &str) -> Result<Self, Failure> {
        if text.starts_with("s3:") {
            return Ok(Self::Bucket { url: text.to_owned(), bucket: object_store("--archive", text)? });
        }
        let path = PathBuf::from(text);
        if !fs::metadata(&path).map_err(|error| Failure::file(&path, &error))?.is_dir() {
            return Err(Failure::usage(format!(
                "--archive: {text} is no directory; give the one with the manifests, or s3://BUCKET/PREFIX?…"
            )));
        }
        Ok(Self::Directory(path))
    }

    /// For people: where something in it is.
    pub(super) fn shown(&self, path: &str) -> String {
        let root = match self {
            Self::Directory(root) => root.display().to_string(),
            // What stands behind the question mark is no part of a name.
            Self::Bucket { url, .. } => url.split('?').next().unwrap_or_default().to_owned(),
        };
        if path.is_empty() { root } else { format!("{}/{path}", root.trim_end_matches('/')) }
    }

    /// Looks at all names below it.
    pub(super) fn look(&self) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        match self {
            Self::Directory(root) => walk(root, "", &mut seen)?,
            Self::Bucket { bucket, .. } => {
                let mut after: Option<String> = None;
                loop {
                    let page = wait(bucket.list("", after.as_deref(), PAGE));
                    let page = page.map_err(|error| Failure::new(format!("{}: {error}", self.shown(""))))?;
                    page.iter().for_each(|meta| seen.take(&meta.key));
                    match page.last() {
                        Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                        _ => break,
                    }
                }
            }
        }
        Ok(seen)
    }

    /// At most so many bytes of an object; `None` if there is none.
    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", self.shown(path));
        match self {
            Self::Directory(root) => {
                let file = match File::open(root.join(path)) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                    file => file.map_err(|error| told(&error))?,
                };
                let mut bytes = Vec::new();
                file.take(limit).read_to_end(&mut bytes).map_err(|error| told(&error))?;
                Ok(Some(bytes))
            }
            Self::Bucket { bucket, .. } => wait(bucket.get_range(path, 0, limit)).map_err(|error| told(&error)),
        }
    }
}

/// The verifier takes archives one by one and waits for each.
fn wait<T>(future: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(future))
}

fn walk(folder: &Path, relative: &str, seen: &mut Seen) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file(folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A name that is no text is none of ours.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let relative = if relative.is_empty() { name } else { format!("{relative}/{name}") };
        // Links to folders are not followed: they may lead round in a circle.
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), &relative, seen)?;
        } else {
            seen.take(&relative);
        }
    }
    Ok(())
}
