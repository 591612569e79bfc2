//! Gets one event by its position.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::events::GetEvent>()).await
}
