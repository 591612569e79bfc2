//! Writes the derived rows of new blocks.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::schedule::<handlers::events::DeriveEntries>()).await
}
