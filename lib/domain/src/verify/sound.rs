//! Runs without a fault, which nearly all of nearly every log is: every line holds and follows the
//! one before, and a block's header agrees. One pass, no record per line. At the first thing that
//! does not hold this gives up, and the run is looked at again by what can name the fault.

use super::Options;
use super::check::{Fingerprint, fingerprint};
use crate::block::{Header, MAX_EVENTS, MAX_PLAIN_BYTES, gzip, member_ranges, split_row};
use crate::event::Event;
use crate::hash::Hash;
use crate::line::TextView;
use crate::merkle;
use memchr::memchr;

/// A run of lines of which only the seams are left to check.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) first_seq: u64,
    pub(super) prev_hash: Hash,
    pub(super) first_recorded_at: [u8; 24],
    pub(super) last_recorded_at: [u8; 24],
    /// Fingerprint of the chain's name.
    pub(super) chain: u64,
    /// The hash of each event.
    pub(super) hashes: Vec<Hash>,
    /// The tree's leaf of each event.
    pub(super) leaves: Vec<Hash>,
    /// Fingerprint and `seq` of each event with an external id.
    pub(super) externals: Vec<(Fingerprint, u64)>,
}

/// A run of whole lines, if it is sound.
pub(super) fn lines(bytes: &[u8], options: &Options) -> Option<Sound> {
    let mut run = Run::new(options);
    run.take(bytes)?;
    run.sound
}

/// The row of block `n`, if it is sound and exactly what a writer would have written.
pub(super) fn block(n: u64, row: &[u8], options: &Options) -> Option<Sound> {
    let (header, body) = split_row(row).ok()?;
    parts(n, &Header::parse(header).ok()?, body, options, None)
}

/// Lines of a block that was found sound.
#[derive(Debug, Default)]
pub struct KeptLines {
    /// Each with its LF.
    pub plain: Vec<u8>,
    /// `at` of each of them.
    pub times: Vec<[u8; 24]>,
}

/// A run of gzip members of whole lines, if all of it is sound.
pub(super) fn members(bytes: &[u8], options: &Options) -> Option<Sound> {
    let mut plain = Vec::new();
    gzip::Unpacker::new().unpack_run(bytes, MAX_PLAIN_BYTES, &mut plain).ok()?;
    lines(&plain, options)
}

/// The same of a block whose row was taken apart. With `kept`, its lines and when each of them happened
/// are put there.
pub(super) fn parts(
    n: u64,
    header: &Header,
    body: &[u8],
    options: &Options,
    kept: Option<&mut KeptLines>,
) -> Option<Sound> {
    let mut run = Run::new(options);
    run.is_block = true;
    let (mut own, keep) = (KeptLines::default(), kept.is_some());
    let KeptLines { plain, times } = kept.unwrap_or(&mut own);
    let mut unpacker = gzip::Unpacker::new();
    for (member, range) in header.members.iter().zip(member_ranges(&header.members, body.len())?) {
        let before = if keep { plain.len() } else { 0 };
        plain.truncate(before);
        unpacker.unpack(&body[range], plain).ok()?;
        let lines = run.take(&plain[before..])?;
        if keep {
            times.append(&mut run.times);
        }
        run.times.clear();
        if lines != member.events || run.sound.as_ref().is_some_and(|sound| sound.hashes.len() > MAX_EVENTS) {
            return None;
        }
    }
    let Run { sound, chain, at_min, at_max, .. } = run;
    let sound = sound?;
    let agrees = header.n == n
        && header.chain.as_str().as_bytes() == chain
        && header.first_seq == sound.first_seq
        && header.count == sound.hashes.len() as u64
        && header.prev_hash == sound.prev_hash
        && Some(&header.head_hash) == sound.hashes.last()
        && header.at_min.to_bytes() == at_min
        && header.at_max.to_bytes() == at_max
        && header.recorded_at.to_bytes() == sound.first_recorded_at
        && header.recorded_at.to_bytes() == sound.last_recorded_at
        && header.digest == header.computed_digest(body);
    agrees.then_some(sound)
}

/// Most times in a run are the one before: told without a call.
#[inline]
fn same_time(text: &[u8], time: &[u8; 24]) -> bool {
    text.first_chunk() == Some(time)
}

/// Goes over lines for as long as they hold.
struct Run<'a> {
    options: &'a Options,
    sound: Option<Sound>,
    /// Of the line before: most lines repeat it, and to compare is cheaper than to read again.
    hash_text: [u8; 64],
    chain: Vec<u8>,
    /// Only a block's header says between which times its events happened.
    is_block: bool,
    at_min: [u8; 24],
    at_max: [u8; 24],
    scratch: Vec<u8>,
    /// `at` of each line of a block.
    times: Vec<[u8; 24]>,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            sound: None,
            hash_text: [0; 64],
            chain: Vec::new(),
            is_block: false,
            at_min: [b'9'; 24],
            at_max: [0; 24],
            scratch: Vec::with_capacity(1024),
            times: Vec::new(),
        }
    }

    /// Takes all lines of `bytes` and says how many there are; `None` at the first that does not hold.
    fn take(&mut self, bytes: &[u8]) -> Option<u32> {
        let (mut rest, mut count) = (bytes, 0);
        while !rest.is_empty() {
            let at = memchr(b'\n', rest)?;
            self.line(&rest[..at])?;
            rest = &rest[at + 1..];
            count += 1;
        }
        Some(count)
    }

    #[inline]
    fn line(&mut self, bytes: &[u8]) -> Option<()> {
        let view = TextView::of_text(bytes)?;
        let hash = view.computed_hash_in(&mut self.scratch);
        if !hash.is_hex(view.hash) || (view.seq > self.options.parse_after && Event::from_line(bytes).is_err()) {
            return None;
        }
        match &self.sound {
            None => self.start(&view)?,
            Some(_) if view.prev_hash != self.hash_text => return None,
            Some(_) => {}
        }
        let sound = self.sound.as_mut()?;
        let follows = view.seq == sound.first_seq + sound.hashes.len() as u64
            && (same_time(view.recorded_at, &sound.last_recorded_at) || view.recorded_at > &sound.last_recorded_at[..])
            && view.chain == self.chain;
        if !follows {
            return None;
        }
        if let Some(id) = view.external_id {
            sound.externals.push((fingerprint(&self.options.repeat_key, view.source, id), view.seq));
        }
        sound.last_recorded_at.copy_from_slice(view.recorded_at);
        sound.hashes.push(hash);
        sound.leaves.push(merkle::leaf(&hash));
        self.hash_text.copy_from_slice(view.hash);
        if self.is_block {
            self.times.push(*view.at.first_chunk()?);
            if view.at < &self.at_min[..] {
                self.at_min.copy_from_slice(view.at);
            }
            if view.at > &self.at_max[..] {
                self.at_max.copy_from_slice(view.at);
            }
        }
        Some(())
    }

    fn start(&mut self, view: &TextView<'_>) -> Option<()> {
        self.chain = view.chain.to_vec();
        self.sound = Some(Sound {
            first_seq: view.seq,
            prev_hash: Hash::from_hex(view.prev_hash)?,
            first_recorded_at: view.recorded_at.try_into().ok()?,
            last_recorded_at: view.recorded_at.try_into().ok()?,
            chain: fingerprint(&self.options.repeat_key, view.chain, b"").0,
            hashes: Vec::with_capacity(256),
            leaves: Vec::with_capacity(256),
            externals: Vec::new(),
        });
        Some(())
    }
}
