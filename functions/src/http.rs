//! Requests of a gateway to the function, and its answers back.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use handlers::mount::{self, Routed};
use handlers::{Body, Function, Hub};
use lambda_http::{Body as EventBody, Request, RequestExt, Response};

/// Longest answer that the platform takes, in bytes, less room for headers and escapes.
const MAX_ANSWER_BYTES: usize = 5 * 1024 * 1024;

/// Serves one request.
///
/// # Errors
/// An answer that is too long for the platform, or that was cut short.
pub async fn serve(
    function: &'static Function,
    hub: &Hub,
    request: Request,
) -> Result<Response<EventBody>, crate::Error> {
    // Without the stage, which is part of the gateway's address and not of the route.
    let path = request.raw_http_path().to_owned();
    let (parts, body) = request.into_parts();
    let response = match mount::route(std::slice::from_ref(function), &parts.method, &path) {
        Routed::To(_, parameters) => {
            let Some(part) = function.http else { return Err("this function takes no requests".into()) };
            let body = async {
                Ok(match body {
                    EventBody::Text(text) => Bytes::from(text),
                    EventBody::Binary(bytes) => Bytes::from(bytes),
                    _ => Bytes::new(),
                })
            };
            mount::serve(function, &part, hub, &parameters, &parts, body).await
        }
        routed => mount::serve_nowhere(hub, &parts, &routed),
    };
    let (mut head, body) = response.into_parts();
    let mut bytes = whole(body).await?;
    if bytes.len() > MAX_ANSWER_BYTES {
        let (shorter, body) = mount::serve_too_long(hub, &parts, function, MAX_ANSWER_BYTES).into_parts();
        (head, bytes) = (shorter, whole(body).await?);
    }
    let body = match String::from_utf8(bytes.to_vec()) {
        Ok(text) => EventBody::Text(text),
        Err(error) => EventBody::Binary(error.into_bytes()),
    };
    Ok(Response::from_parts(head, body))
}

/// The bytes of an answer, up to a little more than the platform takes.
async fn whole(body: Body) -> Result<Bytes, std::io::Error> {
    let mut stream = match body {
        Body::Whole(bytes) => return Ok(bytes),
        Body::Stream(stream) => stream,
    };
    let mut whole = BytesMut::new();
    while let Some(piece) = stream.try_next().await? {
        whole.extend_from_slice(&piece);
        if whole.len() > MAX_ANSWER_BYTES {
            break;
        }
    }
    Ok(whole.freeze())
}
