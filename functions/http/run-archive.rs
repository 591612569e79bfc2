//! Archives now what is due, or what is older than it is told.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::archives::RunArchive>()).await
}
