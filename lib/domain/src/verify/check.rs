//! One run of stored bytes, looked at alone: are its lines readable, do their own hashes hold, does
//! a block's header say what its lines say. [`sound`] answers for runs without a fault; here is what
//! names the faults of the others.

use super::report::{Break, BreakKind};
use super::sound::{self, KeptLines, Sound};
use crate::block::{Block, Header, gzip, member_ranges, split_row};
use crate::event::{Event, HASH_MEMBER_BYTES};
use crate::hash::Hash;
use crate::line::TextView;
use crate::merkle;
use flate2::bufread::GzDecoder;
use memchr::memchr;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::io::{self, Read};

/// Plain bytes that a block may unpack to before it is taken for a bomb.
const MAX_BLOCK_PLAIN: u64 = 2 * crate::block::MAX_PLAIN_BYTES as u64;

/// Lines that a block may hold before the rest of it is not looked at.
const MAX_BLOCK_LINES: usize = 2 * crate::block::MAX_EVENTS;

/// A run of bytes to check.
#[derive(Debug)]
pub enum Chunk {
    /// Exported or archived lines. Ends behind an LF, except at the end of a file that was cut.
    Lines(Vec<u8>),
    /// The row of block `n`.
    Block {
        /// The number that the row's key carries.
        n: u64,
        /// The row.
        row: Vec<u8>,
    },
    /// A run of gzip members of lines: a block of an archive, without its header.
    Members(Vec<u8>),
    /// Bytes that cannot be a line, whatever they are.
    Junk,
}

/// What one run says, in its order.
#[derive(Debug, Default)]
pub struct Checked {
    pub(super) block: Option<u64>,
    pub(super) items: Vec<Item>,
    /// Fingerprints of (`source`, `externalId`), each with the place of its line among the items.
    pub(super) externals: Vec<(Fingerprint, usize)>,
    /// Header members that disagree with lines that hold, and at which `seq`.
    pub(super) header: Vec<(&'static str, u64)>,
    /// Lines that hold and follow each other, instead of items: nearly every run of nearly every log.
    pub(super) sound: Option<Sound>,
}

impl Checked {
    /// The greatest `seq` that its lines claim.
    pub fn greatest_seq(&self) -> u64 {
        let seq = |item: &Item| if let Item::Line(line) = item { line.seq } else { 0 };
        let sound = self.sound.as_ref().map_or(0, |sound| sound.first_seq + sound.hashes.len() as u64 - 1);
        self.items.iter().map(seq).max().unwrap_or(0).max(sound)
    }
}

#[derive(Debug)]
pub(super) enum Item {
    /// A line that has the shape of one.
    Line(Line),
    /// A line that has not; the hash that stands in it and what the rest hashes to, if one does.
    Unreadable(Option<(Hash, Hash)>),
    /// Stored bytes from here on could not be unpacked.
    Damage,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    pub(super) prev_hash: Hash,
    /// What the line's bytes hash to where that is not `hash`; zeros where it has no canonical form.
    pub(super) computed: Option<Box<Hash>>,
    pub(super) leaf: Hash,
    pub(super) recorded_at: [u8; 24],
    /// Of the chain's name, so that a change of it within a file shows.
    pub(super) chain: u64,
}

/// Checks one run. Pure: the same on every thread.
pub fn check(chunk: Chunk, options: &super::Options) -> Checked {
    match chunk {
        Chunk::Junk => Checked { items: vec![Item::Unreadable(None)], ..Checked::default() },
        Chunk::Lines(bytes) => check_lines(&bytes, options),
        Chunk::Members(bytes) => match sound::members(&bytes, options) {
            Some(sound) => Checked { sound: Some(sound), ..Checked::default() },
            None => check_members(&bytes, options),
        },
        Chunk::Block { n, row } => match sound::block(n, &row, options) {
            Some(sound) => Checked { block: Some(n), sound: Some(sound), ..Checked::default() },
            None => check_block(n, &row, options),
        },
    }
}

/// Checks a run of lines where they stand.
pub(super) fn check_lines(bytes: &[u8], options: &super::Options) -> Checked {
    let mut checked = Checked { sound: sound::lines(bytes, options), ..Checked::default() };
    if checked.sound.is_none() {
        Lines::of(options, &mut checked).take(bytes);
    }
    checked
}

/// A block whose row was taken apart, and its lines.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_and_keep(block: &Block, options: &super::Options) -> Result<KeptLines, Box<Break>> {
    let Block { header, body } = block;
    let mut kept = KeptLines::default();
    if sound::parts(header.n, header, body, options, Some(&mut kept)).is_some() {
        return Ok(kept);
    }
    let start = super::Start::At { seq: header.first_seq, prev_hash: header.prev_hash };
    let mut walk = super::Walk::new(super::Options { start, ..options.clone() }, Some(header.chain.clone()), None);
    walk.run(check_block(header.n, &block.to_row(), options)).expect("nothing is put aside");
    let report = walk.finish().expect("nothing is put aside");
    let nameless = || Break { block: Some(header.n), ..Break::at_event(BreakKind::BlockUnreadable, header.first_seq) };
    Err(Box::new(report.first_break.unwrap_or_else(nameless)))
}

