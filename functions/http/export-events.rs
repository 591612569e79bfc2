//! Exports a range of the log as plain lines, or the companion that describes them.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::events::ExportEvents>()).await
}
