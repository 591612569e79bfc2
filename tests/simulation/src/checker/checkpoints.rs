//! Checkpoints: one per head, one per number, each for what the chain holds, each with its copy.

use super::Checker;
use super::lines::{find, sha256};
use crate::ports::signing_key;
use ports::Key;
use serde_json::Value;

/// A checkpoint as its row has it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) head_seq: u64,
    pub(super) line: Vec<u8>,
    at: String,
    digest: String,
}

impl Checker {
    pub(super) fn checkpoint(&mut self, key: &Key, before: Option<&[u8]>, after: Option<&[u8]>) -> Result<(), String> {
        let n = self.checkpoints() + 1;
        let (None, Some(line)) = (before, after) else { return Err(format!("checkpoint {key} was changed")) };
        if self.is_lost(line) {
            self.take_brought_back(line);
            return Ok(());
        }
        let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let head_seq = value["headSeq"].as_u64().unwrap_or_default();
        if value["n"] != n || key.sort.parse() != Ok(n) {
            return Err(format!("checkpoint {} was written as {key} where {n} is the next", value["n"]));
        }
        let signature = format!(",\"signature\":\"{}\"", text("signature"));
        let cut = find(line, signature.as_bytes()).ok_or("a checkpoint has no signature where it should be")?;
        let signed = [&line[..cut], &line[cut + signature.len()..]].concat();
        if domain::hash::hex(&signing_key().sign(&signed)) != text("signature") {
            return Err(format!("checkpoint {n} has another signature"));
        }
        if let Some(before) = self.checkpoints.last() {
            if head_seq <= before.head_seq {
                return Err(format!("checkpoints {} and {n} vouch for one head", n - 1));
            }
            if text("at") < before.at {
                return Err(format!("the time of checkpoint {n} is before that of the one before"));
            }
            if text("prevCheckpoint") != before.digest {
                return Err(format!("checkpoint {n} does not name the one before"));
            }
        }
        let vouched = usize::try_from(head_seq).ok().and_then(|seq| self.events.get(seq.checked_sub(1)?));
        if vouched.is_none_or(|event| event.hash != text("headHash")) {
            return Err(format!("checkpoint {n} vouches for event {head_seq}, which is another"));
        }
        if !self.block_ends.contains(&head_seq) {
            return Err(format!("checkpoint {n} vouches for event {head_seq}, which was never the newest"));
        }
        self.checkpoints.push(Seen { head_seq, line: line.to_vec(), at: text("at"), digest: sha256(&signed) });
        self.sign_after_a_restore()
    }

    /// A lost row is there again.
    pub(super) fn take_brought_back(&mut self, line: &[u8]) {
        let value: Value = serde_json::from_slice(line).unwrap_or_default();
        let head_seq = value["headSeq"].as_u64().unwrap_or_default();
        let signature = format!(",\"signature\":\"{}\"", value["signature"].as_str().unwrap_or_default());
        let cut = find(line, signature.as_bytes()).unwrap_or_default();
        let signed = [&line[..cut], &line[cut + signature.len()..]].concat();
        let at = value["at"].as_str().unwrap_or_default().to_owned();
        self.checkpoints.push(Seen { head_seq, line: line.to_vec(), at, digest: sha256(&signed) });
    }

    /// An object was put into the bucket.
    pub(crate) fn object(&mut self, key: &str, bytes: &[u8]) {
        if key.starts_with("tiles/") {
            self.tiles.insert(key.to_owned(), bytes.to_vec());
        }
        if key.starts_with("audit/") {
            return self.archived(key, bytes);
        }
        let Some(name) = key.strip_prefix("checkpoints/") else { return };
        let n = name.rsplit('/').next().and_then(|name| name.strip_suffix(".json")).and_then(|n| n.parse().ok());
        let Some(n) = n else { return self.fail(format!("a copy is called {key}")) };
        let row: Option<&Seen> = usize::try_from(n).ok().and_then(|n: usize| self.checkpoints.get(n.checked_sub(1)?));
        if row.is_none_or(|row| row.line != bytes) && !self.is_lost(bytes) {
            return self.fail(format!("the copy of checkpoint {n} is not its row"));
        }
        // What vouches for lost events has no tiles but those it had.
        if let Some(head_seq) = row.filter(|_| !self.is_lost(bytes)).map(|row| row.head_seq)
            && let Err(what) = self.tiles_are_there(head_seq)
        {
            return self.fail(format!("the copy of checkpoint {n} was made too early: {what}"));
        }
        if self.copies.insert(n, bytes.to_vec()).is_some_and(|before| before != bytes) {
            self.fail(format!("the copy of checkpoint {n} was changed"));
        }
    }

    /// A signer handed this out. Two may hand out one: with the same clock they make the same bytes.
    pub fn handed_out(&mut self, line: &[u8]) {
        if !self.checkpoints.iter().any(|seen| seen.line == line) {
            self.fail(format!("a checkpoint was handed out that is none: {}", String::from_utf8_lossy(line)));
        }
    }

    /// At the end each row has its copy; that of the newest is made by the next tick.
    pub(crate) fn copies_are_there(&mut self) {
        for (n, seen) in (1..).zip(&self.checkpoints).take(self.checkpoints.len().saturating_sub(1)) {
            if self.copies.get(&n) != Some(&seen.line) {
                return self.fail(format!("checkpoint {n} has no copy"));
            }
        }
    }
}
