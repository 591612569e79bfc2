//! Archives that somebody touched at random: the Python verifier and ours find the same, from the
//! objects and the key alone.

use crate::verifier::python;
use domain::archive::{Found, Offline, Range};
use domain::hash::{Hash, hex};
use domain::keys::{KeyRing, VerifyKey};
use domain::verify::{Options, Start};
use serde_json::Value;
use services::append::Appender;
use services::archive::{Request, archive, expire::expire};
use std::collections::BTreeMap;
use std::path::Path;
use support::draft;
use support::world::{World, signing_key};

const MUTANTS: u64 = 400;
/// Folders that one call of the other verifier reads.
const AT_ONCE: usize = 100;

/// Objects of archives by name.
type Objects = BTreeMap<String, Vec<u8>>;

/// Four archives of several blocks each, and the same where the lines of the first have expired.
async fn honest() -> [Objects; 2] {
    let world = World::default();
    let cx = &world.cx;
    let appender = Appender::new(cx.clone());
    let now = cx.clock.now();
    let request = Request { cutoff: now, by: None, until: None };
    let objects = async || {
        let prefix = cx.cold.archives(&cx.chain);
        let mut objects = Objects::new();
        for meta in cx.cold.bucket.list(&prefix, None, 100).await.unwrap() {
            let bytes = cx.cold.bucket.get(&meta.key).await.unwrap().unwrap();
            objects.insert(meta.key[prefix.len()..].to_owned(), bytes);
        }
        objects
    };
    let (mut i, mut before) = (0, Objects::new());
    for round in 0..5 {
        for _ in 0..3 {
            appender.append((i..i + 70).map(draft).collect()).await.unwrap();
            i += 70;
        }
        if round == 4 {
            before = objects().await;
            assert_eq!(expire(cx, &appender, now, None).await.unwrap().expired.len(), 4);
            appender.append(vec![draft(i)]).await.unwrap();
        }
        assert_eq!(archive(cx, &appender, &request).await.unwrap().batches.len(), 1);
    }
    [before, objects().await]
}

/// Numbers from a seed, as for logs.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.thrown += 1;
        let hash = Hash::of(format!("archives {} {}", self.seed, self.thrown).as_bytes());
        let number = u64::from_be_bytes(hash.0[..8].try_into().unwrap());
        usize::try_from(number % n as u64).unwrap()
    }

    fn name(&mut self, objects: &Objects, ending: &str) -> Option<String> {
        let names: Vec<&String> = objects.keys().filter(|name| name.ends_with(ending)).collect();
        (!names.is_empty()).then(|| names[self.below(names.len())].clone())
    }
}

fn touch(objects: &mut Objects, dice: &mut Dice) -> Option<()> {
    let object = dice.name(objects, ".jsonl.gz");
    let manifest = dice.name(objects, ".manifest.json")?;
    match dice.below(12) {
        0 | 1 => {
            let bytes = objects.get_mut(&object?)?;
            let at = dice.below(bytes.len().max(1));
            *bytes.get_mut(at)? ^= 1 << dice.below(8);
        }
        2 => {
            let bytes = objects.get_mut(&object?)?;
            bytes.truncate(dice.below(bytes.len() + 1));
        }
        3 => {
            // At a seam between two gzip members.
            let bytes = objects.get_mut(&object?)?;
            let starts: Vec<usize> = memchr::memmem::find_iter(bytes, b"\x1f\x8b\x08\0\0\0\0\0\0\xff").collect();
            bytes.truncate(*starts.get(dice.below(starts.len().max(1)))?);
        }
        4 => {
            let more = [&b"\0"[..], b"x", b"{}\n", b"\x1f\x8b"][dice.below(4)];
            objects.get_mut(&object?)?.extend_from_slice(more);
        }
        5 => {
            objects.remove(&object?);
        }
        6 => {
            objects.remove(&manifest);
        }
        7 => {
            let bytes = objects.get_mut(&manifest)?;
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(7);
        }
        8 => {
            // A manifest, or an object, of another archive.
            let ending = if dice.below(2) == 0 { ".manifest.json" } else { ".jsonl.gz" };
            let (one, other) = (dice.name(objects, ending)?, dice.name(objects, ending)?);
            let (first, second) = (objects.get(&one)?.clone(), objects.get(&other)?.clone());
            objects.extend([(one, second), (other, first)]);
        }
        9 => {
            // The same lines, packed anew.
            use std::io::{Read, Write};
            let name = object?;
            let mut lines = Vec::new();
            flate2::read::MultiGzDecoder::new(&objects.get(&name)?[..]).read_to_end(&mut lines).ok()?;
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&lines).ok()?;
            objects.insert(name, packed.finish().ok()?);
        }
        10 => {
            let stem = manifest.split('.').next()?.to_owned();
            objects.retain(|name, _| !name.starts_with(&stem));
        }
        _ => {
            // Some of its bytes once more.
            let bytes = objects.get_mut(&object?)?;
            let (at, end) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
            let some = bytes.get(at.min(end)..at.max(end))?.to_vec();
            bytes.extend(some);
        }
    }
    Some(())
}

