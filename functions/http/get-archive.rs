//! Gets one archive and its manifest, by its first event.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::archives::GetArchive>()).await
}
