//! What runs on a function platform: a main names its function's type and calls [`run`].
//!
//! Which hub a function works on is decided by settings and by the features of this package: `local`
//! is the embedded default, shared by all functions of one machine.

mod context;
mod event;
mod http;
mod port;

pub use event::serve as serve_event;
pub use http::serve as serve_http;

use context::Platform;
use handlers::Function;
use lambda_runtime::{LambdaEvent, service_fn};

/// The function cannot run here.
pub type Error = lambda_runtime::Error;

/// Serves invocations of this function until the platform ends the process: those of a Lambda runtime,
/// or without one requests on `PORT`.
///
/// # Errors
/// Settings or stores that cannot be used, or the platform's runtime interface.
pub async fn run(function: Function) -> Result<(), Error> {
    tracing_subscriber::fmt().json().with_target(false).with_max_level(context::log_level()?).init();
    let function: &'static Function = Box::leak(Box::new(function));
    match context::platform()? {
        Platform::Lambda => {
            let hub = context::hub(function).await?;
            if function.http.is_some() {
                return lambda_http::run(service_fn(|request| serve_http(function, &hub, request))).await;
            }
            let serve = |event: LambdaEvent<_>| async {
                let LambdaEvent { payload, .. } = event;
                serve_event(function, &hub, payload).await.map_err(Error::from)
            };
            lambda_runtime::run(service_fn(serve)).await
        }
        Platform::Port { port, secret } => port::serve(function, context::hub(function).await?, port, secret).await,
    }
}
