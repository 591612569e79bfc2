//! Logs built in memory, touched, and what a verifier says of them.

mod blocks;
mod checkpoints;
mod file;
mod lines;
mod places;
mod reports;

use super::*;
use crate::block::{Block, Head, Writer};
use crate::checkpoint::{Checkpoint, Reason};
use crate::event::{Draft, Event};
use crate::hash::Hash;
use crate::json::Object;
use crate::keys::{Algorithm, KeyRing, SigningKey};
use crate::merkle::{Edge, leaf};
use crate::names::ChainName;
use crate::time::Timestamp;

fn name() -> ChainName {
    ChainName::new("tested").unwrap()
}

fn key() -> SigningKey {
    SigningKey::new(Algorithm::HmacSha256, [7; 32])
}

fn options() -> Options {
    Options {
        ring: KeyRing::of(key().verify_key()),
        start: Start::Genesis,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: true,
        repeat_key: [1; 16],
        threads: 0,
    }
}

fn second(n: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + 1000 * i64::try_from(n).unwrap()).unwrap()
}

/// Every third event has no external id.
fn draft(n: u64) -> Draft {
    let mut draft = Draft::internal("test.happened", format!("x{n}"), second(n), Object::default()).unwrap();
    if n.is_multiple_of(3) {
        draft.external_id = None;
    }
    draft
}

/// Blocks of as many events as are stated, each chained a minute after its last event.
fn blocks(counts: &[u64]) -> Vec<Block> {
    let mut head = Head::EMPTY;
    counts
        .iter()
        .map(|count| {
            let drafts: Vec<_> = (head.seq + 1..=head.seq + count).map(draft).collect();
            let now = second(head.seq + count + 60);
            let writer = Writer { chain: &name(), writer: "w", nonce: "n".to_owned(), now, threads: 0 };
            let (block, taken) = Block::build(&writer, &head, &drafts.iter().collect::<Vec<_>>());
            assert_eq!(taken as u64, *count);
            head = block.header.head();
            block
        })
        .collect()
}

fn rows(blocks: &[Block]) -> Vec<Chunk> {
    blocks.iter().map(|block| Chunk::Block { n: block.header.n, row: block.to_row() }).collect()
}

/// As many events in a chain, two of them recorded at a time.
fn events(count: u64) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for n in 1..=count {
        let prev_hash = events.last().map_or(Hash::ZERO, |event| event.hash);
        let recorded_at = second(60 + n / 2);
        events.push(Event { draft: draft(n), chain: name(), seq: n, recorded_at, prev_hash, hash: Hash::ZERO });
        let last = events.len() - 1;
        seal(&mut events[last..]);
    }
    events
}

/// Chains events anew behind the first of them, as somebody who rewrites history would.
fn seal(events: &mut [Event]) {
    for i in 0..events.len() {
        if i > 0 {
            events[i].prev_hash = events[i - 1].hash;
        }
        events[i].hash = events[i].draft.seal(&events[i].place()).1;
    }
}

fn bytes(events: &[Event]) -> Vec<u8> {
    events.iter().flat_map(|event| [&event.line(), &b"\n"[..]].concat()).collect()
}

/// Checkpoints over these heads.
fn checkpoints(events: &[Event], heads: &[u64]) -> Vec<Checkpoint> {
    let mut edge = Edge::default();
    let mut made: Vec<Checkpoint> = Vec::new();
    for event in events {
        edge.push(leaf(&event.hash));
        if heads.contains(&event.seq) {
            made.push(signed(Checkpoint {
                chain: name(),
                n: made.len() as u64 + 1,
                head_seq: event.seq,
                head_hash: event.hash,
                root_hash: edge.root(),
                at: event.recorded_at,
                reason: Reason::Interval,
                prev_checkpoint: made.last().map_or(Hash::ZERO, Checkpoint::digest),
                sig_alg: "hmac-sha256".to_owned(),
                key_id: key().verify_key().key_id(),
                signature: Vec::new(),
            }));
        }
    }
    made
}

fn signed(mut checkpoint: Checkpoint) -> Checkpoint {
    checkpoint.signature = key().sign(&checkpoint.signed_bytes());
    checkpoint
}

/// Every second line is a run of its own, or all are one run: the verdict is the same.
fn verify(events: &[u8], given: &[Checkpoint], anchors: &[Checkpoint], options: &Options) -> Report {
    let whole = walk(vec![Chunk::Lines(events.to_vec())], given, anchors, options);
    let lines: Vec<&[u8]> = events.split_inclusive(|b| *b == b'\n').collect();
    let pairs = lines.chunks(2).map(|pair| Chunk::Lines(pair.concat())).collect();
    assert_eq!(walk(pairs, given, anchors, options), whole);
    let single = lines.iter().map(|line| Chunk::Lines(line.to_vec())).collect();
    assert_eq!(walk(single, given, anchors, options), whole);
    whole
}

fn walk(runs: Vec<Chunk>, given: &[Checkpoint], anchors: &[Checkpoint], options: &Options) -> Report {
    let mut walk = Walk::new(options.clone(), Some(name()), None);
    anchors.iter().for_each(|anchor| walk.checkpoint(&anchor.line(), Evidence::Anchor));
    given.iter().for_each(|checkpoint| walk.checkpoint(&checkpoint.line(), Evidence::Chained));
    for run in runs {
        walk.run(check(run, options)).unwrap();
    }
    walk.finish().unwrap()
}

/// Kind, place and member of every break.
fn breaks(report: &Report) -> Vec<(&'static str, u64, &'static str)> {
    assert_eq!(report.breaks.len() as u64, report.breaks_total);
    assert_eq!(report.first_break.as_ref(), report.breaks.first());
    let place = |found: &Break| found.seq.or(found.head_seq).unwrap();
    report.breaks.iter().map(|found| (found.kind.as_str(), place(found), found.member.unwrap_or_default())).collect()
}
