//! Blocks from an archive, where the table that had them is lost.

use super::{ArchivedBlock, Manifest};
use crate::block::{Block, Header, MAX_PLAIN_BYTES, Member, gzip, views};
use crate::hash::Hash;
use crate::json::Refusal;
use crate::time::Timestamp;

/// What stands for the process that wrote a block, which no archive knows.
const WRITER: &str = "rebuilt";

/// The block at this place of an archive's object. Its header says what its lines say; who wrote it, and
/// so the header's digest, are not what they were.
///
/// # Errors
/// Members that cannot be read, or that hold no events.
pub fn rebuilt(manifest: &Manifest, place: &ArchivedBlock, object: &[u8]) -> Result<Block, Refusal> {
    let wrong = |what: &str| Refusal::new("archive-mismatch", what);
    let range = usize::try_from(place.offset).ok().zip(usize::try_from(place.offset + place.length).ok());
    let body = range.and_then(|(start, end)| object.get(start..end)).ok_or_else(|| wrong("it ends too early"))?;
    let mut unpacker = gzip::Unpacker::new();
    let mut plain = Vec::new();
    let ends = unpacker.unpack_run(body, MAX_PLAIN_BYTES, &mut plain)?;
    let mut members = Vec::new();
    let (mut start, mut lines) = (0, Vec::new());
    for end in ends {
        lines.clear();
        unpacker.unpack(&body[start..end], &mut lines)?;
        let events = u32::try_from(lines.iter().filter(|b| **b == b'\n').count()).unwrap_or(u32::MAX);
        members.push(Member { events, bytes: u32::try_from(end - start).unwrap_or(u32::MAX) });
        start = end;
    }
    let mut seen: Option<(Hash, Hash, Timestamp, Timestamp, Timestamp, u64)> = None;
    for view in views(&plain) {
        let time = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| Timestamp::parse(text).ok());
        let (at, recorded) = time(view.at).zip(time(view.recorded_at)).ok_or_else(|| wrong("a line has no time"))?;
        seen = Some(match seen {
            None => (view.prev_hash, view.hash, at, at, recorded, 1),
            Some((prev, _, least, most, recorded, count)) => {
                (prev, view.hash, least.min(at), most.max(at), recorded, count + 1)
            }
        });
    }
    let (prev_hash, head_hash, at_min, at_max, recorded_at, count) = seen.ok_or_else(|| wrong("it holds no event"))?;
    let mut header = Header {
        chain: manifest.chain.clone(),
        n: place.n,
        first_seq: place.first_seq,
        count,
        prev_hash,
        head_hash,
        at_min,
        at_max,
        recorded_at,
        writer: WRITER.to_owned(),
        nonce: manifest.range.to_string(),
        members,
        digest: Hash::ZERO,
    };
    header.digest = header.computed_digest(body);
    Ok(Block { header, body: body.to_vec() })
}
