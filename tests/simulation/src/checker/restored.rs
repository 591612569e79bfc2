//! A table that was restored from a backup: what it lost is known, and nothing may be built on it
//! before an operator accepted that.

use super::Checker;

/// What a restored table has lost.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// Lines of the checkpoints whose rows are lost.
    lost_checkpoints: Vec<Vec<u8>>,
    /// Whether a copy outside vouches for what is lost, so that it must show.
    shows: bool,
    accepted: bool,
}

impl Checker {
    /// The table is again as it was at this head.
    pub fn restored(&mut self, events: u64, blocks: u64, checkpoints: u64) {
        let cut = |n: u64| usize::try_from(n).expect("a place");
        for event in self.events.split_off(cut(events)) {
            self.names.remove(&event.name);
            self.chained_anew.remove(&event.name);
        }
        self.blocks = blocks;
        self.block_ends.truncate(cut(blocks));
        let lost = self.checkpoints.split_off(cut(checkpoints));
        let shows =
            self.copies.values().any(|copy| lost.iter().any(|seen| seen.line == *copy && seen.head_seq > events));
        let lost_checkpoints = lost.into_iter().map(|seen| seen.line).collect();
        self.restored = Some(Restored { lost_checkpoints, shows, accepted: false });
    }

    /// Number of the newest block.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Whether the newest checkpoint has its copy, so that losing its row would show.
    pub fn newest_is_copied(&self) -> bool {
        self.checkpoints.last().is_some_and(|seen| self.copies.get(&self.checkpoints()) == Some(&seen.line))
    }

    /// Whether a checkpoint's word is lost.
    pub fn has_lost(&self) -> bool {
        self.restored.as_ref().is_some_and(|restored| restored.shows)
    }

    /// Whether a loss shows that nobody has accepted yet.
    pub fn must_refuse(&self) -> bool {
        self.restored.as_ref().is_some_and(|restored| restored.shows && !restored.accepted)
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
