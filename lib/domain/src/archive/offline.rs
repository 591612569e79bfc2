//! Verifying archives by what is in them alone: manifests, objects, and the keys.

use super::{Manifest, Range, faults};
use crate::block::{MAX_PLAIN_BYTES, gzip};
use crate::event::Event;
use crate::hash::Hash;
use crate::names::Source;
use crate::verify::{Break, Checked, Chunk, Evidence, Options, Pool, Report, Scratch, Start, Walk};
use sha2::{Digest as _, Sha256};
use std::io;

/// The action by which the chain says that lines are gone rightly.
const EXPIRED: &[u8] = b"\"action\":\"audit.archive_expired\"";

/// One archive, as it was found.
#[derive(Debug)]
pub struct Found {
    /// What the names of its objects say.
    pub range: Range,
    /// The bytes of its manifest.
    pub manifest: Vec<u8>,
    /// Its object; `None` if there is none.
    pub object: Option<Vec<u8>>,
}

/// Goes over archives in order.
pub struct Offline<C> {
    options: Options,
    walk: Walk,
    pool: Pool,
    checkpoints: C,
    /// The manifest before: its range, and SHA-256 over its bytes.
    before: Option<(Range, Hash)>,
    /// Archives without an object, and their manifests: the chain has to say that they expired.
    gone: Vec<(Range, Hash)>,
    said: Vec<(Range, Hash)>,
}

impl<C: Iterator<Item = io::Result<Vec<u8>>>> Offline<C> {
    /// Starts with the archive `first`, or with what its manifest says stood before. `checkpoints` are
    /// the chain's, ascending; `anchors` are copies from elsewhere.
    pub fn new(
        options: &Options,
        first: &Found,
        checkpoints: C,
        anchors: &[Vec<u8>],
        scratch: Option<Box<dyn Scratch>>,
    ) -> Self {
        let manifest = Manifest::from_bytes(&first.manifest).ok();
        let start = match &manifest {
            _ if first.range.start == 1 => Start::Genesis,
            Some(manifest) => Start::At { seq: first.range.start, prev_hash: manifest.prev_hash },
            None => Start::FirstLine,
        };
        let options = Options { start, parse_after: u64::MAX, all_checkpoints: false, ..options.clone() };
        let mut walk = Walk::new(options.clone(), manifest.map(|manifest| manifest.chain), scratch);
        if first.range.start != 1 {
            walk.missing(format!("the archives of events 1-{} are not here", first.range.start - 1));
        }
        if options.ring.is_empty() {
            walk.missing("no key to check the manifests' signatures with".to_owned());
        }
        anchors.iter().for_each(|anchor| walk.checkpoint(anchor, Evidence::Anchor));
        let pool = Pool::new(&options);
        Self { options, walk, pool, checkpoints, before: None, gone: Vec::new(), said: Vec::new() }
    }

    /// Looks at the next archive.
    ///
    /// # Errors
    /// Only those of the checkpoints and the scratch; whatever is wrong with the archive is in the report.
    pub fn archive(&mut self, found: Found) -> io::Result<()> {
        let Found { range, manifest: bytes, object } = found;
        let digest = Hash::of(&bytes);
        let before = self.before.replace((range, digest));
        let manifest = Manifest::from_bytes(&bytes).ok().filter(|manifest| {
            manifest.range == range && (self.options.ring.is_empty() || manifest.is_signed_by(&self.options.ring))
        });
        let Some(manifest) = manifest else {
            self.drain()?;
            self.walk.archive(Break::of_manifest(range));
            self.walk.skip(range, None, None);
            return Ok(());
        };
        let adjacent = before.filter(|(before, _)| before.end + 1 == range.start);
        let follows = match adjacent {
            Some((_, digest)) => manifest.prev_manifest == digest,
            None => range.start != 1 || manifest.prev_manifest == Hash::ZERO,
        };
        if !follows {
            self.walk.archive(Break::of_manifest(range));
        }
        let Some(object) = object else {
            self.drain()?;
            self.gone.push((range, digest));
            self.walk.skip(range, Some(manifest.prev_hash), Some(manifest.head_hash));
            return Ok(());
        };
        let faults = faults(&manifest, &object, &self.options);
        if !faults.is_empty() {
            self.drain()?;
            faults.into_iter().for_each(|found| self.walk.archive(found));
            self.walk.skip(range, Some(manifest.prev_hash), Some(manifest.head_hash));
            return Ok(());
        }
        self.lines(&manifest, &object)
    }

