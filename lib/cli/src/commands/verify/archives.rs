//! Archives alone: their objects and the keys, and no installation.

use super::objects::{Folder, Place, Seen};
use super::{Arguments, add_keys, anchors, lines_of, scratch, text};
use crate::commands::progress::Progress;
use crate::failure::Failure;
use domain::archive::{Found, Manifest, Offline, Range};
use domain::keys::KeyRing;
use domain::verify::{Options, Start};
use installation::threads;
use ports::Ids;
use services::verify::{Tiers, Verification};
use std::collections::BTreeSet;
use std::io;
use std::process::ExitCode;

/// Most bytes of a manifest that are read: one of the most blocks that an archive may have is smaller.
const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;
/// Most bytes of an object that are read, whatever its manifest says of it.
const MAX_OBJECT_BYTES: u64 = 17 * 1024 * 1024;
/// Most bytes of a checkpoint.
const MAX_CHECKPOINT_BYTES: u64 = 64 * 1024;

type Lines<'a> = Box<dyn Iterator<Item = io::Result<Vec<u8>>> + 'a>;

/// Checks archives in a directory or a bucket.
pub(super) fn offline(given: &str, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let place = Place::of(given)?;
    let seen = place.look()?;
    let (name, folder) = the_one(&place, &seen)?;
    let mut ring = KeyRing::default();
    add_keys(&mut ring, &arguments.key)?;
    let options = Options {
        ring,
        start: Start::FirstLine,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: false,
        repeat_key: adapters_local::RandomIds.nonce(),
        threads: threads(),
    };
    let checkpoints: Lines<'_> = match &arguments.checkpoints {
        Some(path) => Box::new(lines_of(path)?.into_iter().map(Ok)),
        None => checkpoints_beside(&place, &seen, name, folder),
    };
    let all: BTreeSet<Range> = folder.manifests.union(&folder.objects).copied().collect();
    let Some(first) = all.first() else { return Err(nothing(&place)) };
    let first = found(&place, name, folder, *first)?;
    let mut offline = Offline::new(&options, &first, checkpoints, &anchors(&arguments.anchor)?, scratch()?);
    drop(first);
    let mut progress = Progress::new();
    let total = all.len() as u64;
    for (done, range) in (0..).zip(all) {
        progress.at(done, total);
        offline.archive(found(&place, name, folder, range)?)?;
    }
    let report = offline.finish()?;
    progress.end();
    let highest_archived = report.head.map(|(seq, _)| seq);
    text::answer(&Verification { report, tiers: Tiers::All, oldest_hot: None, highest_archived, stopped: None }, json)
}

/// The folder with the archives of one chain.
fn the_one<'a>(place: &Place, seen: &'a Seen) -> Result<(&'a str, &'a Folder), Failure> {
    let mut with_manifests = seen.folders.iter().filter(|(_, folder)| !folder.manifests.is_empty());
    match (with_manifests.next(), with_manifests.next()) {
        (None, _) => Err(nothing(place)),
        (Some((name, folder)), None) => Ok((name, folder)),
        _ => {
            let names = seen.folders.iter().filter(|(_, folder)| !folder.manifests.is_empty());
            let names: Vec<String> = names.map(|(name, _)| place.shown(name)).collect();
            Err(Failure::usage(format!(
                "--archive: there are archives of several chains, or several copies of them: {}; give one of these",
                names.join(", ")
            )))
        }
    }
}

fn nothing(place: &Place) -> Failure {
    Failure::usage(format!(
        "--archive: there is no archive in {}: looked in it and below for names such as {}",
        place.shown(""),
        Range { start: 1, end: 1000 }.manifest()
    ))
}

/// One archive. An object without a manifest has an empty one, so that it is found out.
fn found(place: &Place, name: &str, folder: &Folder, range: Range) -> Result<Found, Failure> {
    let path = |file: String| if name.is_empty() { file } else { format!("{name}/{file}") };
    let read = |file: String, limit: u64| place.read(&path(file), limit).map_err(Failure::new);
    let manifest = match folder.manifests.contains(&range) {
        true => read(range.manifest(), MAX_MANIFEST_BYTES + 1)?.unwrap_or_default(),
        false => Vec::new(),
    };
    let object = match Manifest::from_bytes(&manifest) {
        // One byte more than there should be shows that something follows.
        Ok(manifest) => read(range.object(), manifest.bytes_compressed.saturating_add(1).min(MAX_OBJECT_BYTES))?,
        Err(_) => None,
    };
    Ok(Found { range, manifest, object })
}

/// Copies of the chain's checkpoints in the same place, read one by one as they are needed.
fn checkpoints_beside<'a>(place: &'a Place, seen: &'a Seen, name: &str, folder: &Folder) -> Lines<'a> {
    // The chain's name is that of the folder; a folder that was given itself has none, and then a manifest says it.
    let named = |range: &Range| {
        let bytes = found(place, name, folder, *range).ok()?.manifest;
        Some(Manifest::from_bytes(&bytes).ok()?.chain.to_string())
    };
    let chain = match name.rsplit('/').next() {
        Some(chain) if !chain.is_empty() => chain.to_owned(),
        _ => folder.manifests.iter().find_map(named).unwrap_or_default(),
    };
    let of_the_chain = seen.checkpoints.iter().find(|(path, _)| path.rsplit('/').next() == Some(chain.as_str()));
    let Some((path, numbers)) = of_the_chain else { return Box::new(std::iter::empty()) };
    Box::new(numbers.iter().filter_map(move |n| {
        place.read(&format!("{path}/{n:020}.json"), MAX_CHECKPOINT_BYTES).map_err(io::Error::other).transpose()
    }))
}
