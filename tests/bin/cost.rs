//! Writes the tables of docs/cost.md anew.

use std::path::Path;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cost.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once("<!-- counted -->\n").expect("the mark before the tables");
    let (_, after) = rest.split_once("<!-- /counted -->").expect("the mark behind them");
    let tables = support::cost::tables().await;
    let page = format!("{before}<!-- counted -->\n{tables}<!-- /counted -->{after}");
    std::fs::write(path, page).expect("the page can be written");
}