    /// The object is the one that was archived: do its lines hold, and are they what the manifest says?
    fn lines(&mut self, manifest: &Manifest, object: &[u8]) -> io::Result<()> {
        let mut unpacker = gzip::Unpacker::new();
        let (mut sha, mut bytes) = (Sha256::new(), 0);
        for block in &manifest.blocks {
            let place = usize::try_from(block.offset).ok().zip(usize::try_from(block.offset + block.length).ok());
            let members = place.and_then(|(start, end)| object.get(start..end)).unwrap_or_default();
            let mut plain = Vec::new();
            if unpacker.unpack_run(members, MAX_PLAIN_BYTES, &mut plain).is_err() {
                self.submit(Chunk::Members(members.to_vec()))?;
                continue;
            }
            sha.update(&plain);
            bytes += plain.len() as u64;
            self.listen(&plain);
            self.submit(Chunk::Lines(plain))?;
        }
        if Hash(sha.finalize().into()) != manifest.jsonl_sha256 || bytes != manifest.bytes_uncompressed {
            self.walk.archive(Break::of_manifest(manifest.range));
        } else {
            self.walk.archive_holds();
        }
        Ok(())
    }

    /// Which archives do these lines say expired?
    fn listen(&mut self, plain: &[u8]) {
        for at in memchr::memmem::find_iter(plain, EXPIRED) {
            let start = memchr::memrchr(b'\n', &plain[..at]).map_or(0, |lf| lf + 1);
            let end = memchr::memchr(b'\n', &plain[at..]).map_or(plain.len(), |lf| at + lf);
            let Ok(event) = Event::from_line(&plain[start..end]) else { continue };
            let metadata = event.draft.metadata();
            let number = |name: &str| metadata.get(name).and_then(crate::json::Value::as_u64);
            let manifest = metadata.get("manifestSha256").and_then(|hash| Hash::from_hex(hash.as_str()?.as_bytes()));
            if let (Some(start), Some(end), Some(manifest)) = (number("startSeq"), number("endSeq"), manifest)
                && event.draft.source().as_str() == Source::AUDIT
            {
                self.said.push((Range { start, end }, manifest));
            }
        }
    }

    fn submit(&mut self, chunk: Chunk) -> io::Result<()> {
        match self.pool.submit(chunk) {
            Some(run) => self.join(run),
            None => Ok(()),
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        while let Some(run) = self.pool.receive() {
            self.join(run)?;
        }
        Ok(())
    }

    fn join(&mut self, run: Checked) -> io::Result<()> {
        let greatest = run.greatest_seq();
        while !self.walk.has_checkpoints_beyond(greatest) {
            let Some(line) = self.checkpoints.next() else { break };
            self.walk.checkpoint(&line?, Evidence::Chained);
        }
        self.walk.run(run)
    }

    /// The answer. Lines that are gone are a break unless later ones say that they expired.
    ///
    /// # Errors
    /// Only those of the checkpoints and the scratch.
    pub fn finish(mut self) -> io::Result<Report> {
        self.drain()?;
        for gone in std::mem::take(&mut self.gone) {
            if self.said.contains(&gone) {
                self.walk.expired(gone.0);
            } else {
                self.walk.archive(Break::of_archive(gone.0, gone.0.start));
            }
        }
        self.walk.stop()
    }
}
