//! Reads archives by the clock; what does not hold is logged and chained.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::schedule::<handlers::archives::VerifyArchives>()).await
}
