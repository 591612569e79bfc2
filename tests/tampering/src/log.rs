//! Honest logs: a history in lines, its cut into blocks and gzip members, and its signed checkpoints.

use crate::dice::Dice;
use domain::block::gzip::Packer;
use domain::block::{Block, Header, Member};
use domain::checkpoint::{Checkpoint, Reason};
use domain::event::{Draft, Event, Place};
use domain::hash::Hash;
use domain::keys::{Algorithm, KeyRing, RingKey, SigningKey};
use domain::merkle::{Edge, leaf};
use domain::names::ChainName;
use domain::time::Timestamp;
use std::rc::Rc;

/// Most events in one log.
const MOST_EVENTS: usize = 60;

/// A line with its LF, and the event that it says or, where somebody spoiled its bytes, said.
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    pub(crate) event: Event,
}

impl Line {
    /// The line of this event, with the hash that its other members have.
    pub(crate) fn of(mut event: Event) -> Rc<Self> {
        let place =
            Place { chain: &event.chain, seq: event.seq, recorded_at: event.recorded_at, prev_hash: event.prev_hash };
        let (mut bytes, hash) = event.draft.seal(&place);
        bytes.push(b'\n');
        event.hash = hash;
        Rc::new(Self { bytes, event })
    }
}

/// How many lines each gzip member of each block holds.
pub(crate) type Layout = Vec<Vec<usize>>;

/// One history under one name.
pub(crate) struct Log {
    pub(crate) name: ChainName,
    pub(crate) lines: Vec<Rc<Line>>,
    /// Of a fork: of the lines that are its own.
    pub(crate) layout: Layout,
    pub(crate) checkpoints: Vec<Checkpoint>,
}

/// Who signs from which `seq` on.
pub(crate) struct Keys {
    from: Vec<(u64, SigningKey)>,
    /// A key that no ring holds.
    pub(crate) foreign: SigningKey,
}

impl Keys {
    fn throw(dice: &mut Dice) -> Self {
        let mut from = vec![];
        let mut seq = 1;
        for _ in 0..dice.between(1, 3) {
            let algorithm = if dice.once_in(4) { Algorithm::Ed25519 } else { Algorithm::HmacSha256 };
            from.push((seq, SigningKey::new(algorithm, dice.bytes())));
            seq += dice.between(1, 25) as u64;
        }
        Self { from, foreign: SigningKey::new(Algorithm::HmacSha256, dice.bytes()) }
    }

    /// The key whose range holds `seq`.
    pub(crate) fn at(&self, seq: u64) -> &SigningKey {
        let after = self.from.partition_point(|(from, _)| *from <= seq);
        &self.from[after.max(1) - 1].1
    }

    /// A key of the ring whose range does not hold `seq`.
    pub(crate) fn not_at(&self, seq: u64) -> Option<&SigningKey> {
        let right = self.at(seq).verify_key().key_id();
        self.from.iter().map(|(_, key)| key).find(|key| key.verify_key().key_id() != right)
    }

    pub(crate) fn ring(&self) -> KeyRing {
        let mut ring = KeyRing::default();
        for (i, (from_seq, key)) in self.from.iter().enumerate() {
            let to_seq = self.from.get(i + 1).map_or(u64::MAX, |(next, _)| next - 1);
            ring.add(RingKey { key: key.verify_key(), from_seq: *from_seq, to_seq });
        }
        ring
    }
}

/// What mutants are made of: a log, another chain's log, and a fork of the first.
pub(crate) struct Base {
    pub(crate) own: Log,
    pub(crate) other: Log,
    /// Shares its first `forked_after` lines with `own`.
    pub(crate) fork: Log,
    pub(crate) forked_after: usize,
    pub(crate) keys: Keys,
    pub(crate) ring: KeyRing,
    /// The rows of `own`, in order.
    pub(crate) rows: Vec<Vec<u8>>,
}

impl Base {
    pub(crate) fn throw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 1);
        let keys = Keys::throw(dice);
        let name = ChainName::new(dice.pick::<&str>(&["dezky.prod", "a", "eu-1.test"])).expect("a name");
        let events = if dice.once_in(10) { 1 } else { dice.between(2, MOST_EVENTS) };
        let own = Log::throw(dice, name.clone(), &[], 0, events, &keys);
        let other_name = ChainName::new("other.log").expect("a name");
        let most = dice.between(1, events + 3);
        let other = Log::throw(dice, other_name, &[], 1000, most, &keys);
        let forked_after = dice.below(events);
        let more = dice.between(1, events - forked_after + 2);
        let fork = Log::throw(dice, name, &own.lines[..forked_after], 2000, more, &keys);
        let rows = rows(&own.lines, &own.layout);
        Self { ring: keys.ring(), own, other, fork, forked_after, keys, rows }
    }
}

