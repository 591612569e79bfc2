//! What callers were told, against what the chain holds.

use super::{Checker, Name};
use domain::event::Draft;
use services::append::Appended;
use std::collections::BTreeSet;

/// How the checker knows a draft.
pub(super) fn name_of(draft: &Draft) -> Name {
    let source = draft.source().as_str().to_owned();
    match draft.external_id() {
        Some(id) => (source, true, id.to_owned()),
        None => (source, false, draft.id().to_string()),
    }
}

impl Checker {
    /// A writer was told this of each of its events: at this moment it must be so already.
    pub fn appended(&mut self, drafts: &[Draft], answers: &[Appended]) {
        for (draft, answer) in drafts.iter().zip(answers) {
            let name = name_of(draft);
            let (Appended::Chained(seq) | Appended::Known(seq) | Appended::Conflicts(seq)) = *answer;
            if self.names.get(&name) != Some(&seq) {
                let chained = self.names.get(&name);
                return self.fail(format!("{name:?} was acknowledged at {seq} and stands at {chained:?}"));
            }
            let digest = &self.events[usize::try_from(seq).expect("a place") - 1].digest;
            let same = *digest == draft.digest().to_hex();
            let wrong = match answer {
                Appended::Chained(_) => !same || !self.chained_anew.insert(name.clone()),
                Appended::Known(_) => !same && draft.external_id().is_none(),
                Appended::Conflicts(_) => same || draft.external_id().is_some(),
            };
            if wrong {
                return self.fail(format!("{name:?} was answered wrongly: {answer:?}"));
            }
        }
    }

    /// This was taken for the queue: it must be chained in the end.
    pub fn taken(&mut self, drafts: &[Draft]) {
        self.taken.extend(drafts.iter().map(|draft| (name_of(draft), draft.digest().to_hex())));
    }

    /// A body of this digest is in the queue that no event can be made of: it must be answered once.
    pub fn hopeless(&mut self, digest: String) {
        self.hopeless.insert(digest);
    }

    /// A log holds this, of which no event can be made.
    pub fn unusable(&mut self, text: &str) {
        if !text.is_empty() {
            self.unusable.push(text.to_owned());
        }
    }

    /// All of these.
    pub fn all_unusable(&self) -> impl Iterator<Item = &str> {
        self.unusable.iter().map(String::as_str)
    }

    /// What the events of this source were done to.
    pub fn of_source(&self, source: &str) -> Vec<String> {
        self.events.iter().filter(|event| event.name.0 == source).map(|event| event.resource.clone()).collect()
    }

    /// At the end: everything taken is there, or its refusal is.
    pub(crate) fn taken_is_there(&mut self) {
        let rejections: Vec<String> = self
            .events
            .iter()
            .filter(|event| event.action == "audit.event_rejected")
            .map(|event| event.metadata["sha256"].as_str().unwrap_or_default().to_owned())
            .collect();
        for (name, digest) in std::mem::take(&mut self.taken) {
            let chained = self.names.get(&name).map(|seq| &self.events[usize::try_from(*seq).expect("a place") - 1]);
            let settled = match chained {
                None => false,
                Some(event) => name.1 || event.digest == digest || rejections.contains(&digest),
            };
            if !settled {
                return self.fail(format!("{name:?} was taken and is neither chained nor refused"));
            }
        }
        let mut seen = BTreeSet::new();
        for digest in &rejections {
            if !seen.insert(digest) {
                return self.fail(format!("one message was refused twice: {digest}"));
            }
        }
        for digest in std::mem::take(&mut self.hopeless) {
            if !rejections.contains(&digest) {
                return self.fail(format!("a message was never answered: {digest}"));
            }
        }
    }

    /// The line of event `seq`.
    pub fn line(&self, seq: u64) -> Option<&[u8]> {
        let place = usize::try_from(seq).ok()?.checked_sub(1)?;
        self.events.get(place).map(|event| event.line.as_slice())
    }
}
