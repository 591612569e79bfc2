//! Brings an archive back for reading, for some days.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::archives::RestoreArchive>()).await
}