fn check_members(bytes: &[u8], options: &super::Options) -> Checked {
    let mut checked = Checked::default();
    let mut lines = Lines { most: MAX_BLOCK_LINES, ..Lines::of(options, &mut checked) };
    let mut plain = Vec::new();
    if unpack_leniently(bytes, &mut plain) {
        lines.take(&plain);
    } else {
        lines.take_provable(&plain);
    }
    checked
}

fn check_block(n: u64, row: &[u8], options: &super::Options) -> Checked {
    let mut checked = Checked { block: Some(n), ..Checked::default() };
    let Ok((header_bytes, body)) = split_row(row) else {
        checked.items.push(Item::Damage);
        return checked;
    };
    let header = Header::parse(header_bytes);
    if header.is_err() {
        checked.items.push(Item::Damage);
    }
    // A header that cuts a whole body elsewhere than between its gzip members is wrong about them; the
    // body is not damaged by that.
    let ranges = header.as_ref().ok().and_then(|h| member_ranges(&h.members, body.len())).filter(|ranges| {
        ranges.iter().all(|range| members_in(&body[range.clone()]) == Some(1)) || members_in(body).is_none()
    });
    let all = 0..body.len();
    let whole = std::slice::from_ref(&all);
    let mut lines = Lines::of(options, &mut checked);
    let mut unpacker = gzip::Unpacker::new();
    let mut plain = Vec::new();
    let mut plain_events = Vec::new();
    for range in ranges.as_deref().unwrap_or(whole) {
        plain.clear();
        let member = &body[range.clone()];
        let sound = unpacker.unpack(member, &mut plain).is_ok() || {
            plain.clear();
            unpack_leniently(member, &mut plain)
        };
        if sound {
            plain_events.push(lines.take(&plain));
        } else {
            lines.take_provable(&plain);
        }
        if lines.checked.items.len() > MAX_BLOCK_LINES {
            break;
        }
    }
    let summary = lines.summary.take();
    if checked.items.is_empty() || checked.items.len() > MAX_BLOCK_LINES {
        // A header over nothing, or over more than any writer puts under one.
        checked.items.truncate(MAX_BLOCK_LINES);
        checked.items.push(Item::Damage);
    }
    let damaged = checked.items.iter().any(|i| !matches!(i, Item::Line(line) if line.computed.is_none()));
    if let (Ok(header), Some(summary), false) = (header, summary, damaged)
        && summary.linked
    {
        let members = header.members.iter().map(|m| u64::from(m.events)).eq(plain_events) && ranges.is_some();
        checked.header = summary.disagreements(n, &header, members, body);
    }
    checked
}

/// Unpacks what any gzip reader would, so that a body that somebody packed anew still shows which of
/// its lines was touched. What could be read stays in `plain`, which was empty.
fn unpack_leniently(bytes: &[u8], plain: &mut Vec<u8>) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut member = GzDecoder::new(rest);
        let (whole, left) = (plain.len(), MAX_BLOCK_PLAIN - plain.len() as u64);
        if member.by_ref().take(left).read_to_end(plain).is_err() {
            // A read that fails keeps back what it had unpacked before the damage; one of a byte has nothing.
            plain.truncate(whole);
            let (mut again, mut byte) = (GzDecoder::new(rest).take(left), [0]);
            while again.read(&mut byte).is_ok_and(|read| read == 1) {
                plain.push(byte[0]);
            }
            return false;
        }
        if plain.len() as u64 >= MAX_BLOCK_PLAIN {
            return false;
        }
        rest = member.into_inner();
    }
    !bytes.is_empty()
}

