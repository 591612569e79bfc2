//! The published vectors (`docs/format.md`, section 9), replayed: an event has its line or its
//! refusal, a chain its roots and proofs, a log its verdict.

use crate::block::Block;
use crate::derived::{Derived, Marker, derive};
use crate::event::Event;
use crate::hash::Hash;
use crate::json::{Limits, parse};
use crate::keys::KeyRing;
use crate::line::LineView;
use crate::merkle::{Edge, leaf, proves_inclusion};
use crate::names::ChainName;
use crate::verify::{Chunk, Evidence, Options, Pool, Report, Start, Walk, verify_lines};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufReader, Cursor};

fn read(name: &str) -> Value {
    let path = format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn base64(value: &Value) -> Vec<u8> {
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for byte in value.as_str().unwrap().bytes().filter(|b| *b != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held).to_le_bytes()[0]);
        }
    }
    out
}

fn hash(value: &Value) -> Hash {
    Hash::from_hex(value.as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn an_event_in_any_spelling_has_its_line_or_its_refusal() {
    for case in read("events.json")["cases"].as_array().unwrap() {
        let input = case["input"].as_str().map_or_else(|| base64(&case["inputBase64"]), |text| text.into());
        match parse(&input, Limits::FORMAT).and_then(Event::from_value) {
            Ok(event) => {
                let line = case["line"].as_str().unwrap_or_else(|| panic!("{} is refused", case["name"]));
                assert_eq!(String::from_utf8(event.line()).unwrap(), line);
                assert_eq!(event.hash, hash(&case["hash"]));
                assert_eq!(Event::from_line(line.as_bytes()).unwrap(), event);
                assert_eq!(LineView::of(line.as_bytes()).unwrap().computed_hash(), event.hash);
            }
            Err(refusal) => {
                let found = json!({ "code": refusal.code, "pointer": refusal.pointer });
                assert_eq!(found, case["refusal"], "{}", case["name"]);
            }
        }
    }
}

#[test]
fn a_chain_has_its_roots_and_proofs() {
    let file = read("chain.json");
    let lines: Vec<&[u8]> = file["lines"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().as_bytes()).collect();
    let (mut edge, mut leaves) = (Edge::default(), Vec::new());
    for line in &lines {
        let view = LineView::of(line).unwrap();
        assert_eq!(view.computed_hash(), view.hash);
        leaves.push(leaf(&view.hash));
        edge.push(leaf(&view.hash));
        if let Some(root) = file["roots"].get(edge.size().to_string()) {
            assert_eq!(edge.root(), hash(root), "{}", edge.size());
        }
    }
    assert_eq!(LineView::of(lines[199]).unwrap().hash, hash(&file["headHash"]));
    for proof in file["proofs"].as_array().unwrap() {
        let (index, size) = (proof["index"].as_u64().unwrap(), proof["size"].as_u64().unwrap());
        let path: Vec<Hash> = proof["path"].as_array().unwrap().iter().map(hash).collect();
        let mut edge = Edge::default();
        leaves.iter().take(usize::try_from(size).unwrap()).for_each(|leaf| edge.push(*leaf));
        let leaf = leaves[usize::try_from(index).unwrap()];
        assert!(proves_inclusion(index, size, leaf, &path, &edge.root()), "{index} of {size}");
    }
}

/// Whatever the number of threads, the size of a read, and whether lines are also parsed in full.
#[test]
fn a_log_has_its_verdict() {
    for case in read("verification.json")["cases"].as_array().unwrap() {
        for (threads, read_bytes, parse_after) in [(0, 1 << 20, u64::MAX), (0, 700, 0), (2, 1500, 10)] {
            let report = report(case, threads, read_bytes, parse_after);
            let found = json!({
                "status": report.status().as_str(),
                "anchored": report.anchored,
                "eventsVerified": report.events_verified,
                "eventsTotal": report.events_total,
                "checkpointsVerified": report.checkpoints_verified,
                "unsignedTail": report.unsigned_tail,
                "break": report.first_break.as_ref().map_or(Value::Null, |found| {
                    serde_json::from_slice(&found.to_value().canonical()).unwrap()
                }),
                "breaks": report.breaks_total,
            });
            assert_eq!(found, case["expect"], "{}, {read_bytes} bytes a read, {threads} threads", case["name"]);
        }
    }
}

fn report(case: &Value, threads: usize, read_bytes: usize, parse_after: u64) -> Report {
    let texts = |name: &str| -> Vec<Vec<u8>> {
        case[name].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().into()).collect()
    };
    let mut ring = KeyRing::default();
    texts("keys").iter().for_each(|key| ring.add_list(std::str::from_utf8(key).unwrap()).unwrap());
    let start = match &case["start"] {
        Value::Null => Start::Genesis,
        at => Start::At { seq: at["seq"].as_u64().unwrap(), prev_hash: hash(&at["prevHash"]) },
    };
    let all_checkpoints = !case["checkpoints"].is_null();
    let options = Options { ring, start, end: None, parse_after, all_checkpoints, repeat_key: [1; 16], threads };
    let (checkpoints, anchors) = (texts("checkpoints"), texts("anchors"));
    let chain = Some(ChainName::new("vectors.example-1").unwrap());
    let Some(blocks) = case["blocks"].as_array() else {
        let lines = BufReader::with_capacity(read_bytes, Cursor::new(base64(&case["linesBase64"])));
        return verify_lines(lines, checkpoints.into_iter().map(Ok), &anchors, chain, &options, None, |_| ()).unwrap();
    };
    let mut walk = Walk::new(options.clone(), chain, None);
    anchors.iter().for_each(|anchor| walk.checkpoint(anchor, Evidence::Anchor));
    checkpoints.iter().for_each(|checkpoint| walk.checkpoint(checkpoint, Evidence::Chained));
    let rows: Vec<_> = blocks.iter().map(|b| (b["n"].as_u64().unwrap(), base64(&b["rowBase64"]))).collect();
    if let Some(stored) = case["markers"].as_object() {
        check_markers(&rows, stored, &mut walk);
    }
    let mut pool = Pool::new(&options);
    for (n, row) in rows {
        if let Some(run) = pool.submit(Chunk::Block { n, row }) {
            walk.run(run).unwrap();
        }
    }
    while let Some(run) = pool.receive() {
        walk.run(run).unwrap();
    }
    walk.finish().unwrap()
}

/// A marker that is missing or wrong tells of its event; one without an event names its own.
fn check_markers(rows: &[(u64, Vec<u8>)], stored: &serde_json::Map<String, Value>, walk: &mut Walk) {
    let derived = rows.iter().map(|(_, row)| derive(&Block::from_row(row).unwrap()).unwrap());
    let wanted: BTreeMap<String, Marker> =
        derived.flat_map(|Derived { markers, .. }| markers).map(|m| (m.identity.0.to_hex(), m)).collect();
    for (key, marker) in &wanted {
        if stored.get(key).and_then(Value::as_str) != Some(&marker.to_value()) {
            walk.index_mismatch(marker.seq);
        }
    }
    for (_, value) in stored.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
        walk.index_mismatch(value.as_str().unwrap().split(' ').nth(1).unwrap().parse().unwrap());
    }
}
