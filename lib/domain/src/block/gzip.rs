//! One gzip member: a fixed header, one deflate stream, its check values, nothing else.
//!
//! Members are written and read by hand around raw deflate so that every byte has one right value
//! (no file name, no time stamp) and so that the decoder's state can be used again.

use crate::json::Refusal;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// RFC 1952: deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Most plain bytes that a member may unpack to: 64 of the longest lines.
const MAX_PLAIN: usize = super::MEMBER_EVENTS * (crate::event::MAX_LINE_BYTES + 1);
/// The level that costs half of level 6 here and keeps most of its ratio.
const LEVEL: u32 = 3;

/// Compresses members one after the other.
pub struct Packer(Compress);

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

impl Packer {
    /// A packer.
    pub fn new() -> Self {
        Self(Compress::new(Compression::new(LEVEL), false))
    }

    /// One member that unpacks to `plain`.
    ///
    /// # Panics
    /// Never on memory that the process has: deflate cannot fail on any input.
    pub fn pack(&mut self, plain: &[u8]) -> Vec<u8> {
        self.0.reset();
        let mut out = Vec::with_capacity(plain.len() / 3 + 128);
        out.extend_from_slice(&HEADER);
        loop {
            let read = usize::try_from(self.0.total_in()).expect("within a slice");
            let status = self.0.compress_vec(&plain[read..], &mut out, FlushCompress::Finish);
            if status.expect("deflate takes every input") == Status::StreamEnd {
                break;
            }
            out.reserve(out.len().max(4096));
        }
        out.extend_from_slice(&trailer_of(plain));
        out
    }
}

/// Unpacks members one after the other.
pub struct Unpacker(Decompress);

impl Default for Unpacker {
    fn default() -> Self {
        Self::new()
    }
}

impl Unpacker {
    /// An unpacker.
    pub fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Appends what `member` holds to `out`. On damage, what could be read stays in `out`.
    ///
    /// # Errors
    /// Anything but one whole member with the fixed header and right check values.
    pub fn unpack(&mut self, member: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let start = out.len();
        let deflated = member.len().checked_sub(8).and_then(|end| member.get(..end)).unwrap_or_default();
        let end = self.inflate(deflated, plain_bytes(member), out)?;
        if end != deflated.len() {
            return Err(damaged("bytes follow its deflate stream"));
        }
        check(&member[end..], &out[start..])
    }

    /// Appends what a run of members holds to `out`, and says where each of them ends. On damage, what
    /// could be read stays in `out`.
    ///
    /// # Errors
    /// Anything but whole members with the fixed header and right check values, or more than `most` plain
    /// bytes of them.
    pub fn unpack_run(&mut self, run: &[u8], most: usize, out: &mut Vec<u8>) -> Result<Vec<usize>, Refusal> {
        let (mut at, mut ends, start) = (0, Vec::new(), out.len());
        while at < run.len() {
            let before = out.len();
            let end = at + self.inflate(&run[at..], USUAL_PLAIN, out)?;
            let trailer = run.get(end..end + 8).ok_or_else(|| damaged("it is cut short"))?;
            check(trailer, &out[before..])?;
            at = end + 8;
            if out.len() - start > most {
                return Err(damaged("they unpack to more than a block may hold"));
            }
            ends.push(at);
        }
        Ok(ends)
    }

    /// Appends what the first member holds, up to the end of its deflate stream; where that is.
    fn inflate(&mut self, run: &[u8], hint: usize, out: &mut Vec<u8>) -> Result<usize, Refusal> {
        let deflated = run.strip_prefix(&HEADER).ok_or_else(|| damaged("its header is not the fixed one"))?;
        self.0.reset(false);
        let start = out.len();
        out.reserve(hint.min(MAX_PLAIN) + 1);
        loop {
            let read = usize::try_from(self.0.total_in()).expect("within a slice");
            let before = out.len();
            let status = self.0.decompress_vec(&deflated[read..], out, FlushDecompress::Finish);
            // Before anything else: a stream may end within what the buffer had room for beyond the limit.
            match status.map_err(|_| damaged("its deflate stream is damaged"))? {
                _ if out.len() - start > MAX_PLAIN => return Err(damaged("it unpacks to more than a member may hold")),
                Status::StreamEnd => break,
                // There was room, and all of the bytes were at hand.
                _ if out.len() == before => return Err(damaged("its deflate stream is cut short")),
                _ => out.reserve(MEMBER_STEP),
            }
        }
        Ok(HEADER.len() + usize::try_from(self.0.total_in()).expect("within a slice"))
    }
}

fn check(trailer: &[u8], plain: &[u8]) -> Result<(), Refusal> {
    if trailer == trailer_of(plain) { Ok(()) } else { Err(damaged("its check values do not match")) }
}

fn damaged(what: &str) -> Refusal {
    Refusal::new("block-unreadable", format!("gzip member: {what}"))
}

/// How many plain bytes a member says that it holds; [`Unpacker::unpack`] refuses one that holds others.
pub(super) fn plain_bytes(member: &[u8]) -> usize {
    let length = member.last_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    usize::try_from(length).unwrap_or(usize::MAX >> 32)
}

/// RFC 1952: CRC-32 and length of the plain bytes.
fn trailer_of(plain: &[u8]) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&crc32fast::hash(plain).to_le_bytes());
    let length = u32::try_from(plain.len()).expect("a member is far below 4 GiB");
    trailer[4..].copy_from_slice(&length.to_le_bytes());
    trailer
}

/// Room for the lines of a member that does not say how many bytes they have.
const USUAL_PLAIN: usize = 64 * 1024;
/// Room that is added where a member states too little.
const MEMBER_STEP: usize = 65_536;
