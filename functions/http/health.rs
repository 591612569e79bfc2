//! Says whether events are taken, and what the last scheduled verification found.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::Health>()).await
}
