//! Lists events, newest first by the time they happened.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::events::ListEvents>()).await
}
