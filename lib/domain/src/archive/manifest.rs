//! The manifest of an archive: what its object holds, signed.

use super::Range;
use crate::admit::{take_hash, take_seq, take_text, take_time};
use crate::hash::{Hash, hex, unhex};
use crate::json::{Limits, Object, Refusal, Value, parse};
use crate::keys::KeyRing;
use crate::names::ChainName;
use crate::time::Timestamp;

/// `type` of every manifest.
pub const TYPE: &str = "audit.archive.v1";

/// Where the bytes of a block stand in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedBlock {
    /// Number of the block.
    pub n: u64,
    /// `seq` of its first event.
    pub first_seq: u64,
    /// How many events it holds.
    pub count: u64,
    /// First byte in the object.
    pub offset: u64,
    /// Bytes in the object.
    pub length: u64,
}

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The chain's name.
    pub chain: ChainName,
    /// Its events.
    pub range: Range,
    /// Least `at` of its events.
    pub first_at: Timestamp,
    /// Greatest `at` of its events.
    pub last_at: Timestamp,
    /// `prevHash` of the first line.
    pub prev_hash: Hash,
    /// `hash` of the last line.
    pub head_hash: Hash,
    /// Where the object was put; the range binds, not this.
    pub jsonl_key: String,
    /// Of the uncompressed lines.
    pub jsonl_sha256: Hash,
    /// Of the object.
    pub gzip_sha256: Hash,
    /// Bytes of the lines.
    pub bytes_uncompressed: u64,
    /// Bytes of the object.
    pub bytes_compressed: u64,
    /// Where each block stands in the object; without gaps, in order.
    pub blocks: Vec<ArchivedBlock>,
    /// When the batch was claimed.
    pub archived_at: Timestamp,
    /// SHA-256 over the bytes of the manifest before; zeros for the first.
    pub prev_manifest: Hash,
    /// Number of a checkpoint that covers the last event.
    pub checkpoint: u64,
    /// How it is signed; a word that this reader may not know.
    pub sig_alg: String,
    /// Names the key.
    pub key_id: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Manifest {
    /// How many events the archive holds.
    pub fn event_count(&self) -> u64 {
        self.range.end - self.range.start + 1
    }

    /// The bytes that are signed: RFC 8785 without `signature`.
    pub fn signed_bytes(&self) -> Vec<u8> {
        self.object().canonical()
    }

    /// The bytes of the manifest's object.
    pub fn bytes(&self) -> Vec<u8> {
        let mut object = self.object();
        object.insert("signature", hex(&self.signature).into());
        object.canonical()
    }

    /// SHA-256 over [`Manifest::bytes`]: what the chain, the batch's row and the next manifest name.
    pub fn digest(&self) -> Hash {
        Hash::of(&self.bytes())
    }

    /// Whether a key of the ring that may sign at the last event signed it.
    pub fn is_signed_by(&self, ring: &KeyRing) -> bool {
        ring.verifies(self.range.end, &self.sig_alg, &self.key_id, &self.signed_bytes(), &self.signature)
    }

    fn object(&self) -> Object {
        let number = |n| Value::integer(n).expect("no chain and no object reaches 2^53");
        let block = |b: &ArchivedBlock| {
            Value::from(Object::of([
                ("n", number(b.n)),
                ("firstSeq", number(b.first_seq)),
                ("count", number(b.count)),
                ("offset", number(b.offset)),
                ("length", number(b.length)),
            ]))
        };
        Object::of([
            ("type", TYPE.into()),
            ("chain", self.chain.as_str().into()),
            ("startSeq", number(self.range.start)),
            ("endSeq", number(self.range.end)),
            ("eventCount", number(self.event_count())),
            ("firstAt", self.first_at.to_string().into()),
            ("lastAt", self.last_at.to_string().into()),
            ("prevHash", self.prev_hash.to_hex().into()),
            ("headHash", self.head_hash.to_hex().into()),
            ("jsonlKey", self.jsonl_key.as_str().into()),
            ("jsonlSha256", self.jsonl_sha256.to_hex().into()),
            ("gzipSha256", self.gzip_sha256.to_hex().into()),
            ("bytesUncompressed", number(self.bytes_uncompressed)),
            ("bytesCompressed", number(self.bytes_compressed)),
            ("blocks", Value::Array(self.blocks.iter().map(block).collect())),
            ("archivedAt", self.archived_at.to_string().into()),
            ("prevManifest", self.prev_manifest.to_hex().into()),
            ("checkpoint", number(self.checkpoint)),
            ("sigAlg", self.sig_alg.as_str().into()),
            ("keyId", self.key_id.as_str().into()),
        ])
    }

    /// Reads a manifest strictly: nothing but its own canonical form, and one that agrees with itself.
    ///
    /// # Errors
    /// The first member that is not what the format says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let Value::Object(mut object) = parse(bytes, Limits::FORMAT)? else {
            return Err(Refusal::new("wrong-type", "a manifest is a JSON object"));
        };
        let object = &mut object;
        if take_text(object, "type")? != TYPE {
            return Err(Refusal::new("unknown-version", format!("this reader knows {TYPE}")).within("type"));
        }
        let event_count = take_seq(object, "eventCount")?;
        let manifest = Self {
            chain: ChainName::new(&take_text(object, "chain")?).map_err(|e| e.within("chain"))?,
            range: Range { start: take_seq(object, "startSeq")?, end: take_seq(object, "endSeq")? },
            first_at: take_time(object, "firstAt")?,
            last_at: take_time(object, "lastAt")?,
            prev_hash: take_hash(object, "prevHash")?,
            head_hash: take_hash(object, "headHash")?,
            jsonl_key: take_text(object, "jsonlKey")?,
            jsonl_sha256: take_hash(object, "jsonlSha256")?,
            gzip_sha256: take_hash(object, "gzipSha256")?,
            bytes_uncompressed: take_seq(object, "bytesUncompressed")?,
            bytes_compressed: take_seq(object, "bytesCompressed")?,
            blocks: take_blocks(object)?,
            archived_at: take_time(object, "archivedAt")?,
            prev_manifest: take_hash(object, "prevManifest")?,
            checkpoint: take_seq(object, "checkpoint")?,
            sig_alg: take_text(object, "sigAlg")?,
            key_id: take_text(object, "keyId")?,
            signature: unhex(&take_text(object, "signature")?)
                .ok_or_else(|| Refusal::new("invalid-hash", "lower-case hex digits belong here").within("signature"))?,
        };
        if let Some((name, _)) = object.iter().next() {
            return Err(Refusal::new("unknown-member", "a manifest has no such member").within(name));
        }
        manifest.agrees(event_count)?;
        if manifest.bytes() != bytes {
            return Err(Refusal::new("not-canonical", "these bytes are not the RFC 8785 form of their manifest"));
        }
        Ok(manifest)
    }

    fn agrees(&self, event_count: u64) -> Result<(), Refusal> {
        let wrong = |member: &str| Err(Refusal::new("invalid-number", "it disagrees with the others").within(member));
        if self.range.start == 0 || self.range.end < self.range.start {
            return wrong("startSeq");
        }
        if event_count != self.event_count() {
            return wrong("eventCount");
        }
        let (mut seq, mut offset, mut n) = (self.range.start, 0u64, self.blocks.first().map_or(0, |b| b.n));
        for block in &self.blocks {
            if block.n != n || block.n == 0 || block.first_seq != seq || block.offset != offset {
                return wrong("blocks");
            }
            if block.count == 0 || block.length == 0 {
                return wrong("blocks");
            }
            // Each is a number of the JSON, so below 2^53.
            (seq, offset, n) = (seq + block.count, offset + block.length, n + 1);
        }
        if seq != self.range.end + 1 {
            return wrong("blocks");
        }
        if offset != self.bytes_compressed {
            return wrong("bytesCompressed");
        }
        Ok(())
    }
}

fn take_blocks(object: &mut Object) -> Result<Vec<ArchivedBlock>, Refusal> {
    let wrong = || Refusal::new("wrong-type", "an array of objects belongs here").within("blocks");
    let blocks = object.remove("blocks").ok_or_else(wrong)?;
    let block = |value: &Value| {
        let mut block = value.as_object().cloned().ok_or_else(wrong)?;
        let block = &mut block;
        let read = ArchivedBlock {
            n: take_seq(block, "n")?,
            first_seq: take_seq(block, "firstSeq")?,
            count: take_seq(block, "count")?,
            offset: take_seq(block, "offset")?,
            length: take_seq(block, "length")?,
        };
        match block.iter().next() {
            None => Ok(read),
            Some((name, _)) => Err(Refusal::new("unknown-member", "a block has no such member").within(name)),
        }
    };
    let blocks: Vec<ArchivedBlock> =
        blocks.as_array().ok_or_else(wrong)?.iter().map(block).collect::<Result<_, Refusal>>()?;
    if blocks.is_empty() { Err(wrong()) } else { Ok(blocks) }
}
