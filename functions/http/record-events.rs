//! Accepts events for the log and answers with their ids.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::events::RecordEvents>()).await
}
