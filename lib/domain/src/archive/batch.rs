//! Putting blocks together into an archive, each looked at once more before it leaves.

use super::{ArchivedBlock, MAX_BLOCKS, MAX_BYTES, MAX_EVENTS, Manifest, Range};
use crate::block::{Block, Header, MAX_COMPRESSED_BYTES};
use crate::derived::{Entry, entries_at};
use crate::hash::Hash;
use crate::keys::KeyRing;
use crate::names::ChainName;
use crate::parallel;
use crate::time::Timestamp;
use crate::verify::{Break, BreakKind, KeptLines, Options, Start, check_and_keep};
use sha2::{Digest as _, Sha256};

/// A block that may not leave the hot store: something about it does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(pub Box<Break>);

/// An archive to be.
pub struct Batch {
    chain: ChainName,
    options: Options,
    start: u64,
    prev_hash: Hash,
    /// The blocks' members, one after the other.
    object: Vec<u8>,
    blocks: Vec<ArchivedBlock>,
    lines: Sha256,
    plain_bytes: u64,
    /// Lines that are not hashed yet.
    waiting: Vec<Vec<u8>>,
    /// The entries of each block, to be dropped once it is archived.
    entries: Vec<Vec<Entry>>,
    /// Of the newest block.
    last: Option<Header>,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl Batch {
    /// What blocks are looked at for before they leave.
    pub fn options() -> Options {
        Options {
            ring: KeyRing::default(),
            start: Start::FirstLine,
            end: None,
            // A checkpoint covers all of it, and its signer read every line in full.
            parse_after: u64::MAX,
            all_checkpoints: false,
            repeat_key: [0; 16],
            threads: 0,
        }
    }

    /// An archive that starts with this event.
    pub fn new(chain: &ChainName, start: u64, prev_hash: Hash) -> Self {
        let never = Timestamp::from_unix_millis(0).expect("within the years of the format");
        Self {
            chain: chain.clone(),
            options: Self::options(),
            start,
            prev_hash,
            // Only what is used is ever touched; growing by doubling would hold twice as much.
            object: Vec::with_capacity(usize::try_from(MAX_BYTES).unwrap_or_default() + MAX_COMPRESSED_BYTES),
            blocks: Vec::new(),
            lines: Sha256::new(),
            plain_bytes: 0,
            waiting: Vec::new(),
            entries: Vec::new(),
            last: None,
            first_at: never,
            last_at: never,
        }
    }

    /// Whether a block of this header still fits. The first one always does.
    pub fn has_room_for(&self, header: &Header) -> bool {
        let bytes: u64 = header.members.iter().map(|member| u64::from(member.bytes)).sum();
        let fits = self.object.len() as u64 + bytes <= MAX_BYTES
            && header.last_seq().saturating_sub(self.start) < MAX_EVENTS
            && self.blocks.len() < MAX_BLOCKS;
        self.blocks.is_empty() || fits
    }

    /// Takes the next blocks, looked at on so many threads; as many of them as hold and fit. How many.
    ///
    /// # Errors
    /// The first block does not hold: it stays where it is, to be looked at.
    pub fn add_all(&mut self, blocks: &[Block], threads: usize) -> Result<usize, Unfit> {
        let (options, lines, waiting) = (&self.options, &mut self.lines, std::mem::take(&mut self.waiting));
        let mut hash_waiting = || waiting.iter().for_each(|plain| lines.update(plain));
        let check = || parallel::map(blocks, threads, || (), |(), block| check_and_keep(block, options));
        // The lines before are hashed in one run, which nothing else can do beside it.
        let checked = match threads {
            0 | 1 => {
                hash_waiting();
                check()
            }
            _ => std::thread::scope(|scope| {
                scope.spawn(hash_waiting);
                check()
            }),
        };
        for (taken, (block, checked)) in blocks.iter().zip(checked).enumerate() {
            if !self.has_room_for(&block.header) {
                return Ok(taken);
            }
            match self.fits(block).and_then(|()| checked.map_err(Unfit)) {
                Ok(lines) => self.take(block, lines),
                Err(unfit) if taken == 0 => return Err(unfit),
                Err(_) => return Ok(taken),
            }
        }
        Ok(blocks.len())
    }

    /// Takes the next block, which [has room](Self::has_room_for).
    ///
    /// # Errors
    /// As [`Batch::add_all`].
    pub fn add(&mut self, block: &Block) -> Result<(), Unfit> {
        self.add_all(std::slice::from_ref(block), 0).map(drop)
    }

    fn fits(&self, block: &Block) -> Result<(), Unfit> {
        let header = &block.header;
        let (seq, hash, n) = match &self.last {
            Some(last) => (last.last_seq() + 1, last.head_hash, last.n + 1),
            None => (self.start, self.prev_hash, header.n),
        };
        let wrong = |member: &'static str| {
            let found = Break::at_event(BreakKind::BlockHeaderMismatch, seq);
            Err(Unfit(Box::new(Break { block: Some(header.n), member: Some(member), ..found })))
        };
        if header.n != n || header.chain != self.chain {
            return wrong(if header.n == n { "chain" } else { "n" });
        }
        if header.first_seq != seq || header.prev_hash != hash {
            return wrong(if header.first_seq == seq { "prevHash" } else { "firstSeq" });
        }
        Ok(())
    }

