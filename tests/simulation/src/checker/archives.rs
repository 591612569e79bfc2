//! Archives: one claim after the other, one manifest for each, and no block replaced or object
//! deleted before everything that stands for it is there.

use super::Checker;
use super::lines::{Chained, find, sha256};
use crate::ports::signing_key;
use ports::Key;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Members of a claim that never change.
const FIXED: [&str; 7] = ["startSeq", "endSeq", "firstBlock", "lastBlock", "archivedAt", "recordedAt", "by"];
/// How a claim may go on.
const STEPS: [(&str, &str); 6] = [
    ("claimed", "claimed"),
    ("claimed", "done"),
    ("done", "expiring"),
    ("expiring", "done"),
    ("expiring", "deleting"),
    ("deleting", "expired"),
];

/// First and last event.
pub(crate) type Span = (u64, u64);

/// What is known of archives.
#[derive(Default)]
pub(super) struct Archives {
    /// By their first event.
    pub(super) claims: BTreeMap<u64, Claim>,
    /// What the cold store holds, whatever was put.
    objects: BTreeMap<String, Vec<u8>>,
    /// Blocks that became stubs.
    stubs: BTreeSet<u64>,
    /// Holds of which somebody was told, and what was too late for each.
    pub(super) promised: Vec<(u64, Span, Vec<Span>)>,
}

/// A claim as its row has it.
pub(super) struct Claim {
    pub(super) row: Value,
    pub(super) span: Span,
    pub(super) blocks: Span,
    /// The newest event when it was marked as expiring.
    pub(super) marked: u64,
}

impl Claim {
    pub(super) fn state(&self) -> &str {
        self.row["state"].as_str().unwrap_or_default()
    }

    fn manifest(&self) -> Option<&str> {
        self.row["signed"]["manifestSha256"].as_str()
    }

    /// Its lines are gone, or going.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state(), "deleting" | "expired")
    }

    fn object(&self, suffix: &str) -> String {
        format!("audit/{}/{:020}-{:020}.{suffix}", crate::ports::chain(), self.span.0, self.span.1)
    }
}

pub(super) fn overlap(a: Span, b: Span) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

impl Checker {
    /// The claim whose blocks include this one.
    fn claim_of_block(&self, n: u64) -> Option<&Claim> {
        self.archives.claims.values().find(|claim| claim.blocks.0 <= n && n <= claim.blocks.1)
    }

    /// The claim of a batch, by its first event.
    pub(super) fn claim(&self, start: u64) -> Option<&Claim> {
        self.archives.claims.get(&start)
    }

    fn claim_of(&self, seq: u64) -> Option<&Claim> {
        self.archives.claims.values().find(|claim| claim.span.0 <= seq && seq <= claim.span.1)
    }

    /// The batch that this event belongs to.
    pub(crate) fn archive_of(&self, seq: u64) -> Option<Span> {
        self.claim_of(seq).map(|claim| claim.span)
    }

    /// First events of all batches.
    pub(crate) fn batches(&self) -> Vec<u64> {
        self.archives.claims.keys().copied().collect()
    }

    /// Whether this event's lines may be gone.
    pub(crate) fn may_be_gone(&self, seq: u64) -> bool {
        self.claim_of(seq).is_some_and(Claim::is_ending)
    }

    /// Whether its line is gone, as the chain says: until it does, a mark alone takes nothing away.
    pub(crate) fn is_gone(&self, seq: u64) -> bool {
        let said = |claim: &Claim| {
            let of_it = |event: &Chained| {
                event.action == "audit.archive_expired" && event.metadata["startSeq"] == claim.row["startSeq"]
            };
            claim.is_ending() && self.events.iter().any(of_it)
        };
        self.claim_of(seq).is_some_and(said)
    }

    /// Whether this event is one by which holds, accepted breaks and archives are known: it is read for ever.
    pub(crate) fn is_kept(&self, seq: u64) -> bool {
        let kept = [
            "audit.archive_expired",
            "audit.archived",
            "audit.break_accepted",
            "audit.hold_placed",
            "audit.hold_released",
        ];
        let place = usize::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
        place.and_then(|at| self.events.get(at)).is_some_and(|event| kept.contains(&event.action.as_str()))
    }

