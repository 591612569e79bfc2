//! The one way a request reaches a function: which function, who asks, may they, what do they ask;
//! and the one way a problem reaches the caller.

use crate::access::{Access, Caller};
use crate::function::{Call, Function, HttpPart, Method, TakesBody};
use crate::hub::Hub;
use crate::problem::{Fault, field};
use crate::reply::Body;
use crate::request::Given;
use api::{Problem, ProblemCode};
use bytes::Bytes;
use domain::json::{Limits, Object, Value, parse};
use futures_util::StreamExt;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, Response, StatusCode};
use percent_encoding::percent_decode_str;

/// Longest body that is taken anywhere, in bytes; a platform may take less.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Parameters of a path, by the names of its route.
pub type PathParameters = Vec<(&'static str, String)>;

/// Where a request leads.
pub enum Routed {
    /// To this function (its place in the list), with these path parameters.
    To(usize, PathParameters),
    /// Nowhere by this method; these would lead somewhere.
    OtherMethods(Vec<Method>),
    /// Nowhere.
    Nowhere,
}

/// Finds the function of a request. A path that is spelled out goes before one with parameters, whatever
/// the method.
pub fn route(functions: &[Function], method: &http::Method, path: &str) -> Routed {
    let mut found: Vec<(usize, Method, PathParameters)> = Vec::new();
    for (place, part) in functions.iter().enumerate().filter_map(|(place, f)| Some((place, f.http?))) {
        let Some(parameters) = matches(part.route.path, path) else { continue };
        let fewest = found.first().map_or(usize::MAX, |(_, _, parameters)| parameters.len());
        if parameters.len() < fewest {
            found.clear();
        }
        if parameters.len() <= fewest {
            found.push((place, part.route.method, parameters));
        }
    }
    let fits = |taken: Method| match taken {
        Method::Get => *method == http::Method::GET || *method == http::Method::HEAD,
        Method::Post => *method == http::Method::POST,
    };
    match found.iter().position(|(_, taken, _)| fits(*taken)) {
        Some(at) => {
            let (place, _, parameters) = found.swap_remove(at);
            Routed::To(place, parameters)
        }
        None if found.is_empty() => Routed::Nowhere,
        None => Routed::OtherMethods(found.into_iter().map(|(_, method, _)| method).collect()),
    }
}

fn matches(route: &'static str, path: &str) -> Option<PathParameters> {
    let mut parameters = Vec::new();
    let (mut wanted, mut found) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(parameters),
            (Some(wanted), Some(found)) => match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => parameters.push((name, percent_decode_str(found).decode_utf8_lossy().into_owned())),
                None if wanted == found => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

/// The id of this request: the caller's, if it is one that can be logged, else a fresh one.
pub fn request_id(hub: &Hub, parts: &Parts) -> String {
    let given = parts.headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let good = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    given.filter(good).map_or_else(|| hub.cx.ids.event_id(hub.cx.clock.now()).as_str().to_owned(), str::to_owned)
}

/// Serves a request that leads nowhere.
pub fn serve_nowhere(hub: &Hub, parts: &Parts, routed: &Routed) -> Response<Body> {
    let id = request_id(hub, parts);
    if let Routed::OtherMethods(methods) = routed {
        let names = |method: &Method| match method {
            Method::Get => vec!["GET", "HEAD"],
            Method::Post => vec!["POST"],
        };
        let methods: Vec<&str> = methods.iter().flat_map(names).collect();
        let detail = format!("`{}` takes {} and not {}", parts.uri.path(), methods.join(", "), parts.method);
        let mut response = for_head(parts, problem(&Fault::new(ProblemCode::MethodNotAllowed, detail), &id, None));
        if let Ok(allow) = HeaderValue::from_str(&methods.join(", ")) {
            response.headers_mut().insert(ALLOW, allow);
        }
        return response;
    }
    let detail = format!("there is no `{}`; docs/http.md and infra/openapi.json list the paths", parts.uri.path());
    for_head(parts, problem(&Fault::new(ProblemCode::NoSuchRoute, detail), &id, None))
}

/// A body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than this many bytes.
    TooLarge(usize),
    /// The caller stopped sending.
    CutShort,
}

/// Serves a request with a function, on a hub that is narrowed to it. The body is read only for a
/// caller who may.
pub async fn serve(
    function: &Function,
    part: &HttpPart,
    hub: &Hub,
    path: &[(&'static str, String)],
    parts: &Parts,
    body: impl Future<Output = Result<Bytes, BodyError>> + Send,
) -> Response<Body> {
    let id = request_id(hub, parts);
    let response = match answer(part, hub, path, parts, body).await {
        Ok(mut response) => {
            finish(&mut response, &id);
            response
        }
        Err(fault) => problem(&fault, &id, Some(function.name)),
    };
    for_head(parts, response)
}

/// Answers a request with a fault that came after its function, or instead of it.
pub fn serve_fault(hub: &Hub, parts: &Parts, function: &Function, fault: &Fault) -> Response<Body> {
    for_head(parts, problem(fault, &request_id(hub, parts), Some(function.name)))
}

/// HEAD gets everything but the bytes; how many they are is said where it is known.
fn for_head(parts: &Parts, mut response: Response<Body>) -> Response<Body> {
    if parts.method == http::Method::HEAD {
        let bytes = std::mem::replace(response.body_mut(), Body::Stream(futures_util::stream::empty().boxed()));
        if let Body::Whole(bytes) = bytes {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
    }
    response
}

async fn answer(
    part: &HttpPart,
    hub: &Hub,
    path: &[(&'static str, String)],
    parts: &Parts,
    body: impl Future<Output = Result<Bytes, BodyError>> + Send,
) -> Result<Response<Body>, Fault> {
    // Before anything else of the request is read: nobody learns from errors what they may not ask.
    let caller = authorise(part.access, hub, parts)?;
    let given = Given::read(part.parameters, path, parts.uri.query())?;
    let body = match part.body {
        Some(taken) => read_body(taken, &body.await.map_err(unreadable)?)?,
        None => Value::Null,
    };
    let reply = (part.handle)(hub, Call { caller, given, body }).await?;
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.media));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

fn unreadable(error: BodyError) -> Fault {
    match error {
        BodyError::TooLarge(limit) => {
            let detail = format!("at most {limit} bytes are taken in one request; send less at once");
            Fault::new(ProblemCode::BodyTooLarge, detail)
        }
        BodyError::CutShort => {
            Fault::new(ProblemCode::InvalidJson, "the body ended before it was complete; send it again")
        }
    }
}

/// Who asks, if they may.
///
/// # Errors
/// 401 without a good token, 403 with one that is for something else.
fn authorise(access: Access, hub: &Hub, parts: &Parts) -> Result<Option<Caller>, Fault> {
    if access == Access::Public {
        return Ok(None);
    }
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    // Of two headers nobody knows which one somebody in between has looked at.
    let header = headers.next().filter(|_| headers.next().is_none()).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let Some(token) = bearer else {
        let detail = format!(
            "send the header `Authorization: Bearer TOKEN` of {}; on a local host `dezky token` makes one",
            access.describe()
        );
        return Err(Fault::new(ProblemCode::TokenMissing, detail));
    };
    let caller = hub
        .tokens
        .verify(token, hub.cx.clock.now())
        .map_err(|error| Fault::new(ProblemCode::TokenInvalid, error.to_string()))?;
    if !access.allows(&caller) {
        let detail = format!("this is for {}; the token is of another kind", access.describe());
        return Err(Fault::new(ProblemCode::Forbidden, detail));
    }
    Ok(Some(caller))
}

fn read_body(taken: TakesBody, body: &Bytes) -> Result<Value, Fault> {
    if taken.optional && body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Object::default()));
    }
    // One document alone may be as deep as one in an array, and no deeper.
    let array = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    parse(body, if array { Limits::BATCH } else { Limits::ADMISSION }).map_err(|refusal| {
        let detail = format!("{}; nothing was done", refusal.detail);
        let pointer = refusal.pointer.clone();
        Fault::new(ProblemCode::InvalidJson, detail).with(vec![field(refusal, pointer)])
    })
}

fn problem(fault: &Fault, id: &str, function: Option<&'static str>) -> Response<Body> {
    let code = fault.code;
    let function = function.unwrap_or("none");
    match &fault.causes {
        Some(causes) => {
            tracing::error!(function, request_id = id, code = code.as_str(), "{function} failed: {causes}");
        }
        None => tracing::debug!(function, request_id = id, code = code.as_str(), "{function} refused a request"),
    }
    let document = Problem {
        r#type: format!("urn:dezky:problem:{}", code.as_str()),
        title: code.title().to_owned(),
        status: code.status(),
        detail: fault.detail.clone(),
        instance: format!("urn:dezky:request:{id}"),
        code,
        request_id: id.to_owned(),
        errors: fault.errors.clone(),
    };
    let bytes = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = Response::new(Body::Whole(bytes.into()));
    *response.status_mut() = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    match code {
        ProblemCode::TokenMissing => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ProblemCode::TokenInvalid => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        }
        ProblemCode::Unavailable => {
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    finish(&mut response, id);
    response
}

fn finish(response: &mut Response<Body>, id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    // What the log says is for the one who asked.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
