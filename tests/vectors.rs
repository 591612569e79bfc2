//! The golden vectors are what our implementation says, on any number of threads, and an independent
//! verifier agrees with every one.

use serde_json::Value;
use support::vectors;
use support::verdict;

#[test]
fn the_vectors_on_disk_are_what_we_say() {
    for (name, text) in vectors::all() {
        let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
        let there = std::fs::read_to_string(&path).unwrap();
        assert!(there == text, "{path} is stale: run `cargo xtask vectors` and review the change");
    }
}

#[test]
fn every_kind_of_break_has_a_vector_and_threads_change_no_verdict() {
    let (_, text) = vectors::all().remove(2);
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for case in file["cases"].as_array().unwrap() {
        let alone = verdict::report(case, 0);
        assert_eq!(verdict::report(case, 2), alone, "{}", case["name"]);
        kinds.extend(alone.first_break.map(|found| found.kind));
    }
    // Companions stand beside the lines; the program's own tests hold files against them.
    kinds.insert(domain::verify::BreakKind::CompanionMismatch);
    assert_eq!(kinds, verdict::kinds().into_iter().collect());
}
