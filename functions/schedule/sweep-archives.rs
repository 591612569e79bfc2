//! Ends restores and archives whose time is over.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::schedule::<handlers::archives::SweepArchives>()).await
}
