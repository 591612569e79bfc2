//! What of a chain lies in archives joins the walk: blocks of which only the header is left, ranges of
//! which nothing can be looked at, and walks that end or go on in the middle.

use super::Walk;
use crate::archive::Range;
use crate::block::Header;
use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::merkle::Edge;
use crate::verify::report::{Break, BreakKind, Report};
use std::io;

impl Walk {
    /// Joins a block of which only the header is looked at. The tree is not known behind it.
    pub fn stub(&mut self, n: u64, header: &Header) {
        let block = Some(n);
        let (first, last) = (header.first_seq, header.last_seq());
        self.report.events_archived += header.count;
        self.damaged = false;
        let wrong =
            |member| Break { block, member: Some(member), ..Break::at_event(BreakKind::BlockHeaderMismatch, first) };
        if header.n != n {
            self.breaks.add(wrong("n"));
        } else if self.name.as_ref().is_some_and(|name| *name != header.chain) {
            self.breaks.add(wrong("chain"));
        }
        if let Some(expected) = self.expected_seq.filter(|expected| *expected != first) {
            let found = Break::at_event(BreakKind::EventSeqGap, expected.min(first));
            self.breaks.add(Break { block, ..found });
        } else if let Some((stored, computed)) = self.before
            && header.prev_hash != stored
            && header.prev_hash != computed
        {
            let found = Break::at_event(BreakKind::EventPrevHashMismatch, first).hashes(stored, header.prev_hash);
            self.breaks.add(Break { block, ..found });
        } else if header.recorded_at.to_bytes() < self.recorded_at {
            self.breaks.add(wrong("recordedAt"));
        }
        self.expected_seq = Some(last + 1);
        self.before = Some((header.head_hash, header.head_hash));
        self.recorded_at = header.recorded_at.to_bytes();
        self.edge = None;
        self.report.head = Some((last, header.head_hash));
        self.meet_checkpoints(last, header.head_hash);
    }

    /// Passes over events of which nothing can be looked at; what stood before and at their end, as far as
    /// something says so.
    pub fn skip(&mut self, range: Range, prev_hash: Option<Hash>, head_hash: Option<Hash>) {
        if let Some(expected) = self.expected_seq.filter(|expected| *expected != range.start) {
            self.breaks.add(Break::at_event(BreakKind::EventSeqGap, expected.min(range.start)));
        } else if let (Some((stored, computed)), Some(prev_hash)) = (self.before, prev_hash)
            && prev_hash != stored
            && prev_hash != computed
        {
            self.breaks.add(Break::at_event(BreakKind::EventPrevHashMismatch, range.start).hashes(stored, prev_hash));
        }
        self.expected_seq = Some(range.end + 1);
        self.before = head_hash.map(|hash| (hash, hash));
        self.edge = None;
        self.damaged = false;
        if let Some(hash) = head_hash {
            self.report.head = Some((range.end, hash));
            self.meet_checkpoints(range.end, hash);
        }
    }

    /// Something about an archive does not hold.
    pub fn archive(&mut self, found: Break) {
        self.breaks.add(found);
    }

    /// An archive was read, and holds.
    pub fn archive_holds(&mut self) {
        self.report.archives_verified += 1;
    }

    /// The lines of an archive are gone because their time was over; the chain says so.
    pub fn expired(&mut self, archive: Range) {
        self.report.expired.push(archive);
    }

    /// The right edge of the tree behind the last line, where it is known: for a walk that goes on there.
    pub fn edge(&self) -> Option<&Edge> {
        self.edge.as_ref()
    }

    /// Where the walk stands: the next `seq`, and the hash of the line before.
    pub fn place(&self) -> Option<(u64, Hash)> {
        self.expected_seq.zip(self.before.map(|(stored, _)| stored))
    }

    /// The next checkpoint of the chain's own that the walk will meet, as far as it was handed over.
    pub fn next_checkpoint(&self) -> Option<&Checkpoint> {
        let (seq, _) = self.place()?;
        let next = self.waiting.iter().find(|p| p.anchor.is_none() && p.checkpoint.head_seq >= seq);
        next.map(|pending| &pending.checkpoint)
    }

    /// Hands over the tree's right edge at the next checkpoint: where the tree is not known, it is from
    /// there on, if the checkpoint holds and has this root.
    pub fn offer(&mut self, edge: Edge) {
        self.offered = Some(edge);
    }

    /// Goes on in a tree that another walk left there.
    pub fn resume(&mut self, edge: Edge) {
        self.edge = self.expected_seq.is_some_and(|seq| edge.size() + 1 == seq).then_some(edge);
    }

    /// The answer of a walk that did not go to the end: what lies behind it is not missed.
    ///
    /// # Errors
    /// Only those of the scratch.
    pub fn stop(mut self) -> io::Result<Report> {
        self.options.end = self.report.head.map(|(seq, _)| seq);
        self.options.all_checkpoints = false;
        self.finish()
    }
}
