//! Rows of blocks: what is checked in full has one spelling, and nothing unpacks without an end.

use crate::{chain, check_refusal, now};
use domain::block::gzip::{Packer, Unpacker};
use domain::block::{Block, Head, MAX_EVENTS, MAX_PLAIN_BYTES, MEMBER_EVENTS, Writer};
use domain::derived::{Entry, Marker, derive};
use domain::event::{Draft, Event, MAX_LINE_BYTES};
use domain::hash::Hash;
use domain::json::{Limits, parse};
use domain::keys::KeyRing;
use domain::line::LineView;
use domain::verify::{Chunk, Options, Start, Walk, check};
use std::sync::OnceLock;

/// Most plain bytes of one gzip member.
const MEMBER_PLAIN: usize = MEMBER_EVENTS * (MAX_LINE_BYTES + 1);

/// A row; or lines, of whose events a block is made and then changed in one byte; or the name of a bomb.
pub fn block(data: &[u8]) -> bool {
    match data.strip_prefix(b"bomb:") {
        // Only those there are, since each costs as much as a thousand others.
        Some([which @ 0..10]) => bomb(*which),
        _ => row(data, true) | lines(data),
    }
}

/// The bytes of a row. `whole` asks for everything that is costly.
fn row(data: &[u8], whole: bool) -> bool {
    let block = match Block::from_row(data) {
        Ok(block) => block,
        Err(refusal) => {
            check_refusal(&refusal);
            assert!(!verifies(data, 1, None), "a row without a header is believed");
            return false;
        }
    };
    assert_eq!(block.to_row(), data, "another row");
    let header = &block.header;
    let checked = block.check_in_full(0);
    let believed = verifies(data, header.n, Some(&block));
    let plain = block.lines();
    if let Ok(plain) = &plain {
        assert!(plain.len() <= MAX_PLAIN_BYTES, "more than a reader must be ready to hold");
    }
    let (checked, plain) = match (checked, plain) {
        (Ok(checked), Ok(plain)) => (checked, plain),
        (Ok(_), Err(refusal)) => panic!("checked in full and not to be unpacked: {refusal}"),
        (Err(refusal), _) => {
            check_refusal(&refusal);
            // How the lines are packed is the writer's business as long as they come out.
            let packed_oddly = refusal.code == "block-too-large" || header.members.iter().any(|m| m.events == 0);
            assert!(!believed || packed_oddly, "a verifier believes it: {refusal}");
            for seq in [header.first_seq, header.last_seq()] {
                if let Ok(Some(line)) = block.line(seq) {
                    assert!(line.len() <= MEMBER_PLAIN, "more than a member may hold");
                }
            }
            // A block that was damaged after its commit is derived from, too.
            if let Ok(derived) = derive(&block) {
                assert!(derived.markers.len() <= MAX_PLAIN_BYTES / 500, "more events than there are bytes for");
            }
            return false;
        }
    };
    assert!(believed, "a verifier does not believe it");
    assert_eq!(checked.plain, plain, "unpacked in two ways");
    assert!(checked.hashes.len() <= MAX_EVENTS, "more events than a block may hold");
    assert_eq!(header.members.iter().map(|m| u64::from(m.events)).sum::<u64>(), header.count);
    let events: Vec<&[u8]> = plain.split_inclusive(|b| *b == b'\n').map(|line| &line[..line.len() - 1]).collect();
    assert_eq!(events.len() as u64, header.count);
    for (seq, line) in (header.first_seq..).zip(&events).step_by(if whole { 1 } else { 16 }) {
        assert_eq!(block.line(seq).expect("a member").as_deref(), Some(*line), "line {seq}");
        assert_eq!(Event::from_line(line).expect("a line").seq, seq);
    }
    assert_eq!(block.line(header.last_seq() + 1), Ok(None));
    assert_eq!(block.line(header.first_seq - 1), Ok(None));
    check_derived(&block);
    true
}

