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
use domain::json::{Limits, Value, parse};
use handlers::mount::{self, BodyError};
use handlers::{Fault, Function, Hub, ProblemCode, is_secret};
use http::request::Parts;
use http::{Method, StatusCode};
use http_server::{GRACE, Mounted, StopSignal, router, to_socket, whole_body};
use ports::Message;
use std::sync::Arc;
use tokio::net::TcpListener;

const SECRET_HEADER: &str = "x-trigger-secret";
const SECRET_MEMBER: &str = "triggerSecret";

/// Longest body of a trigger, in bytes: a message, and room for the secret beside it.
const MAX_TRIGGER_BYTES: usize = ports::MAX_BODY_BYTES + 4096;

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
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let wait = async move {
        signal.wait().await;
        // Nobody listens where the server has ended by itself.
        let _ = stopping.send(true);
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(wait);
    tokio::select! {
        served = server => served?,
        // What is cut short here is sent again, which is safe.
        () = async { drop(stopped.wait_for(|stop| *stop).await); tokio::time::sleep(GRACE).await } => {}
    }
    Ok(())
}

struct Trigger {
    function: &'static Function,
    hub: Hub,
    secret: String,
}

async fn trigger(State(trigger): State<Arc<Trigger>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (woken, asked) = (Arc::clone(&trigger), parts.clone());
    // On a task of its own: what was begun is not dropped in the middle when the platform hangs up.
    let served = tokio::spawn(async move { wake(&woken, &asked, whole_body(body, MAX_TRIGGER_BYTES)).await });
    let served = served.await.unwrap_or_else(|error| {
        let detail = "the function stopped in the middle: a mistake of ours. It may be tried again";
        Err(Fault::new(ProblemCode::Internal, detail).caused_by(&error))
    });
    match served {
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
    body: impl Future<Output = Result<bytes::Bytes, BodyError>> + Send,
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
        BodyError::TooLarge(limit) => Fault::new(ProblemCode::BodyTooLarge, format!("at most {limit} bytes are taken")),
        BodyError::CutShort => Fault::new(ProblemCode::InvalidJson, "the body ended before it was complete"),
    })?;
    let (message, in_body) = without_secret(&body, trigger);
    if !in_header && !in_body {
        return Err(refused());
    }
    let (function, hub) = (trigger.function, &trigger.hub);
    let served = match (function.queue, function.schedule) {
        // A platform that ticks a function of both sends no message.
        (Some(part), schedule) if schedule.is_none() || !matches!(message.trim(), "" | "{}") => {
            let message = Message { receipt: String::new(), body: message, deliveries: 1 };
            (part.handle)(hub, &[message]).await
        }
        (_, Some(part)) => (part.tick)(hub).await,
        _ => return Err(Fault::new(ProblemCode::Internal, "nothing wakes this function")),
    };
    served.map_err(|failed| {
        tracing::error!(function = function.name, "{} failed: {failed}", function.name);
        Fault::new(ProblemCode::Unavailable, "it was not done, and may be tried again")
    })
}

/// The message, and whether the secret stood in it. It is taken out by the log's own reader, which keeps
/// every number as it is; what it cannot read is passed on as it came, and is rejected behind.
fn without_secret(body: &[u8], trigger: &Trigger) -> (String, bool) {
    let as_it_came = || String::from_utf8_lossy(body).into_owned();
    let Ok(Value::Object(mut object)) = parse(body, Limits::FORMAT) else { return (as_it_came(), false) };
    let Some(secret) = object.remove(SECRET_MEMBER) else { return (as_it_came(), false) };
    let right = secret.as_str().is_some_and(|secret| is_secret(secret.as_bytes(), &trigger.secret));
    (String::from_utf8_lossy(&object.canonical()).into_owned(), right)
}
