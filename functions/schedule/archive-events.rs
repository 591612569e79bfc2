//! Archives once a day what was chained long enough ago.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::schedule::<handlers::archives::ArchiveEvents>()).await
}
