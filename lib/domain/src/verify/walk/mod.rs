//! Joining checked runs into one chain, and holding it against its checkpoints.
//!
//! Per line, in this order: is it readable, does its hash hold, is its `seq` the next, is its
//! `prevHash` the hash before. Only the first that fails is reported; the walk then goes on from
//! what the line itself says, so that one break does not drag a thousand behind it.

mod archives;

use super::Options;
use super::check::{Checked, Fingerprint, Item, Line};
use super::repeats::{Repeats, Scratch};
use super::report::{Break, BreakKind, Breaks, Report};
use super::sound::Sound;
use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::merkle::Edge;
use crate::names::ChainName;
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::io;

/// Where the bytes start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the beginning of the chain.
    Genesis,
    /// In the middle, behind an event of this hash: the stated start of an export.
    At {
        /// `seq` of the first line.
        seq: u64,
        /// `prevHash` of the first line.
        prev_hash: Hash,
    },
    /// Wherever the first line says.
    FirstLine,
}

/// Where a checkpoint comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// From the chain's own checkpoints, in ascending order.
    Chained,
    /// From a copy that was kept elsewhere.
    Anchor,
}

struct Pending {
    checkpoint: Checkpoint,
    /// Which of the anchors it is; `None` for one of the chain's own.
    anchor: Option<usize>,
    /// Whether it follows the one before.
    follows: bool,
}

/// A copy from outside the data whose signature counts.
struct Anchor {
    checkpoint: Checkpoint,
    /// Whether its event was there.
    met: bool,
}

/// One pass over a chain, in order.
pub struct Walk {
    options: Options,
    breaks: Breaks,
    report: Report,
    expected_seq: Option<u64>,
    /// Stored hash of the line before, and what it hashes to if that is another.
    before: Option<(Hash, Hash)>,
    recorded_at: [u8; 24],
    chain: Option<u64>,
    /// `None` once the tree can no longer be known.
    edge: Option<Edge>,
    /// A tree that somebody kept, to go on in once a checkpoint says that it is the right one.
    offered: Option<Edge>,
    /// Whether lines are missing at the end of what was read so far.
    damaged: bool,
    waiting: VecDeque<Pending>,
    chained: ChainedState,
    anchors: Vec<Anchor>,
    repeats: Repeats,
    name: Option<ChainName>,
    newest_signed: u64,
    derived_beyond: bool,
}

/// The last checkpoint of the chain's own.
#[derive(Default)]
struct ChainedState {
    n: u64,
    /// The greatest so far; not the last where one was put out of order.
    newest_n: u64,
    head_seq: u64,
    /// `None` after one that was changed: what it was is unknown.
    digest: Option<Hash>,
    at: Option<Timestamp>,
}

impl Walk {
    /// A walk that knows nothing yet. Without a scratch, repeats are held in memory.
    pub fn new(options: Options, name: Option<ChainName>, scratch: Option<Box<dyn Scratch>>) -> Self {
        let (expected_seq, before) = match options.start {
            Start::Genesis => (Some(1), Some((Hash::ZERO, Hash::ZERO))),
            Start::At { seq, prev_hash } => (Some(seq), Some((prev_hash, prev_hash))),
            Start::FirstLine => (None, None),
        };
        let edge = (options.start == Start::Genesis || expected_seq == Some(1)).then(Edge::default);
        Self {
            options,
            breaks: Breaks::default(),
            report: Report::default(),
            expected_seq,
            before,
            recorded_at: [b'0'; 24],
            chain: None,
            edge,
            offered: None,
            damaged: false,
            waiting: VecDeque::new(),
            chained: ChainedState { digest: Some(Hash::ZERO), ..ChainedState::default() },
            anchors: Vec::new(),
            repeats: Repeats::new(scratch),
            name,
            newest_signed: 0,
            derived_beyond: false,
        }
    }

    /// Whether lines up to `seq` can be joined without more checkpoints. Callers hand over
    /// checkpoints until this holds, so that only the few around the walk are in memory.
    pub fn has_checkpoints_beyond(&self, seq: u64) -> bool {
        self.chained.head_seq > seq
    }

