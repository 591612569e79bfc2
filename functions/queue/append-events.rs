//! Chains accepted events.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::queue::<handlers::events::AppendEvents>()).await
}
