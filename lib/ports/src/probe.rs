//! What a store says about itself before anything is trusted to it.

use async_trait::async_trait;
use domain::time::Timestamp;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Something that this use of the store does without. Said, since another use would need it.
    Lacks,
    /// Not fit: nothing may be trusted to it.
    Unfit,
}

/// One thing that was found out about a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, in two or three words.
    pub check: &'static str,
    /// What became of it.
    pub verdict: Verdict,
    /// What was seen: one sentence.
    pub seen: String,
    /// What that means and what to do; empty where nothing is to be done.
    pub mend: String,
}

impl Finding {
    /// As it should be.
    pub fn good(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, seen: seen.into(), mend: String::new() }
    }

    /// Something is missing that is not needed here.
    pub fn lacks(check: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Lacks, seen: seen.into(), mend: mend.into() }
    }

    /// Not fit.
    pub fn unfit(check: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unfit, seen: seen.into(), mend: mend.into() }
    }
}

/// A store that can be asked what its port does not say: its settings, its manners beyond the port, its
/// time. What a probe writes, it writes under names that start with `_probe`, and takes away again.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Everything that only its adapter can find out, in the order in which a person would ask. A store
    /// that does not answer is one finding, and ends the probe.
    async fn findings(&self) -> Vec<Finding>;

    /// The store's own time, to the second at least; `None` where it has none of its own.
    ///
    /// # Errors
    /// Why it did not answer, and which setting to mend.
    async fn time(&self) -> Result<Option<Timestamp>, String>;
}