    /// Hands over the next checkpoint line; anchors come before any run, chained ones in order.
    pub fn checkpoint(&mut self, line: &[u8], evidence: Evidence) {
        let checkpoint = match Checkpoint::from_line(line) {
            Ok(checkpoint) => checkpoint,
            Err(_) => return self.unreadable_checkpoint(line, evidence),
        };
        let head_seq = checkpoint.head_seq;
        if self.options.ring.is_empty() {
            let missing = "no key to check the checkpoints' signatures with".to_owned();
            if !self.report.missing.contains(&missing) {
                self.report.missing.push(missing);
            }
        } else if !checkpoint.is_signed_by(&self.options.ring) {
            return self.changed_checkpoint(head_seq, evidence);
        }
        if self.name.as_ref().is_some_and(|name| *name != checkpoint.chain) {
            return self.breaks.add(Break::at_checkpoint(BreakKind::CheckpointChainMismatch, head_seq));
        }
        self.name.get_or_insert_with(|| checkpoint.chain.clone());
        match evidence {
            Evidence::Chained => self.chained_checkpoint(checkpoint),
            Evidence::Anchor => {
                self.report.anchored |= !self.options.ring.is_empty();
                self.anchors.push(Anchor { checkpoint: checkpoint.clone(), met: false });
                self.wait(Pending { checkpoint, anchor: Some(self.anchors.len() - 1), follows: true });
            }
        }
    }

    fn unreadable_checkpoint(&mut self, line: &[u8], evidence: Evidence) {
        let claimed = crate::json::parse(line, crate::json::Limits::FORMAT)
            .ok()
            .and_then(|value| value.as_object()?.get("headSeq")?.as_u64());
        self.changed_checkpoint(claimed.unwrap_or(self.chained.head_seq + 1), evidence);
    }

    fn changed_checkpoint(&mut self, head_seq: u64, evidence: Evidence) {
        let found = Break::at_checkpoint(BreakKind::CheckpointSignatureMismatch, head_seq);
        match evidence {
            Evidence::Anchor => self.breaks.add(found),
            Evidence::Chained => {
                self.breaks.add_movable(found);
                self.chained.n += 1;
                self.chained.newest_n = self.chained.newest_n.max(self.chained.n);
                self.chained.digest = None;
            }
        }
    }

    fn chained_checkpoint(&mut self, checkpoint: Checkpoint) {
        let before = &self.chained;
        self.breaks.settle(checkpoint.head_seq);
        let in_order = checkpoint.n == before.n + 1
            && before.digest.is_none_or(|digest| digest == checkpoint.prev_checkpoint)
            && checkpoint.head_seq > before.head_seq
            && before.at.is_none_or(|at| checkpoint.at >= at);
        let disputed = self.anchors.iter().map(|anchor| &anchor.checkpoint).any(|anchor| {
            anchor.n == checkpoint.n
                && anchor.digest() != checkpoint.digest()
                // About one event, the hash decides which of the two is wrong.
                && (anchor.head_hash == checkpoint.head_hash || anchor.head_seq != checkpoint.head_seq)
        });
        let follows = in_order && !disputed;
        if !follows {
            self.breaks.add(Break::at_checkpoint(BreakKind::CheckpointChainMismatch, checkpoint.head_seq));
        }
        self.chained = ChainedState {
            n: checkpoint.n,
            newest_n: self.chained.newest_n.max(checkpoint.n),
            head_seq: self.chained.head_seq.max(checkpoint.head_seq),
            digest: Some(checkpoint.digest()),
            at: Some(checkpoint.at),
        };
        // Still held against the events: a removed neighbour says nothing against them.
        self.wait(Pending { checkpoint, anchor: None, follows });
    }

    fn wait(&mut self, pending: Pending) {
        let at = self.waiting.partition_point(|p| p.checkpoint.head_seq <= pending.checkpoint.head_seq);
        self.waiting.insert(at, pending);
    }

    /// Joins the next run.
    ///
    /// # Errors
    /// Only those of the scratch.
    pub fn run(&mut self, run: Checked) -> io::Result<()> {
        if let Some(sound) = run.sound {
            return self.sound(sound, run.block);
        }
        let block = run.block;
        let failed_before = self.report.events_total - self.report.events_verified;
        let mut externals = run.externals.into_iter().peekable();
        for (place, item) in run.items.into_iter().enumerate() {
            let external = externals.next_if(|(_, line)| *line == place).map(|(print, _)| print);
            match item {
                Item::Line(line) => self.line(&line, external, block)?,
                Item::Unreadable(hashes) => self.unreadable(hashes, block),
                Item::Damage => self.damage(block),
            }
        }
        if self.report.events_total - self.report.events_verified > failed_before {
            // A header is only held against lines that hold.
            return Ok(());
        }
        for (member, seq) in run.header {
            let found = Break { block, member: Some(member), ..Break::at_event(BreakKind::BlockHeaderMismatch, seq) };
            self.breaks.add(found);
        }
        Ok(())
    }