    fn take(&mut self, block: &Block, lines: KeptLines) {
        let header = &block.header;
        self.plain_bytes += lines.plain.len() as u64;
        self.waiting.push(lines.plain);
        let (offset, length) = (self.object.len() as u64, block.body.len() as u64);
        let (n, first_seq, count) = (header.n, header.first_seq, header.count);
        self.blocks.push(ArchivedBlock { n, first_seq, count, offset, length });
        self.object.extend_from_slice(&block.body);
        let is_first = self.last.is_none();
        self.first_at = if is_first { header.at_min } else { self.first_at.min(header.at_min) };
        self.last_at = if is_first { header.at_max } else { self.last_at.max(header.at_max) };
        self.last = Some(header.clone());
        self.entries.push(entries_at(&lines.times));
    }

    /// The events so far; `None` before the first.
    pub fn range(&self) -> Option<Range> {
        self.last.as_ref().map(|last| Range { start: self.start, end: last.last_seq() })
    }

    /// Header of the newest block.
    pub fn last(&self) -> Option<&Header> {
        self.last.as_ref()
    }

    /// How many blocks it holds.
    pub fn blocks(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Number of the first block.
    pub fn first_block(&self) -> Option<u64> {
        self.blocks.first().map(|block| block.n)
    }

    /// The bytes of the object.
    pub fn object(&self) -> &[u8] {
        &self.object
    }

    /// The same and the entries of each block, once nothing else is asked.
    pub fn into_parts(self) -> (Vec<u8>, Vec<Vec<Entry>>) {
        (self.object, self.entries)
    }

    /// The manifest, not signed yet; `None` of an empty batch. `base` gives what the events do not say:
    /// `jsonl_key`, `archived_at`, `prev_manifest`, `checkpoint` and who signs.
    pub fn manifest(&self, base: Base) -> Option<Manifest> {
        let mut lines = self.lines.clone();
        self.waiting.iter().for_each(|plain| lines.update(plain));
        Some(Manifest {
            chain: self.chain.clone(),
            range: self.range()?,
            first_at: self.first_at,
            last_at: self.last_at,
            prev_hash: self.prev_hash,
            head_hash: self.last.as_ref()?.head_hash,
            jsonl_key: base.jsonl_key,
            jsonl_sha256: Hash(lines.finalize().into()),
            gzip_sha256: Hash::of(&self.object),
            bytes_uncompressed: self.plain_bytes,
            bytes_compressed: self.object.len() as u64,
            blocks: self.blocks.clone(),
            archived_at: base.archived_at,
            prev_manifest: base.prev_manifest,
            checkpoint: base.checkpoint,
            sig_alg: base.sig_alg,
            key_id: base.key_id,
            signature: Vec::new(),
        })
    }
}

/// What a manifest says beside what its events say.
#[derive(Debug, Clone)]
pub struct Base {
    /// Key of the object.
    pub jsonl_key: String,
    /// When the batch was claimed.
    pub archived_at: Timestamp,
    /// SHA-256 of the manifest before.
    pub prev_manifest: Hash,
    /// Number of a checkpoint that covers the last event.
    pub checkpoint: u64,
    /// How it will be signed.
    pub sig_alg: String,
    /// By which key.
    pub key_id: String,
}
