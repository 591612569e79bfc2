//! A block: a run of consecutive events that one conditional write commits.
//!
//! Its row is the RFC 8785 header, one LF, and the canonical lines as a run of gzip members of at
//! most [`MEMBER_EVENTS`] events each, so that reading one event never unpacks a thousand, and
//! `zcat` prints plain lines.

pub mod gzip;
mod header;
mod stored;

pub use header::{Head, Header, Member};
pub use stored::{Stored, Stub, is_stub};

use crate::event::{Draft, Event, Place};
use crate::hash::Hash;
use crate::json::Refusal;
use crate::line::LineView;
use crate::names::ChainName;
use crate::parallel;
use crate::time::Timestamp;

/// Most events in one gzip member.
pub const MEMBER_EVENTS: usize = 64;
/// A member is closed once it holds this much, so that one is never larger than twice a line.
const MEMBER_PLAIN_BYTES: usize = 64 * 1024;
/// Most events in one block.
pub const MAX_EVENTS: usize = 1000;
/// Most compressed bytes in one block; a DynamoDB item holds 400 KB.
pub const MAX_COMPRESSED_BYTES: usize = 300 * 1024;
/// Most plain bytes in one block: what a reader must be ready to hold.
pub const MAX_PLAIN_BYTES: usize = 4 * 1024 * 1024;

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it says of itself.
    pub header: Header,
    /// The gzip members.
    pub body: Vec<u8>,
}

/// Who writes a block, and when.
#[derive(Debug, Clone)]
pub struct Writer<'a> {
    /// The chain's name.
    pub chain: &'a ChainName,
    /// Name of the process.
    pub writer: &'a str,
    /// Unique per attempt.
    pub nonce: String,
    /// The clock; the block's `recordedAt` is never before the one of the block it builds on.
    pub now: Timestamp,
    /// Threads that pack the members.
    pub threads: usize,
}

impl Block {
    /// Chains as many of `drafts` as fit one block onto `head`: the block, and how many it took.
    ///
    /// # Panics
    /// If `drafts` is empty.
    pub fn build(writer: &Writer<'_>, head: &Head, drafts: &[&Draft]) -> (Self, usize) {
        assert!(!drafts.is_empty(), "a block holds at least one event");
        let recorded_at = head.recorded_at.map_or(writer.now, |before| before.max(writer.now));
        let mut taken = Taken { count: 0, hash: head.hash, at_min: drafts[0].at(), at_max: drafts[0].at() };
        let sealed = seal_members(writer, head, drafts, recorded_at);
        let packed =
            parallel::map(&sealed, writer.threads, gzip::Packer::new, |packer, member| packer.pack(&member.plain));
        let mut body = Vec::new();
        let mut members = Vec::new();
        let mut plain_bytes = 0;
        for (member, bytes) in sealed.iter().zip(packed) {
            plain_bytes += member.plain.len();
            let fits = body.len() + bytes.len() <= MAX_COMPRESSED_BYTES && plain_bytes <= MAX_PLAIN_BYTES;
            if !fits && taken.count > 0 {
                break;
            }
            body.extend_from_slice(&bytes);
            members.push(Member {
                events: u32::try_from(member.after.count - taken.count).expect("at most 64"),
                bytes: u32::try_from(bytes.len()).expect("a member is far below 4 GiB"),
            });
            taken = member.after;
        }
        let mut header = Header {
            chain: writer.chain.clone(),
            n: head.block + 1,
            first_seq: head.seq + 1,
            count: taken.count,
            prev_hash: head.hash,
            head_hash: taken.hash,
            at_min: taken.at_min,
            at_max: taken.at_max,
            recorded_at,
            writer: writer.writer.to_owned(),
            nonce: writer.nonce.clone(),
            members,
            digest: Hash::ZERO,
        };
        header.digest = header.computed_digest(&body);
        let count = usize::try_from(taken.count).expect("at most a thousand");
        (Self { header, body }, count)
    }

    /// The bytes of the row.
    pub fn to_row(&self) -> Vec<u8> {
        let mut row = self.header.line().expect("a chain has fewer than 2^53 events");
        row.push(b'\n');
        row.extend_from_slice(&self.body);
        row
    }

    /// Reads the header and takes the rest as it is.
    ///
    /// # Errors
    /// Whatever has no block header.
    pub fn from_row(row: &[u8]) -> Result<Self, Refusal> {
        let (header, body) = split_row(row)?;
        Ok(Self { header: Header::parse(header)?, body: body.to_vec() })
    }

