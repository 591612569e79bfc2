//! Verifies every event and checkpoint, and names the first break.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::verification::VerifyChain>()).await
}
