//! Lists archives, newest first.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::archives::ListArchives>()).await
}
