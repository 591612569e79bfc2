//! Runs our verifier over a case of `verification.json`.

use base64::prelude::*;
use domain::block::Block;
use domain::derived::derive;
use domain::hash::Hash;
use domain::keys::KeyRing;
use domain::verify::{Break, BreakKind, Chunk, Evidence, Options, Pool, Report, Start, Walk, verify_lines};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What `expect` of the case must be.
pub fn of(case: &Value) -> Value {
    let report = report(case, 0);
    let first = report.first_break.as_ref();
    json!({
        "status": report.status().as_str(),
        "anchored": report.anchored,
        "eventsVerified": report.events_verified,
        "eventsTotal": report.events_total,
        "checkpointsVerified": report.checkpoints_verified,
        "unsignedTail": report.unsigned_tail,
        "break": first.map_or(Value::Null, break_value),
        "breaks": report.breaks_total,
    })
}

/// A break as serde_json's value.
pub fn break_value(found: &Break) -> Value {
    serde_json::from_slice(&found.to_value().canonical()).expect("canonical JSON is JSON")
}

/// The report of our verifier, with this many threads.
pub fn report(case: &Value, threads: usize) -> Report {
    let strings = |name: &str| -> Vec<Vec<u8>> {
        let list = case[name].as_array();
        list.into_iter().flatten().map(|v| v.as_str().expect("a string").as_bytes().to_vec()).collect()
    };
    let mut ring = KeyRing::default();
    for key in strings("keys") {
        ring.add_list(std::str::from_utf8(&key).expect("ASCII")).expect("a key");
    }
    let start = match &case["start"] {
        Value::Null => Start::Genesis,
        at => Start::At {
            seq: at["seq"].as_u64().expect("a number"),
            prev_hash: Hash::from_hex(at["prevHash"].as_str().expect("a hash").as_bytes()).expect("hex"),
        },
    };
    let options = Options {
        ring,
        start,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: !case["checkpoints"].is_null(),
        repeat_key: [1; 16],
        threads,
    };
    let (checkpoints, anchors) = (strings("checkpoints"), strings("anchors"));
    let decode = |v: &Value| BASE64_STANDARD.decode(v.as_str().expect("a string")).expect("base64");
    if let Some(blocks) = case["blocks"].as_array() {
        let rows: Vec<_> =
            blocks.iter().map(|b| (b["n"].as_u64().expect("a number"), decode(&b["rowBase64"]))).collect();
        return of_blocks(rows, &checkpoints, &anchors, &case["markers"], &options);
    }
    let lines = decode(&case["linesBase64"]);
    let checkpoints = checkpoints.into_iter().map(Ok);
    verify_lines(&lines[..], checkpoints, &anchors, Some(super::vectors::chain_name()), &options, None, |_| ())
        .expect("memory can be read")
}

fn of_blocks(
    rows: Vec<(u64, Vec<u8>)>,
    checkpoints: &[Vec<u8>],
    anchors: &[Vec<u8>],
    markers: &Value,
    options: &Options,
) -> Report {
    let mut walk = Walk::new(options.clone(), Some(super::vectors::chain_name()), None);
    anchors.iter().for_each(|a| walk.checkpoint(a, Evidence::Anchor));
    checkpoints.iter().for_each(|c| walk.checkpoint(c, Evidence::Chained));
    if let Some(markers) = markers.as_object() {
        check_markers(&rows, markers, &mut walk);
    }
    let mut pool = Pool::new(options);
    for (n, row) in rows {
        if let Some(run) = pool.submit(Chunk::Block { n, row }) {
            walk.run(run).expect("memory can be written");
        }
    }
    while let Some(run) = pool.receive() {
        walk.run(run).expect("memory can be written");
    }
    walk.finish().expect("memory can be read")
}

fn check_markers(rows: &[(u64, Vec<u8>)], stored: &serde_json::Map<String, Value>, walk: &mut Walk) {
    let wanted: BTreeMap<String, (u64, String)> = rows
        .iter()
        .flat_map(|(_, row)| derive(&Block::from_row(row).expect("a block")).expect("a block").markers)
        .map(|m| (m.identity.0.to_hex(), (m.seq, m.to_value())))
        .collect();
    for (key, (seq, value)) in &wanted {
        if stored.get(key).and_then(Value::as_str) != Some(value) {
            walk.index_mismatch(*seq);
        }
    }
    for (key, value) in stored {
        if !wanted.contains_key(key) {
            let seq = value.as_str().and_then(|v| v.split(' ').nth(1)?.parse().ok());
            walk.index_mismatch(seq.expect("a marker's value"));
        }
    }
}

/// Every kind of break that a verifier of chains can report.
pub fn kinds() -> [BreakKind; 12] {
    use BreakKind as K;
    [
        K::EventHashMismatch,
        K::EventSeqGap,
        K::EventPrevHashMismatch,
        K::EventOrderMismatch,
        K::BlockUnreadable,
        K::BlockHeaderMismatch,
        K::CheckpointSignatureMismatch,
        K::CheckpointHeadMismatch,
        K::CheckpointChainMismatch,
        K::TailTruncated,
        K::IndexMismatch,
        K::CompanionMismatch,
    ]
}
