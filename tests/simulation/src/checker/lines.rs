//! The lines of a block: gapless, linked, hashed, in order, and each event once.

use super::{Checker, Name};
use domain::block::Block;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What is known of a chained event.
#[derive(Debug, Clone)]
pub(super) struct Chained {
    pub(super) name: Name,
    pub(super) hash: String,
    /// In the Merkle tree.
    pub(super) leaf: [u8; 32],
    pub(super) recorded_at: String,
    /// Of what its producer said.
    pub(super) digest: String,
    pub(super) action: String,
    pub(super) metadata: Value,
    pub(super) resource: String,
    pub(super) line: Vec<u8>,
}

/// Hex of the SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> String {
    domain::hash::hex(&Sha256::digest(bytes))
}

impl Checker {
    pub(super) fn take_block(&mut self, n: u64, row: &[u8]) -> Result<(), String> {
        let block = Block::from_row(row).map_err(|refusal| refusal.to_string())?;
        let plain = block.lines().map_err(|refusal| refusal.to_string())?;
        let before = self.events.len();
        for line in plain.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            self.take_line(line)?;
        }
        if self.events.len() == before {
            return Err("it holds no event".to_owned());
        }
        self.blocks = n;
        self.rows.push(row.to_vec());
        self.block_ends.push(self.head());
        self.after_a_break(before)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), String> {
        let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let seq = self.head() + 1;
        let (hash, prev_hash) = (text("hash"), text("prevHash"));
        let member = format!("\"hash\":\"{hash}\",");
        let at = find(line, member.as_bytes()).ok_or("no hash")?;
        let computed = sha256(&[&line[..at], &line[at + member.len()..]].concat());
        let expected_prev = self.events.last().map_or_else(|| "0".repeat(64), |event| event.hash.clone());
        if value["seq"] != seq || hash != computed || prev_hash != expected_prev {
            return Err(format!("event {seq} does not follow: {}", String::from_utf8_lossy(line)));
        }
        let recorded_at = text("recordedAt");
        if self.events.last().is_some_and(|before| before.recorded_at > recorded_at) {
            return Err(format!("recordedAt falls at event {seq}"));
        }
        let name = match value["externalId"].as_str() {
            Some(id) => (text("source"), true, id.to_owned()),
            None => (text("source"), false, text("id")),
        };
        if let Some(other) = self.names.insert(name.clone(), seq) {
            return Err(format!("events {other} and {seq} are the same, {name:?}"));
        }
        let bytes = domain::hash::Hash::from_hex(hash.as_bytes()).ok_or("a hash that is none")?.0;
        self.events.push(Chained {
            name,
            leaf: Sha256::new().chain_update([0]).chain_update(bytes).finalize().into(),
            hash,
            recorded_at,
            digest: digest(&value),
            action: text("action"),
            metadata: value["metadata"].clone(),
            resource: text("resourceName") + &text("resourceId"),
            line: line.to_vec(),
        });
        Ok(())
    }
}

/// SHA-256 over the producer's members. `serde_json` keeps members sorted, and the texts of these
/// runs need no escape that JCS would write otherwise.
fn digest(event: &Value) -> String {
    let mut event = event.as_object().cloned().unwrap_or_default();
    for ours in ["v", "chain", "seq", "recordedAt", "prevHash", "hash"] {
        event.remove(ours);
    }
    sha256(Value::Object(event).to_string().as_bytes())
}

pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