/// Everything that is derived reads back, and no event is hidden.
fn check_derived(block: &Block) {
    let derived = derive(block).expect("a checked block");
    assert_eq!(derived.markers.len() as u64, block.header.count);
    for marker in &derived.markers {
        assert_eq!(Marker::from_value(marker.identity, marker.to_value().as_bytes()), Some(*marker));
    }
    let mut places: Vec<u32> = Vec::new();
    for entry in &derived.entries {
        assert_eq!(Entry::from_value(entry.at_max, entry.to_value().as_bytes()).as_ref(), Some(entry));
        assert!(block.header.at_min <= entry.at_min && entry.at_max <= block.header.at_max);
        places.extend(&entry.events);
    }
    places.sort_unstable();
    assert!(places.iter().map(|place| u64::from(*place)).eq(0..block.header.count), "an event is hidden");
}

/// Whether a verifier that parses everything believes the row of block `n`.
fn verifies(row: &[u8], n: u64, block: Option<&Block>) -> bool {
    let start = block
        .map_or(Start::FirstLine, |block| Start::At { seq: block.header.first_seq, prev_hash: block.header.prev_hash });
    let options = Options {
        ring: KeyRing::default(),
        start,
        end: None,
        parse_after: 0,
        all_checkpoints: false,
        repeat_key: [7; 16],
        threads: 0,
    };
    let mut walk = Walk::new(options.clone(), None, None);
    let checked = check(Chunk::Block { n, row: row.to_vec() }, &options);
    walk.run(checked).expect("nothing is read from outside");
    let report = walk.finish().expect("nothing is read from outside");
    // That an external id repeats is not a matter of one block.
    report.breaks.iter().all(|found| found.member == Some("externalId")) && report.breaks_total < 1000
}

/// Lines of events, of stored ones or drafts: they make a block, and no byte of it can be another.
fn lines(data: &[u8]) -> bool {
    let drafts: Vec<Draft> = data.split(|b| *b == b'\n').filter_map(draft).take(200).collect();
    if drafts.is_empty() {
        return false;
    }
    let chain = chain();
    let writer = Writer { chain: &chain, writer: "fuzz", nonce: "0011".to_owned(), now: now(), threads: 0 };
    let (block, taken) = Block::build(&writer, &Head::EMPTY, &drafts.iter().collect::<Vec<_>>());
    assert!((1..=drafts.len()).contains(&taken));
    let good = block.to_row();
    assert_eq!(Block::from_row(&good).as_ref(), Ok(&block), "a written row reads back");
    assert!(row(&good, false), "a written row is not taken");
    let digest = Hash::of(data).0;
    let place = usize::from(u16::from_le_bytes([digest[0], digest[1]])) % good.len();
    let mut changed = good.clone();
    changed[place] ^= digest[2].max(1);
    assert!(!row(&changed, false), "byte {place} can be another");
    assert!(!row(&good[..place], false), "it can be cut at {place}");
    assert!(!row(&[&good[..], &good[place..]].concat(), false), "it can go on after its end");
    true
}

fn draft(line: &[u8]) -> Option<Draft> {
    if line.len() > MAX_LINE_BYTES {
        return None;
    }
    if LineView::of(line).is_none() {
        let value = parse(line, Limits::ADMISSION).ok()?;
        return domain::admit::complete_draft(value.as_object()?.clone()).ok();
    }
    let value = parse(line, Limits::ADMISSION).ok()?;
    let mut object = value.as_object()?.clone();
    object.remove("hash");
    Event::from_value(object.into()).ok().map(|event| event.draft)
}

/// Members that unpack to as much as is allowed, to one byte more, and to very much more, behind
/// nothing and behind other bytes.
fn bomb(which: u8) -> bool {
    const SIZES: [usize; 5] = [MEMBER_PLAIN - 1, MEMBER_PLAIN, MEMBER_PLAIN + 1, 2 * MEMBER_PLAIN, 4 * MEMBER_PLAIN];
    static BOMBS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let bombs = BOMBS.get_or_init(|| SIZES.iter().map(|size| Packer::new().pack(&vec![b'a'; *size])).collect());
    let place = usize::from(which) % SIZES.len();
    let before = usize::from(which / 5) * 4096;
    let mut out = vec![b'b'; before];
    let unpacked = Unpacker::new().unpack(&bombs[place], &mut out);
    assert_eq!(unpacked.is_ok(), SIZES[place] <= MEMBER_PLAIN, "{} bytes behind {before}", SIZES[place]);
    // Vectors grow to twice their size at most.
    assert!(out.capacity() <= 2 * (MEMBER_PLAIN + before) + 256 * 1024, "{} bytes are held", out.capacity());
    unpacked.is_ok()
}
