//! Signs a checkpoint of the newest event.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::checkpoints::CreateCheckpoint>()).await
}