    pub(super) fn take_claim(&mut self, key: &Key, after: Option<&[u8]>) -> Result<(), String> {
        let row = after.ok_or(format!("the claim {key} was deleted"))?;
        let row: Value = serde_json::from_slice(row).map_err(|error| error.to_string())?;
        let number = |name: &str| row[name].as_u64().unwrap_or_default();
        let span = (number("startSeq"), number("endSeq"));
        let blocks = (number("firstBlock"), number("lastBlock"));
        let claim = Claim { row: row.clone(), span, blocks, marked: 0 };
        let place = format!("batch {}-{}", span.0, span.1);
        if key.sort.parse() != Ok(span.0) {
            return Err(format!("{place} was written as {key}"));
        }
        match self.archives.claims.remove(&span.0) {
            None => self.is_next(&claim),
            Some(before) => self.goes_on(&before, &claim),
        }
        .map_err(|what| format!("{place}: {what}"))
        .map(|marked| drop(self.archives.claims.insert(span.0, Claim { marked, ..claim })))
    }

    /// A new claim begins where the one before ended, at ends of blocks, and leaves the newest alone.
    fn is_next(&self, claim: &Claim) -> Result<u64, String> {
        let before = self.archives.claims.values().next_back();
        if before.is_some_and(|before| before.state() == "claimed") {
            return Err("it was claimed before the one before was done".to_owned());
        }
        let (last_seq, last_block) = before.map_or((0, 0), |before| (before.span.1, before.blocks.1));
        let end = usize::try_from(claim.blocks.1).ok().and_then(|n| self.block_ends.get(n.checked_sub(1)?));
        if claim.span.0 != last_seq + 1 || claim.blocks.0 != last_block + 1 || end != Some(&claim.span.1) {
            return Err(format!("it does not follow event {last_seq} in block {last_block}"));
        }
        if claim.blocks.1 >= self.blocks {
            return Err("it holds the newest block".to_owned());
        }
        match claim.state() == "claimed" && claim.manifest().is_none() {
            true => Ok(0),
            false => Err("it was never claimed".to_owned()),
        }
    }

    fn goes_on(&self, before: &Claim, claim: &Claim) -> Result<u64, String> {
        if let Some(member) = FIXED.iter().find(|name| before.row[**name] != claim.row[**name]) {
            return Err(format!("its `{member}` was changed"));
        }
        if before.manifest().is_some() && before.row["signed"] != claim.row["signed"] {
            return Err("it got another manifest".to_owned());
        }
        let step = (before.state(), claim.state());
        if !STEPS.contains(&step) {
            return Err(format!("it went from {} to {}", step.0, step.1));
        }
        match step.1 {
            "done" if (claim.blocks.0..=claim.blocks.1).any(|n| !self.archives.stubs.contains(&n)) => {
                Err("it is done although a block of it is hot".to_owned())
            }
            "deleting" => match self.hold_over(before) {
                Some(hold) => Err(format!("it is being deleted although hold {hold} was there before")),
                None => Ok(before.marked),
            },
            "expired" if self.archives.objects.contains_key(&claim.object("jsonl.gz")) => {
                Err("it expired although its lines are there".to_owned())
            }
            "expiring" => Ok(self.head()),
            _ => Ok(before.marked),
        }
    }

    /// Whether the chain has this event about a batch.
    fn says(&self, action: &str, claim: &Claim) -> bool {
        self.events.iter().any(|event| {
            event.action == action
                && event.metadata["startSeq"] == claim.span.0
                && event.metadata["endSeq"] == claim.span.1
                && event.metadata["manifestSha256"].as_str() == claim.manifest()
        })
    }