/// How many gzip members these bytes are; `None` if they are anything else.
fn members_in(bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut left, mut members) = (bytes, MAX_BLOCK_PLAIN, 0);
    while !rest.is_empty() {
        let mut member = GzDecoder::new(rest);
        left -= io::copy(&mut member.by_ref().take(left), &mut io::sink()).ok()?;
        if left == 0 {
            return None;
        }
        rest = member.into_inner();
        members += 1;
    }
    Some(members)
}

struct Lines<'a> {
    options: &'a super::Options,
    checked: &'a mut Checked,
    summary: Option<Summary>,
    /// Lines that are looked at: more than any writer puts into one block are no block.
    most: usize,
    /// The line before: its stored hash as text and as value, and its chain's fingerprint. Most lines
    /// repeat them, and to compare is cheaper than to read again.
    hash_text: [u8; 64],
    hash: Hash,
    chain: Vec<u8>,
    chain_print: u64,
}

impl<'a> Lines<'a> {
    fn of(options: &'a super::Options, checked: &'a mut Checked) -> Self {
        let most = if checked.block.is_some() { MAX_BLOCK_LINES } else { usize::MAX };
        Self {
            most,
            options,
            checked,
            summary: None,
            hash_text: [0; 64],
            hash: Hash::ZERO,
            chain: Vec::new(),
            chain_print: 0,
        }
    }

    /// Looks at every line; says how many there are.
    fn take(&mut self, plain: &[u8]) -> u64 {
        self.checked.items.reserve(plain.len() / 512);
        let (mut rest, mut count) = (plain, 0);
        while !rest.is_empty() && self.checked.items.len() <= self.most {
            let (line, ended, after) = match memchr(b'\n', rest) {
                Some(at) => (&rest[..at], true, &rest[at + 1..]),
                None => (rest, false, &rest[..0]),
            };
            rest = after;
            count += 1;
            let item = if ended { self.line(line) } else { Item::Unreadable(cut_hash(line)) };
            self.checked.items.push(item);
        }
        count
    }

    /// Takes lines of a damaged member for as long as their own hashes hold, then marks the damage.
    fn take_provable(&mut self, plain: &[u8]) {
        for line in plain.split_inclusive(|b| *b == b'\n') {
            let item = line.strip_suffix(b"\n").map(|line| self.line(line));
            match item {
                Some(Item::Line(line)) if line.computed.is_none() => self.checked.items.push(Item::Line(line)),
                _ => break,
            }
        }
        let lines = self.checked.items.len();
        self.checked.externals.retain(|(_, place)| *place < lines);
        self.checked.items.push(Item::Damage);
    }

    fn line(&mut self, bytes: &[u8]) -> Item {
        let shape = TextView::of_text(bytes).and_then(|view| Some((view, self.prev_hash(view.prev_hash)?)));
        let Some((view, prev_hash)) = shape else { return Item::Unreadable(cut_hash(bytes)) };
        let computed = view.computed_hash();
        let (hash, mut mismatch) = if computed.is_hex(view.hash) {
            (computed, None)
        } else {
            let Some(stored) = Hash::from_hex(view.hash) else { return Item::Unreadable(cut_hash(bytes)) };
            (stored, Some(Box::new(computed)))
        };
        if mismatch.is_none() && view.seq > self.options.parse_after && Event::from_line(bytes).is_err() {
            mismatch = Some(Box::new(canonical_hash(bytes)));
        }
        match &mut self.summary {
            Some(summary) => summary.add(&view, hash, prev_hash),
            None => self.summary = Some(Summary::of(&view, hash, prev_hash)),
        }
        if view.chain != self.chain {
            self.chain = view.chain.to_vec();
            self.chain_print = fingerprint(&self.options.repeat_key, view.chain, b"").0;
        }
        if let Some(id) = view.external_id {
            let print = fingerprint(&self.options.repeat_key, view.source, id);
            self.checked.externals.push((print, self.checked.items.len()));
        }
        self.hash_text.copy_from_slice(view.hash);
        self.hash = hash;
        Item::Line(Line {
            seq: view.seq,
            hash,
            prev_hash,
            computed: mismatch,
            leaf: merkle::leaf(&hash),
            recorded_at: view.recorded_at.try_into().expect("24 bytes"),
            chain: self.chain_print,
        })
    }

    fn prev_hash(&self, text: &[u8]) -> Option<Hash> {
        if text == self.hash_text { Some(self.hash) } else { Hash::from_hex(text) }
    }
}

