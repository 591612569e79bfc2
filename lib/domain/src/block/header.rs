//! What a block says of itself, and the head that the next one builds on.

use crate::hash::Hash;
use crate::json::{Limits, Object, Refusal, Value, parse};
use crate::names::ChainName;
use crate::time::Timestamp;

/// Beyond what JSON numbers carry exactly.
const MAX_SEQ: u64 = 1 << 53;

/// The last event that a new block builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of its block; 0 before the first.
    pub block: u64,
    /// Its `seq`; 0 before the first.
    pub seq: u64,
    /// Its `hash`; zeros before the first.
    pub hash: Hash,
    /// When its block was chained; `None` before the first.
    pub recorded_at: Option<Timestamp>,
}

impl Head {
    /// The head of a chain without events.
    pub const EMPTY: Head = Head { block: 0, seq: 0, hash: Hash::ZERO, recorded_at: None };
}

/// One gzip member of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// How many events it holds.
    pub events: u32,
    /// Its compressed length in bytes.
    pub bytes: u32,
}

/// What a block says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The chain's name.
    pub chain: ChainName,
    /// Number of the block, from 1, without gaps.
    pub n: u64,
    /// `seq` of its first event.
    pub first_seq: u64,
    /// How many events it holds.
    pub count: u64,
    /// `prevHash` of its first event.
    pub prev_hash: Hash,
    /// `hash` of its last event.
    pub head_hash: Hash,
    /// Least `at` of its events.
    pub at_min: Timestamp,
    /// Greatest `at` of its events.
    pub at_max: Timestamp,
    /// When it was chained; the `recordedAt` of its events.
    pub recorded_at: Timestamp,
    /// Which process wrote it, for people who look for one.
    pub writer: String,
    /// Tells a writer its own block from another's after an unknown outcome.
    pub nonce: String,
    /// The gzip members, in order.
    pub members: Vec<Member>,
    /// SHA-256 over the header without this member, LF, and the compressed bytes.
    pub digest: Hash,
}

impl Header {
    /// `seq` of the last event.
    pub fn last_seq(&self) -> u64 {
        self.first_seq + self.count - 1
    }

    /// The head that a next block builds on.
    pub fn head(&self) -> Head {
        Head { block: self.n, seq: self.last_seq(), hash: self.head_hash, recorded_at: Some(self.recorded_at) }
    }

    fn object(&self) -> Option<Object> {
        let member = |m: &Member| Value::Array(vec![m.events.into(), m.bytes.into()]);
        let members = self.members.iter().map(member).collect();
        Some(Object::of([
            ("chain", self.chain.as_str().into()),
            ("n", Value::integer(self.n)?),
            ("firstSeq", Value::integer(self.first_seq)?),
            ("count", Value::integer(self.count)?),
            ("prevHash", self.prev_hash.to_hex().into()),
            ("headHash", self.head_hash.to_hex().into()),
            ("atMin", self.at_min.to_string().into()),
            ("atMax", self.at_max.to_string().into()),
            ("recordedAt", self.recorded_at.to_string().into()),
            ("writer", self.writer.as_str().into()),
            ("nonce", self.nonce.as_str().into()),
            ("members", Value::Array(members)),
        ]))
    }

    /// Its RFC 8785 form, as it is stored.
    pub fn bytes(&self) -> Vec<u8> {
        self.line().expect("a chain has fewer than 2^53 events")
    }

    /// The bytes that are stored; `None` for numbers that no chain reaches.
    pub(super) fn line(&self) -> Option<Vec<u8>> {
        let mut object = self.object()?;
        object.insert("digest", self.digest.to_hex().into());
        Some(object.canonical())
    }

    /// The digest that this header and `body` should carry.
    pub fn computed_digest(&self, body: &[u8]) -> Hash {
        let header = self.object().map(|o| o.canonical()).unwrap_or_default();
        Hash::of_pieces(&[&header, b"\n", body])
    }

    /// Reads the header of a stored block, strictly: nothing but its own canonical form.
    ///
    /// # Errors
    /// Whatever is not a header.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        use crate::admit::{take_hash, take_seq, take_text, take_time};
        let Value::Object(mut object) = parse(bytes, Limits::FORMAT)? else {
            return Err(Refusal::new("wrong-type", "a block header is a JSON object"));
        };
        let object = &mut object;
        let members = object.remove("members").unwrap_or(Value::Null);
        let header = Self {
            chain: ChainName::new(&take_text(object, "chain")?).map_err(|e| e.within("chain"))?,
            n: take_seq(object, "n")?,
            first_seq: take_seq(object, "firstSeq")?,
            count: take_seq(object, "count")?,
            prev_hash: take_hash(object, "prevHash")?,
            head_hash: take_hash(object, "headHash")?,
            at_min: take_time(object, "atMin")?,
            at_max: take_time(object, "atMax")?,
            recorded_at: take_time(object, "recordedAt")?,
            writer: take_text(object, "writer")?,
            nonce: take_text(object, "nonce")?,
            digest: take_hash(object, "digest")?,
            members: members
                .as_array()
                .and_then(|items| items.iter().map(Member::of).collect())
                .ok_or_else(|| Refusal::new("wrong-type", "pairs of events and bytes belong here").within("members"))?,
        };
        if let Some((name, _)) = object.iter().next() {
            return Err(Refusal::new("unknown-member", "a block header has no such member").within(name));
        }
        if header.n == 0 || header.first_seq == 0 || header.count == 0 {
            return Err(Refusal::new("invalid-number", "n, firstSeq and count start at 1"));
        }
        if header.n >= MAX_SEQ || header.first_seq.saturating_add(header.count) >= MAX_SEQ {
            return Err(Refusal::new("invalid-number", "no chain reaches 2^53"));
        }
        // Not only the JSON has one form: a time has many spellings, and the digest is over one.
        if header.line().as_deref() != Some(bytes) {
            return Err(Refusal::new("not-canonical", "a block header is stored in its RFC 8785 form"));
        }
        Ok(header)
    }
}

impl Member {
    fn of(pair: &Value) -> Option<Self> {
        let [events, bytes] = pair.as_array()? else { return None };
        Some(Self { events: u32::try_from(events.as_u64()?).ok()?, bytes: u32::try_from(bytes.as_u64()?).ok()? })
    }
}