    /// A run without a fault of its own: only its seam may have one.
    fn sound(&mut self, run: Sound, block: Option<u64>) -> io::Result<()> {
        let mut lines = run.hashes.iter().zip(&run.leaves);
        let (mut seq, mut prev_hash, mut recorded_at) = (run.first_seq, run.prev_hash, run.first_recorded_at);
        let mut externals = run.externals.into_iter().peekable();
        // The first line meets whatever stood before.
        if let Some((hash, leaf)) = lines.next() {
            let external = externals.next_if(|(_, at)| *at == seq).map(|(print, _)| print);
            let (hash, leaf) = (*hash, *leaf);
            let line = Line { seq, hash, prev_hash, computed: None, leaf, recorded_at, chain: run.chain };
            self.line(&line, external, block)?;
            prev_hash = hash;
        }
        recorded_at = run.last_recorded_at;
        if self.chain != Some(run.chain) {
            for (hash, leaf) in lines {
                seq += 1;
                let (hash, leaf) = (*hash, *leaf);
                let line = Line { seq, hash, prev_hash, computed: None, leaf, recorded_at, chain: run.chain };
                // A line of another chain does not hold, so its external id counts for nothing.
                self.line(&line, None, block)?;
                prev_hash = hash;
            }
            return Ok(());
        }
        self.report.events_total += lines.len() as u64;
        self.report.events_verified += lines.len() as u64;
        for (hash, leaf) in lines {
            seq += 1;
            prev_hash = *hash;
            if let Some(edge) = &mut self.edge {
                edge.push(*leaf);
            }
            if self.waiting.front().is_some_and(|p| p.checkpoint.head_seq <= seq) {
                self.meet_checkpoints(seq, *hash);
            }
        }
        for (external, seq) in externals {
            self.repeats.add(external, seq, block)?;
        }
        self.expected_seq = Some(seq + 1);
        self.before = Some((prev_hash, prev_hash));
        self.recorded_at = recorded_at;
        self.report.head = Some((seq, prev_hash));
        Ok(())
    }

    fn line(&mut self, line: &Line, external: Option<Fingerprint>, block: Option<u64>) -> io::Result<()> {
        self.report.events_total += 1;
        self.damaged = false;
        let seq = match (&line.computed, self.expected_seq) {
            // A line that fails its own hash cannot be believed about its place.
            (Some(_), Some(expected)) => expected,
            _ => line.seq,
        };
        if self.report.first_seq.is_none() {
            self.report.first_seq = Some(seq);
            if seq == 1 && self.before.is_none() {
                self.before = Some((Hash::ZERO, Hash::ZERO));
                self.edge = Some(Edge::default());
            }
        }
        let found = self.failure(line, seq);
        let holds = found.is_none();
        if let Some(found) = found {
            self.breaks.add(Break { block, ..found });
        } else {
            self.report.events_verified += 1;
        }
        match &mut self.edge {
            Some(edge) if holds && edge.size() + 1 == seq => edge.push(line.leaf),
            edge => *edge = None,
        }
        if holds && let Some(external) = external {
            self.repeats.add(external, seq, block)?;
        }
        self.expected_seq = Some(seq + 1);
        self.before = Some((line.hash, line.computed.as_deref().copied().unwrap_or(line.hash)));
        if line.computed.is_none() {
            // One that fails its own hash cannot be believed about these either.
            self.recorded_at = line.recorded_at;
            self.chain.get_or_insert(line.chain);
        }
        self.report.head = Some((seq, line.hash));
        self.meet_checkpoints(seq, line.hash);
        Ok(())
    }

    fn failure(&self, line: &Line, seq: u64) -> Option<Break> {
        if let Some(computed) = &line.computed {
            return Some(Break::at_event(BreakKind::EventHashMismatch, seq).hashes(line.hash, **computed));
        }
        if let Some(expected) = self.expected_seq
            && expected != line.seq
        {
            return Some(Break::at_event(BreakKind::EventSeqGap, expected.min(line.seq)));
        }
        if let Some((stored, computed)) = self.before
            && line.prev_hash != stored
            && line.prev_hash != computed
        {
            return Some(Break {
                expected: Some(stored.to_hex()),
                actual: Some(line.prev_hash.to_hex()),
                ..Break::at_event(BreakKind::EventPrevHashMismatch, seq)
            });
        }
        let order =
            |member| Some(Break { member: Some(member), ..Break::at_event(BreakKind::EventOrderMismatch, seq) });
        if line.recorded_at < self.recorded_at {
            return order("recordedAt");
        }
        if self.chain.is_some_and(|chain| chain != line.chain) {
            return order("chain");
        }
        None
    }

    fn unreadable(&mut self, hashes: Option<(Hash, Hash)>, block: Option<u64>) {
        self.report.events_total += 1;
        let seq = self.expected_seq.unwrap_or(1);
        let mut found = Break { block, ..Break::at_event(BreakKind::EventHashMismatch, seq) };
        if let Some((stored, computed)) = hashes.filter(|(stored, computed)| stored != computed) {
            found = found.hashes(stored, computed);
        }
        self.breaks.add(found);
        self.expected_seq = self.expected_seq.map(|seq| seq + 1);
        self.before = hashes;
        self.edge = None;
        self.damaged = true;
    }

