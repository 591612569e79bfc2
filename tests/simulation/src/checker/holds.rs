//! Holds, and how far archives are: what is due is gone, unless it is held.

use super::Checker;
use super::archives::{Claim, Span, overlap};
use serde_json::Value;

impl Checker {
    fn is_released(&self, hold: u64) -> bool {
        self.events.iter().any(|event| event.action == "audit.hold_released" && event.metadata["holdSeq"] == hold)
    }

    /// A hold that was chained before this batch was marked, or of which somebody was told that it
    /// came in time; and that nobody released.
    pub(super) fn hold_over(&self, claim: &Claim) -> Option<u64> {
        let chained = (1..).zip(&self.events).take(usize::try_from(claim.marked).expect("a place"));
        // The event that places a hold is held with it.
        let placed = chained.filter(|(_, event)| event.action == "audit.hold_placed").filter(|(seq, event)| {
            let number = |name: &str| event.metadata[name].as_u64().unwrap_or_default();
            overlap(claim.span, (number("fromSeq"), number("toSeq"))) || overlap(claim.span, (*seq, *seq))
        });
        let told = self
            .archives
            .promised
            .iter()
            .filter(|(_, span, late)| overlap(claim.span, *span) && !late.contains(&claim.span));
        placed.map(|(seq, _)| seq).chain(told.map(|(seq, ..)| *seq)).find(|seq| !self.is_released(*seq))
    }

    /// Somebody was told that this hold is there, and for which batches it came too late.
    pub(crate) fn held(&mut self, hold: u64, span: Span, late: Vec<Span>) {
        let lost = |claim: &&Claim| overlap(claim.span, span) && !late.contains(&claim.span) && claim.is_ending();
        if let Some(claim) = self.archives.claims.values().find(lost)
            && !self.is_released(hold)
        {
            let span = claim.span;
            return self.fail(format!("hold {hold} was promised although batch {span:?} is being deleted"));
        }
        self.archives.promised.push((hold, span, late));
    }

    /// When block `n` was recorded.
    fn block_recorded_at(&self, n: u64) -> Option<&str> {
        let end = self.block_ends.get(usize::try_from(n).ok()?.checked_sub(1)?)?;
        self.events.get(usize::try_from(*end).ok()?.checked_sub(1)?).map(|event| event.recorded_at.as_str())
    }

    /// When the newest event was recorded.
    pub(crate) fn newest_recorded_at(&self) -> Option<&str> {
        self.events.last().map(|event| event.recorded_at.as_str())
    }

    /// Whether block `n` holds nothing but what archiving itself said: no reason for another batch.
    fn is_about_archiving_only(&self, n: u64) -> bool {
        let end =
            |n: u64| n.checked_sub(1).map_or(Some(0), |at| self.block_ends.get(usize::try_from(at).ok()?).copied());
        let place = |seq: u64| usize::try_from(seq).expect("a place");
        let events = n.checked_sub(1).and_then(end).zip(end(n)).and_then(|(a, b)| self.events.get(place(a)..place(b)));
        let own = ["audit.archived", "audit.archive_requested"];
        events.is_some_and(|events| events.iter().all(|event| own.contains(&event.action.as_str())))
    }

    /// Whether everything recorded up to `cutoff` is archived, but for the newest block, and for what
    /// only archiving itself said since.
    pub(crate) fn is_archived_up_to(&self, cutoff: &str) -> bool {
        let last = self.archives.claims.values().next_back();
        let next = last.map_or(1, |claim| claim.blocks.1 + 1);
        let is_due = |n: &u64| self.block_recorded_at(*n).is_some_and(|at| at <= cutoff);
        last.is_none_or(|claim| claim.state() != "claimed")
            && (next..self.blocks).take_while(is_due).all(|n| self.is_about_archiving_only(n))
    }

    /// Whether every batch recorded up to `before` is gone, or held, and none on its way.
    pub(crate) fn is_expired_up_to(&self, before: &str) -> bool {
        self.archives.claims.values().all(|claim| match claim.state() {
            "expired" => true,
            "done" => {
                claim.row["recordedAt"].as_str().is_some_and(|at| at > before)
                    || self.hold_over(&Claim { row: Value::Null, marked: self.head(), ..*claim }).is_some()
            }
            // A hold came after the mark, and before the chain said so: nothing goes while it lasts.
            "deleting" => self.hold_over(&Claim { row: Value::Null, marked: self.head(), ..*claim }).is_some(),
            _ => false,
        })
    }
}
