//! Releases a hold; once more does nothing.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::holds::ReleaseHold>()).await
}
