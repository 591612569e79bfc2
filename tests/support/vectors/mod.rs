//! The golden vectors: what our implementation says, for others to agree with.

mod events;
pub mod mutants;
mod verification;

use crate::chain;
use base64::prelude::*;
use domain::hash::Hash;
use domain::line::LineView;
use domain::merkle::{Edge, inclusion_proof, leaf};
use domain::names::ChainName;
use serde_json::{Value, json};

/// Every file: its name and its text.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("events.json", pretty(&json!({ "cases": events::cases() }))),
        ("chain.json", pretty(&chain_of_200())),
        ("verification.json", pretty(&json!({ "cases": verification::cases() }))),
    ]
}

/// The chain that the vectors are about.
pub fn chain_name() -> ChainName {
    ChainName::new("vectors.example-1").expect("a name")
}

fn chain_of_200() -> Value {
    let lines = chain::lines(&chain_name(), 200);
    let leaves: Vec<Hash> = lines.iter().map(|l| leaf(&LineView::of(l).expect("a line").hash)).collect();
    let mut edge = Edge::default();
    let mut roots = serde_json::Map::new();
    for (size, leaf) in (1..).zip(&leaves) {
        edge.push(*leaf);
        if [1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 100, 127, 128, 129, 199, 200].contains(&size) {
            roots.insert(format!("{size}"), edge.root().to_hex().into());
        }
    }
    let proof = |(index, size): (usize, usize)| {
        let path = inclusion_proof(&leaves[..size], index).expect("within the tree");
        json!({ "index": index, "size": size, "path": path.iter().map(|h| h.to_hex()).collect::<Vec<_>>() })
    };
    let proofs = [(0, 1), (0, 2), (2, 3), (41, 64), (64, 65), (99, 100), (0, 200), (128, 200), (199, 200)].map(proof);
    json!({
        "chain": chain_name().as_str(),
        "lines": lines.iter().map(|l| text(l)).collect::<Vec<_>>(),
        "roots": roots,
        "headHash": LineView::of(&lines[199]).expect("a line").hash.to_hex(),
        "proofs": proofs,
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("vectors are JSON") + "\n"
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("a line is UTF-8")
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