impl Log {
    /// `more` events behind `before`, and checkpoints over the whole.
    fn throw(dice: &mut Dice, name: ChainName, before: &[Rc<Line>], serial: u64, more: usize, keys: &Keys) -> Self {
        let mut lines = before.to_vec();
        let start = Timestamp::from_unix_millis(1_793_491_200_000).expect("in 2026");
        let mut now = lines.last().map_or(start, |line| line.event.recorded_at);
        let mut layout: Layout = vec![];
        let mut left = more;
        while left > 0 {
            now = now.plus_millis(if dice.once_in(4) { 0 } else { dice.millis(5000) });
            let mut members = vec![];
            for _ in 0..dice.between(1, 3).min(left) {
                let most = if dice.once_in(3) { 1 } else { 8 };
                let events = dice.between(1, most).min(left);
                for _ in 0..events {
                    let late = if dice.once_in(3) { 0 } else { dice.millis(864_000_000) };
                    let draft = crate::events::draft(dice, serial + lines.len() as u64, now.plus_millis(-late));
                    lines.push(next_line(&lines, &name, draft, now));
                }
                left -= events;
                members.push(events);
                if left == 0 {
                    break;
                }
            }
            layout.push(members);
        }
        let mut heads: Vec<u64> = (0..dice.below(6)).map(|_| dice.between(1, lines.len()) as u64).collect();
        if dice.once_in(3) {
            heads.push(lines.len() as u64);
        }
        heads.sort_unstable();
        heads.dedup();
        let checkpoints = checkpoints(&name, &lines, &heads, keys);
        Self { name, lines, layout, checkpoints }
    }
}

/// The line of `draft` behind these.
pub(crate) fn next_line(before: &[Rc<Line>], name: &ChainName, draft: Draft, recorded_at: Timestamp) -> Rc<Line> {
    let (seq, prev_hash) = before.last().map_or((0, Hash::ZERO), |line| (line.event.seq, line.event.hash));
    Line::of(Event { draft, chain: name.clone(), seq: seq + 1, recorded_at, prev_hash, hash: Hash::ZERO })
}

/// The Merkle root over the first 1, 2, 3 … of these lines.
pub(crate) fn roots(lines: &[Rc<Line>]) -> Vec<Hash> {
    let mut edge = Edge::default();
    lines
        .iter()
        .map(|line| {
            edge.push(leaf(&line.event.hash));
            edge.root()
        })
        .collect()
}

/// Checkpoints over these heads, signed by whoever may.
pub(crate) fn checkpoints(name: &ChainName, lines: &[Rc<Line>], heads: &[u64], keys: &Keys) -> Vec<Checkpoint> {
    let roots = roots(lines);
    let mut made: Vec<Checkpoint> = vec![];
    for (line, root_hash) in lines.iter().zip(roots).filter(|(line, _)| heads.contains(&line.event.seq)) {
        let before = made.last();
        let mut checkpoint = Checkpoint {
            chain: name.clone(),
            n: made.len() as u64 + 1,
            head_seq: line.event.seq,
            head_hash: line.event.hash,
            root_hash,
            at: line.event.recorded_at,
            reason: [Reason::Startup, Reason::Interval, Reason::Threshold][made.len() % 3],
            prev_checkpoint: before.map_or(Hash::ZERO, Checkpoint::digest),
            sig_alg: String::new(),
            key_id: String::new(),
            signature: vec![],
        };
        sign(&mut checkpoint, keys.at(line.event.seq));
        made.push(checkpoint);
    }
    made
}

/// Signs what the checkpoint says now, in this key's name.
pub(crate) fn sign(checkpoint: &mut Checkpoint, key: &SigningKey) {
    key.algorithm().as_str().clone_into(&mut checkpoint.sig_alg);
    checkpoint.key_id = key.verify_key().key_id();
    checkpoint.signature = key.sign(&checkpoint.signed_bytes());
}

/// The rows of these lines, with headers as an honest writer would make them.
pub(crate) fn rows(lines: &[Rc<Line>], layout: &Layout) -> Vec<Vec<u8>> {
    let mut at = 0;
    (1..)
        .zip(layout)
        .map(|(n, members)| {
            let count: usize = members.iter().sum();
            at += count;
            block(n, &lines[at - count..at], members).to_row()
        })
        .collect()
}

/// One block of these lines.
pub(crate) fn block(n: u64, lines: &[Rc<Line>], members: &[usize]) -> Block {
    let (mut body, mut packed, mut at) = (vec![], vec![], 0);
    for &events in members {
        let plain: Vec<u8> = lines[at..at + events].iter().flat_map(|line| line.bytes.iter().copied()).collect();
        let member = Packer::new().pack(&plain);
        packed.push(Member {
            events: u32::try_from(events).expect("a few"),
            bytes: u32::try_from(member.len()).expect("a few"),
        });
        body.extend(member);
        at += events;
    }
    let (first, last) = (&lines[0].event, &lines[lines.len() - 1].event);
    let times = || lines.iter().map(|line| line.event.draft.at());
    let mut header = Header {
        chain: first.chain.clone(),
        n,
        first_seq: first.seq,
        count: lines.len() as u64,
        prev_hash: first.prev_hash,
        head_hash: last.hash,
        at_min: times().min().expect("at least one line"),
        at_max: times().max().expect("at least one line"),
        recorded_at: first.recorded_at,
        writer: "host 7: Jörg\tT".to_owned(),
        nonce: format!("{n:016x}"),
        members: packed,
        digest: Hash::ZERO,
    };
    header.digest = header.computed_digest(&body);
    Block { header, body }
}
