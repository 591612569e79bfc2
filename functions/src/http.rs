//! Requests of a gateway to the function, and its answers back.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use handlers::mount::{self, Routed};
use handlers::{Body, Fault, Function, Hub, ProblemCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body as EventBody, Request, RequestExt, Response};

/// Longest answer that the platform takes, in bytes, less room for headers: it travels as a JSON string,
/// so that its escapes count.
const MAX_ANSWER_BYTES: usize = 6_000_000;

/// Serves one request.
///
/// # Errors
/// A function that takes no requests.
pub async fn serve(
    function: &'static Function,
    hub: &Hub,
    request: Request,
) -> Result<Response<EventBody>, crate::Error> {
    let path = path_of(&request);
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
    let mut bytes = whole(body).await;
    let fault = match &bytes {
        Ok(bytes) if escaped_len(bytes) <= MAX_ANSWER_BYTES => None,
        Ok(_) => {
            let limit = MAX_ANSWER_BYTES;
            let detail =
                format!("the answer is longer than the {limit} bytes that this platform takes; ask for less at once");
            Some(Fault::new(ProblemCode::AnswerTooLong, detail))
        }
        Err(error) => {
            let detail = "the answer could not be read to its end; GET /audit/verify says whether the log is damaged";
            Some(Fault::new(ProblemCode::Internal, detail).caused_by(error))
        }
    };
    if let Some(fault) = fault {
        let (instead, body) = mount::serve_fault(hub, &parts, function, &fault).into_parts();
        (head, bytes) = (instead, whole(body).await);
    }
    let bytes = bytes?;
    let body = match String::from_utf8(bytes.to_vec()) {
        Ok(text) => EventBody::Text(text),
        Err(error) => EventBody::Binary(error.into_bytes()),
    };
    Ok(Response::from_parts(head, body))
}

/// The path without the stage, which is part of the gateway's address and not of the route. HTTP APIs
/// leave a named stage in the raw path, REST APIs do not.
fn path_of(request: &Request) -> String {
    let path = request.raw_http_path();
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(stage) = context.stage.as_deref().filter(|stage| *stage != "$default")
        && let Some(rest) = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage))
        && (rest.is_empty() || rest.starts_with('/'))
    {
        return if rest.is_empty() { "/".to_owned() } else { rest.to_owned() };
    }
    path.to_owned()
}

/// How long bytes are as a JSON string, or in base64 where they are no text.
fn escaped_len(bytes: &[u8]) -> usize {
    if std::str::from_utf8(bytes).is_err() {
        return bytes.len().div_ceil(3) * 4;
    }
    let escape = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    bytes.iter().map(escape).sum()
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