    /// The plain lines, each with its LF, checked by nothing but gzip.
    ///
    /// # Errors
    /// Damaged bytes.
    pub fn lines(&self) -> Result<Vec<u8>, Refusal> {
        let mut unpacker = gzip::Unpacker::new();
        let mut plain = Vec::new();
        for member in self.member_ranges()? {
            unpacker.unpack(&self.body[member], &mut plain)?;
            if plain.len() > MAX_PLAIN_BYTES {
                return Err(Refusal::new("block-unreadable", "it unpacks to more than a block may hold"));
            }
        }
        Ok(plain)
    }

    /// The plain line of one event, from the one member that holds it.
    ///
    /// # Errors
    /// Damaged bytes.
    pub fn line(&self, seq: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(mut skip) = seq.checked_sub(self.header.first_seq) else { return Ok(None) };
        for (member, range) in self.header.members.iter().zip(self.member_ranges()?) {
            if skip >= u64::from(member.events) {
                skip -= u64::from(member.events);
                continue;
            }
            let mut plain = Vec::new();
            gzip::Unpacker::new().unpack(&self.body[range], &mut plain)?;
            let skip = usize::try_from(skip).expect("below 64");
            return Ok(plain.split(|b| *b == b'\n').nth(skip).map(<[u8]>::to_vec));
        }
        Ok(None)
    }

    /// Checks everything that a writer or a signer vouches for: the bytes unpack, every line is read
    /// in full, put into its canonical form and hashed anew, and the header says what the lines say.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check_in_full(&self, threads: usize) -> Result<CheckedBlock, Refusal> {
        let header = &self.header;
        let ranges = self.member_ranges()?;
        self.check_size(&ranges)?;
        let checked = parallel::map(&ranges, threads, gzip::Unpacker::new, |unpacker, range| {
            check_member(unpacker, &self.body[range.clone()], &header.chain)
        });
        let mut before = (header.first_seq - 1, header.prev_hash);
        let mut whole = CheckedBlock { hashes: Vec::new(), plain: Vec::new() };
        let (mut at_min, mut at_max) = (header.at_max, header.at_min);
        let mut counts_agree = true;
        for (member, said) in checked.into_iter().zip(&header.members) {
            let member = member.map_err(|refusal| refusal.within(&(before.0 + 1).to_string()))?;
            if (member.first_seq, member.prev_hash) != (before.0 + 1, before.1) {
                return Err(not_linked(before.0 + 1));
            }
            if member.recorded_at != header.recorded_at {
                return Err(disagrees("recordedAt"));
            }
            counts_agree &= member.hashes.len() as u64 == u64::from(said.events);
            at_min = at_min.min(member.at_min);
            at_max = at_max.max(member.at_max);
            before = (member.first_seq + member.hashes.len() as u64 - 1, *member.hashes.last().unwrap_or(&before.1));
            whole.hashes.extend(member.hashes);
            whole.plain.extend(member.plain);
        }
        for (holds, member) in [
            (counts_agree, "members"),
            (whole.hashes.len() as u64 == header.count, "count"),
            (before.1 == header.head_hash, "headHash"),
            (at_min == header.at_min, "atMin"),
            (at_max == header.at_max, "atMax"),
            (header.computed_digest(&self.body) == header.digest, "digest"),
        ] {
            if !holds {
                return Err(disagrees(member));
            }
        }
        Ok(whole)
    }

    /// What no writer makes is refused before it is unpacked: nobody behind the writer and the signer
    /// could read it.
    fn check_size(&self, ranges: &[std::ops::Range<usize>]) -> Result<(), Refusal> {
        let plain: usize = ranges.iter().map(|range| gzip::plain_bytes(&self.body[range.clone()])).sum();
        let events = self.header.members.iter().map(|member| member.events as usize);
        let fits = plain <= MAX_PLAIN_BYTES
            && self.header.count <= MAX_EVENTS as u64
            && ranges.len() <= MAX_EVENTS
            && events.max() <= Some(MEMBER_EVENTS);
        let detail = "it holds more events or bytes than a block or one of its members may";
        if fits { Ok(()) } else { Err(Refusal::new("block-too-large", detail)) }
    }

    fn member_ranges(&self) -> Result<Vec<std::ops::Range<usize>>, Refusal> {
        member_ranges(&self.header.members, self.body.len()).ok_or_else(|| disagrees("members"))
    }
}

/// Byte ranges of the members, if they are exactly `body_bytes` long together.
pub(crate) fn member_ranges(members: &[Member], body_bytes: usize) -> Option<Vec<std::ops::Range<usize>>> {
    let mut at = 0usize;
    let mut ranges = Vec::with_capacity(members.len());
    for member in members {
        let end = at.checked_add(usize::try_from(member.bytes).ok()?)?;
        ranges.push(at..end);
        at = end;
    }
    (at == body_bytes).then_some(ranges)
}

