//! Follows the OCIS audit log and queues its events.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::schedule::<handlers::ingest::TailOcis>()).await
}
