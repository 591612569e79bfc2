//! What runs on a function platform: a main names its function's type and calls [`run`].
//!
//! Which hub a function works on is decided by settings and by the features of this package: `local`
//! is the embedded default, shared by all functions of one machine.

mod context;
mod event;
mod http;

pub use event::serve as serve_event;
pub use http::serve as serve_http;

use handlers::{Function, Hub};
use lambda_runtime::{LambdaEvent, service_fn};
use std::sync::Arc;

/// The function cannot run here.
pub type Error = lambda_runtime::Error;

/// Serves invocations of this function until the platform ends the process.
///
/// # Errors
/// Settings or stores that cannot be used, or the platform's runtime interface.
pub async fn run(function: Function) -> Result<(), Error> {
    tracing_subscriber::fmt().json().with_target(false).with_max_level(context::log_level()?).init();
    let hub: Arc<Hub> = Arc::new(context::hub()?.narrowed(function.name, function.uses));
    let function: &'static Function = Box::leak(Box::new(function));
    if function.http.is_some() {
        lambda_http::run(service_fn(|request| serve_http(function, &hub, request))).await
    } else {
        let serve = |event: LambdaEvent<_>| async {
            let LambdaEvent { payload, .. } = event;
            serve_event(function, &hub, payload).await.map_err(Error::from)
        };
        lambda_runtime::run(service_fn(serve)).await
    }
}
