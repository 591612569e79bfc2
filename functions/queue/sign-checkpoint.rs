//! Signs a checkpoint of the newest event, on request and by the clock.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::queue_and_schedule::<handlers::checkpoints::SignCheckpoint>()).await
}
