//! Chains built in memory, by the domain alone.

use crate::draft;
use domain::block::{Block, Head, Writer};
use domain::checkpoint::{Checkpoint, Reason};
use domain::hash::Hash;
use domain::keys::SigningKey;
use domain::line::LineView;
use domain::merkle::{Edge, leaf};
use domain::names::ChainName;
use domain::time::Timestamp;

/// The blocks of a chain of `events`, `per_block` in each.
pub fn blocks(chain: &ChainName, events: u64, per_block: usize) -> impl Iterator<Item = Block> {
    let mut head = Head::EMPTY;
    std::iter::from_fn(move || {
        if head.seq == events {
            return None;
        }
        let most = u64::try_from(per_block).expect("small").min(events - head.seq);
        let drafts: Vec<_> = (head.seq..head.seq + most).map(draft).collect();
        let now = drafts.last().expect("at least one").at().plus_millis(1000);
        let nonce = format!("{:016x}", head.block + 1);
        let writer = Writer { chain, writer: "support", nonce, now, threads: 0 };
        let (block, _) = Block::build(&writer, &head, &drafts.iter().collect::<Vec<_>>());
        head = block.header.head();
        Some(block)
    })
}

/// The lines of such a chain, without their LF.
pub fn lines(chain: &ChainName, events: u64) -> Vec<Vec<u8>> {
    blocks(chain, events, 64)
        .flat_map(|block| {
            let plain = block.lines().expect("just built");
            plain.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect()
}

/// Checkpoints over the given heads; `key_at` says who signs.
pub fn checkpoints(
    chain: &ChainName,
    lines: &[Vec<u8>],
    heads: &[u64],
    key_at: impl Fn(u64) -> SigningKey,
) -> Vec<Checkpoint> {
    let mut edge = Edge::default();
    let mut made: Vec<Checkpoint> = Vec::new();
    for line in lines {
        let view = LineView::of(line).expect("a line");
        edge.push(leaf(&view.hash));
        if !heads.contains(&view.seq) {
            continue;
        }
        let key = key_at(view.seq);
        let at = std::str::from_utf8(view.recorded_at).ok().and_then(|t| Timestamp::parse(t).ok());
        let mut checkpoint = Checkpoint {
            chain: chain.clone(),
            n: made.len() as u64 + 1,
            head_seq: view.seq,
            head_hash: view.hash,
            root_hash: edge.root(),
            at: at.expect("a time"),
            reason: Reason::Interval,
            prev_checkpoint: made.last().map_or(Hash::ZERO, Checkpoint::digest),
            sig_alg: key.algorithm().as_str().to_owned(),
            key_id: key.verify_key().key_id(),
            signature: Vec::new(),
        };
        sign(&mut checkpoint, &key);
        made.push(checkpoint);
    }
    made
}

/// Signs what the checkpoint says now.
pub fn sign(checkpoint: &mut Checkpoint, key: &SigningKey) {
    checkpoint.signature = key.sign(&checkpoint.signed_bytes());
}

/// Chains the lines anew from position `from` on, as somebody who rewrites history would: every
/// later hash follows.
pub fn rechain(lines: &mut [Vec<u8>], from: usize) {
    for i in from..lines.len() {
        let mut event = read_loosely(&lines[i]);
        event.seq = i as u64 + 1;
        event.prev_hash = match i {
            0 => Hash::ZERO,
            _ => LineView::of(&lines[i - 1]).expect("a line").hash,
        };
        lines[i] = event.line();
    }
}

/// The event of a line whose hash may not hold.
pub fn read_loosely(line: &[u8]) -> domain::event::Event {
    use domain::json::{Limits, Value, parse};
    let Ok(Value::Object(mut object)) = parse(line, Limits::FORMAT) else { panic!("a line is an object") };
    object.remove("hash");
    domain::event::Event::from_value(object.into()).expect("an event")
}
