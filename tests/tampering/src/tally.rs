//! What a campaign did: how often each kind of edit was tried, and what came of it.

use crate::oracle::Expected;
use std::collections::BTreeMap;
use std::fmt;

/// Of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How often it was to be applied.
    pub tried: u64,
    /// How often it broke something that can be told from what the verifier was handed.
    pub effective: u64,
    /// How often that was told exactly.
    pub detected: u64,
    /// How often it left nothing to tell from, and the answer was intact: as unsigned as it then is,
    /// and not anchored by anything that it would contradict.
    pub invisible: u64,
}

/// The counts of all kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, Count>);

impl Tally {
    /// The count of each kind that was tried.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, Count)> {
        self.0.iter().map(|(name, count)| (*name, *count))
    }

    /// The kinds among `all` that never broke anything: a campaign without them says nothing of them.
    pub fn never_effective(&self, all: &[&'static str]) -> Vec<&'static str> {
        all.iter().copied().filter(|name| self.0.get(name).is_none_or(|count| count.effective == 0)).collect()
    }

    pub(crate) fn does_not_fit(&mut self, kind: &'static str) {
        self.0.entry(kind).or_default().tried += 1;
    }

    /// Counts one whose answer is compared next.
    pub(crate) fn add(&mut self, kind: &'static str, expected: &Expected) {
        let count = self.0.entry(kind).or_default();
        count.tried += 1;
        count.effective += u64::from(expected.first.is_some());
        count.invisible += u64::from(expected.first.is_none());
    }

    /// Its answer was the wanted one.
    pub(crate) fn agreed(&mut self, kind: &'static str, expected: &Expected) {
        self.0.entry(kind).or_default().detected += u64::from(expected.first.is_some());
    }

    /// Adds the counts of another campaign.
    pub fn merge(&mut self, other: Self) {
        for (name, more) in other.0 {
            let count = self.0.entry(name).or_default();
            count.tried += more.tried;
            count.effective += more.effective;
            count.detected += more.detected;
            count.invisible += more.invisible;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<42} {:>9} {:>9} {:>9} {:>9}", "kind", "tried", "effective", "detected", "invisible")?;
        let mut sum = Self::default();
        self.0.values().for_each(|count| sum.merge(Self([("all", *count)].into())));
        for (name, Count { tried, effective, detected, invisible }) in self.counts().chain(sum.counts()) {
            write!(f, "\n{name:<42} {tried:>9} {effective:>9} {detected:>9} {invisible:>9}")?;
        }
        Ok(())
    }
}
