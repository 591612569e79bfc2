//! Holds events: their archives do not expire until it is released.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::Error> {
    functions::run(handlers::http::<handlers::holds::PlaceHold>()).await
}
