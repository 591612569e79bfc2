//! Lists legal holds, oldest first, those that were released included.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::holds::ListHolds>()).await
}
