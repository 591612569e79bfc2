//! What the log costs is counted, and docs/cost.md says what was counted.

use support::cost::{million, tables};

/// Compressed sizes differ a little with the processor that compressed.
const TOLERANCE: f64 = 0.03;

fn numbers(table: &str) -> Vec<f64> {
    let cells = table.lines().flat_map(|line| line.split('|')).map(|cell| cell.trim().replace([',', '*'], ""));
    cells.filter_map(|cell| cell.parse().ok()).collect()
}

#[tokio::test]
async fn the_cost_page_says_what_is_counted() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cost.md")).unwrap();
    let said = page.split("<!-- counted -->\n").nth(1).and_then(|rest| rest.split("<!-- /counted -->").next()).unwrap();
    let counted = tables().await;
    let (said_numbers, counted_numbers) = (numbers(said), numbers(&counted));
    assert_eq!(said_numbers.len(), counted_numbers.len(), "write docs/cost.md anew with `cargo xtask cost`");
    assert!(said_numbers.len() > 60);
    for (said, counted) in said_numbers.into_iter().zip(counted_numbers) {
        // A cell is rounded in its last digit: cents, or whole requests.
        let last_digit = if said.fract() == 0.0 && counted.fract() == 0.0 { 1.0 } else { 0.011 };
        let near = (said - counted).abs() <= (counted * TOLERANCE).max(last_digit);
        assert!(near, "docs/cost.md says {said}, counted were {counted}: write it anew with `cargo xtask cost`");
    }
}

/// The goal: two dollars for a million events in blocks of 64, markers and index entries included.
#[tokio::test]
async fn a_million_events_in_blocks_of_64_cost_two_dollars_at_most() {
    let price = million(64).await.price();
    assert!((0.5..=2.0).contains(&price), "{price}");
}
