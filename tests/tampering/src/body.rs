//! Lines before they become bytes: what somebody who edits a log takes out, puts in and chains anew.

use crate::log::{Layout, Line};
use crate::scene::Scene;
use std::rc::Rc;

/// Lines, and for rows their cut into gzip members and blocks, before they become bytes.
#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) lines: Vec<Rc<Line>>,
    pub(crate) layout: Layout,
}

impl Body {
    /// The lines of each gzip member, and its block.
    fn members(&self) -> impl Iterator<Item = (std::ops::Range<usize>, u64)> {
        let mut at = 0;
        let blocks = (1..).zip(&self.layout);
        blocks.flat_map(|(n, members)| members.iter().map(move |events| (n, *events))).map(move |(n, events)| {
            at += events;
            (at - events..at, n)
        })
    }

    /// The gzip member that holds line `i`, and its block.
    pub(crate) fn member_of(&self, i: usize) -> (std::ops::Range<usize>, u64) {
        self.members().find(|(range, _)| range.contains(&i)).expect("every line stands in a member")
    }

    /// The lines of block `n`.
    pub(crate) fn block(&self, n: u64) -> std::ops::Range<usize> {
        let mut of_block = self.members().filter(|(_, of)| *of == n).map(|(range, _)| range);
        let first = of_block.next().expect("there is such a block");
        first.start..of_block.last().unwrap_or(first).end
    }

    pub(crate) fn remove(&mut self, i: usize) -> Rc<Line> {
        self.resize(i, |events| events - 1);
        self.lines.remove(i)
    }

    /// Puts a line before line `i`, or behind the last, into the member of its neighbour.
    pub(crate) fn insert(&mut self, i: usize, line: Rc<Line>) {
        self.resize(i.min(self.lines.len() - 1), |events| events + 1);
        self.lines.insert(i, line);
    }

    pub(crate) fn truncate(&mut self, lines: usize) {
        while self.lines.len() > lines {
            self.remove(self.lines.len() - 1);
        }
    }

    /// Cuts off what stands before line `i`.
    pub(crate) fn drop_front(&mut self, i: usize) {
        (0..i).for_each(|_| drop(self.remove(0)));
    }

    pub(crate) fn append(&mut self, other: Body) {
        self.lines.extend(other.lines);
        self.layout.extend(other.layout);
    }

    fn resize(&mut self, i: usize, change: impl Fn(usize) -> usize) {
        let mut end = 0;
        let holds_it = |events: &&mut usize| {
            end += **events;
            i < end
        };
        if let Some(events) = self.layout.iter_mut().flatten().find(holds_it) {
            *events = change(*events);
        }
        self.layout.iter_mut().for_each(|members| members.retain(|events| *events > 0));
        self.layout.retain(|members| !members.is_empty());
    }

    /// Chains the lines anew from line `i` on, as somebody who rewrites history would.
    pub(crate) fn rechain(&mut self, i: usize, scene: &Scene<'_>) {
        for i in i..self.lines.len() {
            let (seq, prev_hash) = match i.checked_sub(1) {
                None => (scene.first, scene.prev_hash),
                Some(before) => (self.lines[before].event.seq + 1, self.lines[before].event.hash),
            };
            let mut event = self.lines[i].event.clone();
            (event.seq, event.prev_hash) = (seq, prev_hash);
            self.lines[i] = Line::of(event);
        }
    }
}