/// Header and body of a row.
pub(crate) fn split_row(row: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let at = memchr::memchr(b'\n', row)
        .ok_or_else(|| Refusal::new("block-unreadable", "a block is a header, LF, and gzip members"))?;
    Ok((&row[..at], &row[at + 1..]))
}

fn disagrees(member: &str) -> Refusal {
    Refusal::new("header-mismatch", "the block's header disagrees with its lines").within(member)
}

/// A block of which every line was read in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedBlock {
    /// The hash of each event.
    pub hashes: Vec<Hash>,
    /// The plain lines, each with its LF.
    pub plain: Vec<u8>,
}

/// Lines of one member-to-be, and where the chain stands behind them.
struct Sealed {
    plain: Vec<u8>,
    after: Taken,
}

/// Chains up to [`MAX_EVENTS`] drafts, cut into members.
fn seal_members(writer: &Writer<'_>, head: &Head, drafts: &[&Draft], recorded_at: Timestamp) -> Vec<Sealed> {
    let mut open = Taken { count: 0, hash: head.hash, at_min: drafts[0].at(), at_max: drafts[0].at() };
    let mut sealed = Vec::new();
    let mut plain = Vec::with_capacity(MEMBER_PLAIN_BYTES);
    let mut events_in_member = 0;
    for draft in drafts.iter().take(MAX_EVENTS) {
        let place = Place { chain: writer.chain, seq: head.seq + 1 + open.count, recorded_at, prev_hash: open.hash };
        open.hash = draft.seal_into(&place, &mut plain);
        plain.push(b'\n');
        open.count += 1;
        open.at_min = open.at_min.min(draft.at());
        open.at_max = open.at_max.max(draft.at());
        events_in_member += 1;
        if events_in_member == MEMBER_EVENTS || plain.len() >= MEMBER_PLAIN_BYTES {
            sealed.push(Sealed { plain: std::mem::take(&mut plain), after: open });
            plain.reserve(MEMBER_PLAIN_BYTES);
            events_in_member = 0;
        }
    }
    if !plain.is_empty() {
        sealed.push(Sealed { plain, after: open });
    }
    sealed
}

struct CheckedMember {
    plain: Vec<u8>,
    hashes: Vec<Hash>,
    first_seq: u64,
    prev_hash: Hash,
    recorded_at: Timestamp,
    at_min: Timestamp,
    at_max: Timestamp,
}

/// Unpacks a member, reads each line in full and checks that each follows the one before.
fn check_member(unpacker: &mut gzip::Unpacker, bytes: &[u8], chain: &ChainName) -> Result<CheckedMember, Refusal> {
    let mut plain = Vec::new();
    unpacker.unpack(bytes, &mut plain)?;
    let mut checked: Option<CheckedMember> = None;
    for line in plain.split_inclusive(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\n").ok_or_else(|| disagrees("body"))?;
        let event = Event::from_line(line)?;
        if event.chain != *chain {
            return Err(disagrees("chain"));
        }
        let at = event.draft.at();
        match &mut checked {
            None => {
                checked = Some(CheckedMember {
                    plain: Vec::new(),
                    hashes: vec![event.hash],
                    first_seq: event.seq,
                    prev_hash: event.prev_hash,
                    recorded_at: event.recorded_at,
                    at_min: at,
                    at_max: at,
                });
            }
            Some(checked) => {
                let next = checked.first_seq + checked.hashes.len() as u64;
                if event.seq != next || Some(&event.prev_hash) != checked.hashes.last() {
                    return Err(not_linked(next));
                }
                if event.recorded_at != checked.recorded_at {
                    return Err(disagrees("recordedAt"));
                }
                checked.hashes.push(event.hash);
                checked.at_min = checked.at_min.min(at);
                checked.at_max = checked.at_max.max(at);
            }
        }
    }
    let mut checked = checked.ok_or_else(|| disagrees("body"))?;
    checked.plain = plain;
    Ok(checked)
}

fn not_linked(seq: u64) -> Refusal {
    Refusal::new("not-linked", "an event does not follow the one before it").within(&seq.to_string())
}

#[derive(Clone, Copy)]
struct Taken {
    count: u64,
    hash: Hash,
    at_min: Timestamp,
    at_max: Timestamp,
}

/// The views of all lines of `plain`, which were checked before; lines that are none are left out.
pub fn views(plain: &[u8]) -> impl Iterator<Item = LineView<'_>> {
    plain.split(|b| *b == b'\n').filter_map(LineView::of)
}

#[cfg(test)]
mod tests;