    fn damage(&mut self, block: Option<u64>) {
        let seq = self.expected_seq.or(self.report.head.map(|(seq, _)| seq + 1)).unwrap_or(1);
        let found = Break { block, ..Break::at_event(BreakKind::BlockUnreadable, seq) };
        self.breaks.add(found);
        self.expected_seq = None;
        self.before = None;
        self.edge = None;
        self.damaged = true;
    }

    fn meet_checkpoints(&mut self, seq: u64, hash: Hash) {
        while let Some(pending) = self.waiting.pop_front_if(|p| p.checkpoint.head_seq <= seq) {
            let checkpoint = &pending.checkpoint;
            if checkpoint.head_seq < seq {
                // Its event was not there, or it came too late: either is a break of its own.
                continue;
            }
            if let Some(anchor) = pending.anchor {
                self.anchors[anchor].met = true;
            }
            let root = self.edge.as_ref().map_or(checkpoint.root_hash, Edge::root);
            let found = if checkpoint.head_hash != hash {
                Some((checkpoint.head_hash, hash))
            } else if checkpoint.root_hash != root {
                Some((checkpoint.root_hash, root))
            } else {
                None
            };
            if let Some((expected, actual)) = found {
                let found = Break::at_checkpoint(BreakKind::CheckpointHeadMismatch, seq).hashes(expected, actual);
                self.breaks.add(found);
            } else if pending.follows && !self.options.ring.is_empty() {
                self.report.checkpoints_verified += u64::from(pending.anchor.is_none());
                self.newest_signed = seq;
                if self.edge.is_none() {
                    let kept = self.offered.take();
                    self.edge = kept.filter(|edge| edge.size() == seq && edge.root() == checkpoint.root_hash);
                }
            }
        }
    }

    /// Derived rows speak of events behind the last one. That is reported only where no checkpoint
    /// says so itself, and better.
    pub fn derived_beyond_the_end(&mut self) {
        self.derived_beyond = true;
    }

    /// A derived row hides or invents the event of this number.
    pub fn index_mismatch(&mut self, seq: u64) {
        self.breaks.add(Break::at_event(BreakKind::IndexMismatch, seq));
    }

    /// Something could not be looked at.
    pub fn missing(&mut self, what: String) {
        self.report.missing.push(what);
    }

    /// The answer.
    ///
    /// # Errors
    /// Only those of the scratch.
    pub fn finish(mut self) -> io::Result<Report> {
        let last = self.report.head.map_or(0, |(seq, _)| seq);
        let end = self.options.end;
        let vouched = self.waiting.iter().any(|pending| pending.checkpoint.head_seq > last);
        if self.derived_beyond && !vouched {
            self.index_mismatch(last + 1);
        }
        if !self.damaged {
            if let Some(end) = end.filter(|end| *end > last) {
                let missing = self.expected_seq.map_or(last + 1, |expected| expected.min(end));
                self.breaks.add(Break::at_event(BreakKind::EventSeqGap, missing));
            }
            for pending in &self.waiting {
                let head_seq = pending.checkpoint.head_seq;
                if head_seq > last && end.is_none_or(|end| head_seq <= end) {
                    let found = Break {
                        actual: Some(last.to_string()),
                        ..Break::at_checkpoint(BreakKind::TailTruncated, head_seq)
                    };
                    self.breaks.add(found);
                }
            }
        }
        for Anchor { checkpoint, met } in &self.anchors {
            if self.options.all_checkpoints && checkpoint.n > self.chained.newest_n && *met {
                let found = Break::at_checkpoint(BreakKind::CheckpointChainMismatch, checkpoint.head_seq);
                self.breaks.add(found);
            }
        }
        let (repeated, total) = self.repeats.finish(1000)?;
        self.report.events_verified -= total;
        for (seq, block) in repeated {
            let found = Break::at_event(BreakKind::EventOrderMismatch, seq);
            let found = Break { block, member: Some("externalId"), ..found };
            self.breaks.add(found);
        }
        // A copy that vouches for what lies outside the range was not compared with anything.
        let first = match self.options.start {
            Start::Genesis => 1,
            Start::At { seq, .. } => seq,
            Start::FirstLine => self.report.first_seq.unwrap_or(0),
        };
        let within = |Anchor { checkpoint, .. }: &Anchor| {
            checkpoint.head_seq >= first && end.is_none_or(|end| checkpoint.head_seq <= end)
        };
        self.report.anchored &= self.anchors.iter().any(within);
        self.report.unsigned_tail = last - self.newest_signed.min(last);
        (self.report.breaks, self.report.breaks_total) = self.breaks.finish();
        self.report.first_break = self.report.breaks.first().cloned();
        Ok(self.report)
    }
}