    /// A block becomes its stub: once, and only when everything that stands for it is there.
    pub(super) fn take_stub(&mut self, n: u64, before: &[u8], after: &[u8]) -> Result<(), String> {
        let original = self.block_row(n).ok_or("it was never chained")?;
        if before != original || self.archives.stubs.contains(&n) {
            return Err("its stub was written over".to_owned());
        }
        let split =
            |row: &[u8]| row.iter().position(|b| *b == b'\n').map(|at| (row[..at].to_vec(), row[at + 1..].to_vec()));
        let ((header, body), (stub_header, stub)) = split(before).zip(split(after)).ok_or("it has no header")?;
        let stub: Value = serde_json::from_slice(&stub).map_err(|_| "it was written over".to_owned())?;
        if header != stub_header || stub["sha256"] != sha256(&body) || stub["length"] != body.len() {
            return Err("its stub is another block's".to_owned());
        }
        if n >= self.blocks {
            return Err("the newest block became a stub".to_owned());
        }
        let claim = self.claim_of_block(n).ok_or("no batch was claimed for it")?;
        let key = claim.object("jsonl.gz");
        if !stub["object"].as_str().is_some_and(|name| key.ends_with(name)) {
            return Err("its stub names another archive".to_owned());
        }
        let object = self.archives.objects.get(&key).ok_or("its archive is not in the cold store")?;
        let offset = stub["offset"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        if offset.checked_add(body.len()).and_then(|end| object.get(offset..end)) != Some(&body) {
            return Err("its archive does not hold its bytes".to_owned());
        }
        self.manifest_is_there(claim, object)?;
        if !self.says("audit.archived", claim) {
            return Err("no event names its manifest yet".to_owned());
        }
        self.archives.stubs.insert(n);
        Ok(())
    }

    fn manifest_is_there(&self, claim: &Claim, object: &[u8]) -> Result<(), String> {
        let bytes = self.archives.objects.get(&claim.object("manifest.json")).ok_or("its manifest is not there")?;
        if Some(sha256(bytes).as_str()) != claim.manifest() {
            return Err("its manifest is not the one that was claimed".to_owned());
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let text = |name: &str| value[name].as_str().unwrap_or_default();
        let signature = format!(",\"signature\":\"{}\"", text("signature"));
        let cut = find(bytes, signature.as_bytes()).ok_or("its manifest has no signature")?;
        let signed = [&bytes[..cut], &bytes[cut + signature.len()..]].concat();
        if domain::hash::hex(&signing_key().sign(&signed)) != text("signature") {
            return Err("its manifest has another signature".to_owned());
        }
        match value["startSeq"] == claim.span.0
            && value["endSeq"] == claim.span.1
            && text("gzipSha256") == sha256(object)
        {
            true => Ok(()),
            false => Err("its manifest is another batch's".to_owned()),
        }
    }

    /// The cold store holds this now.
    pub(super) fn archived(&mut self, key: &str, bytes: &[u8]) {
        let changes = self.archives.objects.insert(key.to_owned(), bytes.to_vec()).is_some_and(|old| old != bytes);
        let stands = |claim: &Claim| (claim.blocks.0..=claim.blocks.1).any(|n| self.archives.stubs.contains(&n));
        let of =
            self.archives.claims.values().find(|c| c.object("jsonl.gz") == key || c.object("manifest.json") == key);
        if changes && of.is_some_and(stands) {
            self.fail(format!("{key} was changed although blocks rely on it"));
        }
    }

    /// An object was deleted.
    pub(crate) fn removed(&mut self, key: &str) {
        let Some(_) = self.archives.objects.remove(key) else { return };
        let Some(claim) = self.archives.claims.values().find(|claim| claim.object("jsonl.gz") == key) else {
            return self.fail(format!("{key} was deleted"));
        };
        if !claim.is_ending() || !self.says("audit.archive_expired", claim) {
            return self.fail(format!("{key} was deleted, and no event says why"));
        }
        let kept = self.archives.objects.get(&claim.object("kept.jsonl")).map(|bytes| sha256(bytes));
        if kept.is_none() || kept.as_deref() != claim.row["kept"].as_str() {
            self.fail(format!("{key} was deleted before what is kept of it was there"));
        }
    }
}
