//! A table that was restored from a backup: what it lost is known, and nothing may be built on it
//! before an operator accepted that.

use super::Checker;

/// What a restored table has lost.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// Lines of the checkpoints whose rows are lost.
    lost_checkpoints: Vec<Vec<u8>>,
    /// Whether a copy outside vouches for what is lost, or rows derived from it are left: it must show.
    shows: bool,
    /// The event at which it shows if nothing vouches for what is lost.
    unvouched: Option<u64>,
    /// Whether an operator wrote down what is being accepted: rows that tell of it may go from then on.
    intended: bool,
    accepted: bool,
}

impl Checker {
    /// The table is again as it was at this head; `left` says whether it has a watermark beyond.
    pub fn restored(&mut self, events: u64, blocks: u64, checkpoints: u64, left: bool) {
        let cut = |n: u64| usize::try_from(n).expect("a place");
        for event in self.events.split_off(cut(events)) {
            self.names.remove(&event.name);
            self.chained_anew.remove(&event.name);
        }
        self.blocks = blocks;
        self.block_ends.truncate(cut(blocks));
        self.rows.truncate(cut(blocks));
        let lost = self.checkpoints.split_off(cut(checkpoints));
        let vouched =
            self.copies.values().any(|copy| lost.iter().any(|seen| seen.line == *copy && seen.head_seq > events));
        let lost_checkpoints = lost.into_iter().map(|seen| seen.line).collect();
        let unvouched = (left && !vouched).then_some(events + 1);
        self.restored =
            Some(Restored { lost_checkpoints, shows: vouched || left, unvouched, intended: false, accepted: false });
    }

    /// Number of the newest block.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Whether the newest checkpoint has its copy, so that losing its row would show.
    pub fn newest_is_copied(&self) -> bool {
        self.checkpoints.last().is_some_and(|seen| self.copies.get(&self.checkpoints()) == Some(&seen.line))
    }

    /// The event at which a loss shows for which nothing vouched.
    pub fn unvouched(&self) -> Option<u64> {
        self.restored.as_ref().and_then(|restored| restored.unvouched)
    }

    /// Whether something is lost that must show.
    pub fn has_lost(&self) -> bool {
        self.restored.as_ref().is_some_and(|restored| restored.shows)
    }

    /// Somebody refused to go on because the table has lost something.
    pub fn refused(&mut self, why: &dyn std::fmt::Display) {
        if self.restored.is_none() {
            self.fail(format!("a loss was seen where there is none: {why}"));
        }
    }

    /// Whether a loss shows that no event of the log accepts yet.
    pub fn is_unaccepted(&self) -> bool {
        self.restored.as_ref().is_some_and(|restored| restored.shows && !restored.accepted)
    }

    /// Whether nobody may write. A loss that nothing vouches for shows by rows alone, which go before
    /// the event comes.
    pub fn must_refuse(&self) -> bool {
        let going = |restored: &Restored| restored.unvouched.is_some() && restored.intended;
        self.is_unaccepted() && !self.restored.as_ref().is_some_and(going)
    }

    /// The row of what is being accepted was written.
    pub(super) fn intended(&mut self) {
        if let Some(restored) = &mut self.restored {
            restored.intended = true;
        }
    }

    pub(super) fn after_a_break(&mut self, first: usize) -> Result<(), String> {
        let accepted = self.events[first..].iter().any(|event| event.action == "audit.break_accepted");
        match &mut self.restored {
            Some(restored) if accepted => restored.accepted = true,
            _ if accepted => return Err("a break was accepted where there is none".to_owned()),
            _ => {}
        }
        match self.must_refuse() {
            true => Err("it was written although the table has lost what a checkpoint vouches for".to_owned()),
            false => Ok(()),
        }
    }

    pub(super) fn sign_after_a_restore(&self) -> Result<(), String> {
        match self.must_refuse() {
            true => Err("a restored table was signed before its loss was accepted".to_owned()),
            false => Ok(()),
        }
    }

    /// Whether this is the line of a lost checkpoint, which may come back from its copy: its number is
    /// taken, and what follows it counts from there.
    pub(super) fn is_lost(&self, line: &[u8]) -> bool {
        self.restored.as_ref().is_some_and(|restored| restored.lost_checkpoints.iter().any(|lost| lost == line))
    }
}
