//! Gets the newest checkpoint; keep a copy elsewhere.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::checkpoints::LatestCheckpoint>()).await
}