fn ours(objects: &Objects, ring: &KeyRing) -> (String, Value) {
    let mut ranges: Vec<Range> = objects
        .keys()
        .filter(|name| !name.ends_with(".kept.jsonl"))
        .map(|name| Range::of_name(name).unwrap())
        .collect();
    ranges.dedup();
    let found = |range: Range| Found {
        range,
        manifest: objects.get(&range.manifest()).cloned().unwrap_or_default(),
        object: objects.get(&range.object()).cloned(),
    };
    let options = Options {
        ring: ring.clone(),
        start: Start::FirstLine,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: false,
        repeat_key: [3; 16],
        threads: 0,
    };
    let none = std::iter::empty::<std::io::Result<Vec<u8>>>();
    let mut offline = Offline::new(&options, &found(ranges[0]), none, &[], None);
    ranges.into_iter().for_each(|range| offline.archive(found(range)).unwrap());
    let report = offline.finish().unwrap();
    let first = report.first_break.as_ref();
    let first = first.map_or(Value::Null, |found| serde_json::from_slice(&found.to_value().canonical()).unwrap());
    (report.status().as_str().to_owned(), first)
}

fn write(folder: &Path, objects: &Objects) {
    std::fs::create_dir(folder).unwrap();
    objects.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
}

#[tokio::test]
async fn it_agrees_on_archives_that_were_touched_at_random() {
    let honest = honest().await;
    let VerifyKey::HmacSha256(secret) = signing_key().verify_key() else { panic!("the tests' key is an HMAC key") };
    let key = format!("hmac-sha256:{}", hex(&secret));
    let ring = KeyRing::of(signing_key().verify_key());
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for seed in 0..MUTANTS {
        let mut dice = Dice { seed, thrown: 0 };
        let mut objects = honest[dice.below(2)].clone();
        // The first ones are as they were made.
        for _ in 0..if seed < 4 { 0 } else { 1 + dice.below(2) } {
            let _ = touch(&mut objects, &mut dice);
        }
        let at = folder.path().join(seed.to_string());
        write(&at, &objects);
        cases.push((at.display().to_string(), ours(&objects, &ring)));
    }
    let of = |status: &str| cases.iter().filter(|(_, (found, _))| found == status).count();
    assert!(of("broken") > cases.len() / 2 && of("intact") >= 4, "{} broken, {} intact", of("broken"), of("intact"));
    for some in cases.chunks(AT_ONCE) {
        let folders: Vec<&str> = some.iter().map(|(folder, _)| folder.as_str()).collect();
        let (_, text) = python(&[&["archive", "--key", &key], &folders[..]].concat());
        let theirs: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}"))).collect();
        assert_eq!(theirs.len(), some.len());
        for ((folder, (status, first)), theirs) in some.iter().zip(theirs) {
            assert_eq!((theirs["status"].as_str(), &theirs["break"]), (Some(status.as_str()), first), "{folder}");
        }
    }
}
