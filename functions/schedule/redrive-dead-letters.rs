//! Sends dead letters back to the queue of events.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::schedule::<handlers::events::RedriveDeadLetters>()).await
}
