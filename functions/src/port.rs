//! The same binary where there is no Lambda runtime: a container that is asked over HTTP.
//!
//! A function of requests serves its route. A function of messages or ticks takes a POST to any path:
//! the body is the message, or is not looked at. Whoever posts must know `TRIGGER_SECRET`, in the header
//! `X-Trigger-Secret`, or as the member `triggerSecret` of a JSON body for platforms that cannot set
//! headers; there it is taken out before the message is looked at. 204 means done; anything else means
//! that the platform should send it again.

use crate::Error;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use handlers::mount::{self, BodyError, MAX_BODY_BYTES};
use handlers::{Fault, Function, Hub, ProblemCode, is_secret};
use http::request::Parts;
use http::{Method, StatusCode};
use http_server::{Mounted, StopSignal, router, to_socket, whole_body};
use ports::Message;
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpListener;

const SECRET_HEADER: &str = "x-trigger-secret";
const SECRET_MEMBER: &str = "triggerSecret";

/// Serves until it is told to stop.
pub(crate) async fn serve(
    function: &'static Function,
    hub: Hub,
    port: u16,
    secret: Option<String>,
) -> Result<(), Error> {
    let router = if function.http.is_some() {
        router(Arc::new(Mounted::new(std::slice::from_ref(function), hub)))
    } else {
        let secret = secret.ok_or(
            "TRIGGER_SECRET is not set: without it anybody could wake this function. \
             Set it here and at the platform's trigger",
        )?;
        Router::new().fallback(trigger).with_state(Arc::new(Trigger { function, hub, secret }))
    };
    let signal = StopSignal::listen()?;
    let listener = TcpListener::bind(("0.0.0.0", port)).await.map_err(|e| format!("PORT={port}: {e}"))?;
    tracing::info!(function = function.name, port, "{} listens on port {port}", function.name);
    axum::serve(listener, router).with_graceful_shutdown(signal.wait()).await?;
    Ok(())
}

struct Trigger {
    function: &'static Function,
    hub: Hub,
    secret: String,
}

async fn trigger(State(trigger): State<Arc<Trigger>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match wake(&trigger, &parts, whole_body(body)).await {
        Ok(()) => {
            let mut done = Response::default();
            *done.status_mut() = StatusCode::NO_CONTENT;
            done
        }
        Err(fault) => to_socket(mount::serve_fault(&trigger.hub, &parts, trigger.function, &fault)),
    }
}

async fn wake(
    trigger: &Trigger,
    parts: &Parts,
    body: impl Future<Output = Result<bytes::Bytes, BodyError>>,
) -> Result<(), Fault> {
    if parts.method != Method::POST {
        return Err(Fault::new(ProblemCode::MethodNotAllowed, "this function is woken by POST"));
    }
    let refused = || {
        let detail = format!("send TRIGGER_SECRET in the header {SECRET_HEADER}, or as {SECRET_MEMBER} in a JSON body");
        Fault::new(ProblemCode::TriggerRefused, detail)
    };
    let in_header = match parts.headers.get(SECRET_HEADER) {
        Some(given) if is_secret(given.as_bytes(), &trigger.secret) => true,
        Some(_) => return Err(refused()),
        None => false,
    };
    let body = body.await.map_err(|error| match error {
        BodyError::TooLarge(_) => {
            Fault::new(ProblemCode::BodyTooLarge, format!("at most {MAX_BODY_BYTES} bytes are taken"))
        }
        BodyError::CutShort => Fault::new(ProblemCode::InvalidJson, "the body ended before it was complete"),
    })?;
    let message = if in_header {
        String::from_utf8_lossy(&body).into_owned()
    } else {
        proven(&body, trigger).ok_or_else(refused)?
    };
    let (function, hub) = (trigger.function, &trigger.hub);
    let served = match (function.queue, function.schedule) {
        // A platform that ticks a function of both sends no message.
        (Some(part), _) if !message.trim().is_empty() && message.trim() != "{}" => {
            let message = Message { receipt: String::new(), body: message, deliveries: 1 };
            (part.handle)(hub, &[message]).await
        }
        (_, Some(part)) => (part.tick)(hub).await,
        _ => return Err(Fault::new(ProblemCode::InvalidJson, "the body is the message; this one is empty")),
    };
    served.map_err(|failed| {
        tracing::error!(function = function.name, "{} failed: {failed}", function.name);
        Fault::new(ProblemCode::Unavailable, "it was not done, and may be tried again")
    })
}

/// The message of a JSON body that holds the secret, without it.
fn proven(body: &[u8], trigger: &Trigger) -> Option<String> {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else { return None };
    let secret = object.remove(SECRET_MEMBER)?;
    is_secret(secret.as_str()?.as_bytes(), &trigger.secret).then(|| Value::Object(object).to_string())
}
