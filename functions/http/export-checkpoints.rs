//! Exports all checkpoints as plain lines.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::checkpoints::ExportCheckpoints>()).await
}