/// The hash in a line of any shape, and what the rest of it hashes to.
fn cut_hash(bytes: &[u8]) -> Option<(Hash, Hash)> {
    const NAME: &[u8] = b"\"hash\":\"";
    memchr::memmem::find_iter(bytes, NAME).find_map(|at| {
        let end = at + HASH_MEMBER_BYTES;
        let stored = Hash::from_hex(bytes.get(at + NAME.len()..end - 2)?)?;
        let rest = bytes.get(end..).filter(|_| bytes[end - 2..end] == *b"\",")?;
        Some((stored, Hash::of_pieces(&[&bytes[..at], rest])))
    })
}

/// What a line that is not its own canonical form should hash to; zeros if it is no event at all.
fn canonical_hash(bytes: &[u8]) -> Hash {
    let read = crate::json::parse(bytes, crate::json::Limits::FORMAT);
    let event = read.and_then(|value| match value {
        crate::json::Value::Object(mut object) => {
            object.remove("hash");
            Event::from_value(object.into())
        }
        other => Event::from_value(other),
    });
    event.map_or(Hash::ZERO, |event| event.hash)
}

/// 128 bits, as two halves: records of three words pack without a gap.
pub(super) type Fingerprint = (u64, u64);

pub(super) fn fingerprint(key: &[u8; 16], first: &[u8], second: &[u8]) -> Fingerprint {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write(first);
    // A source has no quote and an external id starts with one, so the pair is unambiguous.
    hasher.write(second);
    let hash = hasher.finish128();
    (hash.h1, hash.h2)
}

/// What the lines of a block say, to be held against its header.
struct Summary {
    chain: Vec<u8>,
    first_seq: u64,
    last_seq: u64,
    prev_hash: Hash,
    head_hash: Hash,
    at_min: [u8; 24],
    at_max: [u8; 24],
    recorded_at: [u8; 24],
    one_time: bool,
    linked: bool,
}

impl Summary {
    fn of(view: &TextView<'_>, hash: Hash, prev_hash: Hash) -> Self {
        let at = view.at.try_into().expect("24 bytes");
        Self {
            chain: view.chain.to_vec(),
            first_seq: view.seq,
            last_seq: view.seq,
            prev_hash,
            head_hash: hash,
            at_min: at,
            at_max: at,
            recorded_at: view.recorded_at.try_into().expect("24 bytes"),
            one_time: true,
            linked: true,
        }
    }

    fn add(&mut self, view: &TextView<'_>, hash: Hash, prev_hash: Hash) {
        self.linked &= view.seq == self.last_seq + 1 && prev_hash == self.head_hash && view.chain == self.chain;
        self.one_time &= view.recorded_at == self.recorded_at;
        self.last_seq = view.seq;
        self.head_hash = hash;
        if view.at < &self.at_min[..] {
            self.at_min = view.at.try_into().expect("24 bytes");
        } else if view.at > &self.at_max[..] {
            self.at_max = view.at.try_into().expect("24 bytes");
        }
    }

    fn disagreements(&self, n: u64, header: &Header, members: bool, body: &[u8]) -> Vec<(&'static str, u64)> {
        let count = self.last_seq - self.first_seq + 1;
        let mut found: Vec<_> = [
            (header.chain.as_str().as_bytes() == self.chain, "chain"),
            (header.n == n, "n"),
            (header.first_seq == self.first_seq, "firstSeq"),
            (header.count == count, "count"),
            (header.prev_hash == self.prev_hash, "prevHash"),
            (header.head_hash == self.head_hash, "headHash"),
            (header.at_min.to_bytes() == self.at_min, "atMin"),
            (header.at_max.to_bytes() == self.at_max, "atMax"),
            (self.one_time && header.recorded_at.to_bytes() == self.recorded_at, "recordedAt"),
            (members, "members"),
        ]
        .into_iter()
        .filter_map(|(holds, member)| (!holds).then_some(member))
        .collect();
        if found.is_empty() && header.computed_digest(body) != header.digest {
            found.push("digest");
        }
        if found.contains(&"count") {
            // Lines were cut off or put on at the end; what else differs there follows from it.
            found.retain(|member| ["chain", "n", "firstSeq", "count", "prevHash"].contains(member));
        }
        let seq = |member| self.first_seq + if member == "count" { count.min(header.count) } else { 0 };
        found.into_iter().map(|member| (member, seq(member))).collect()
    }
}
