//! Verifies the log by the clock; a break is logged and shown by health.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::schedule::<handlers::verification::VerifyHot>()).await
}
