//! Requests from a socket to functions.

use axum::Router;
use axum::body::{Body as SocketBody, to_bytes};
use axum::extract::{Request, State};
use handlers::mount::{self, BodyError, MAX_BODY_BYTES, Routed};
use handlers::{Body, FUNCTIONS, Fault, Hub, ProblemCode};
use http::Response;
use std::sync::Arc;

/// The hub, and as each function of [`FUNCTIONS`] sees it.
pub(crate) struct Mounted {
    pub(crate) hub: Hub,
    pub(crate) narrowed: Vec<Hub>,
}

impl Mounted {
    pub(crate) fn new(hub: Hub) -> Self {
        let narrowed = FUNCTIONS.iter().map(|f| hub.narrowed(f.name, f.uses)).collect();
        Self { hub, narrowed }
    }
}

/// The router: one door, since the list of functions is the routing table.
pub(crate) fn router(mounted: Arc<Mounted>) -> Router {
    Router::new().fallback(serve).with_state(mounted)
}

async fn serve(State(mounted): State<Arc<Mounted>>, request: Request) -> Response<SocketBody> {
    let (parts, body) = request.into_parts();
    let response = match mount::route(FUNCTIONS, &parts.method, parts.uri.path()) {
        Routed::To(place, path) => {
            let (function, hub) = (&FUNCTIONS[place], mounted.narrowed[place].clone());
            let Some(part) = function.http else { return Response::default() };
            let asked = parts.clone();
            let body = async move {
                to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
                    let text = error.to_string();
                    if text.contains("length limit") {
                        BodyError::TooLarge(MAX_BODY_BYTES)
                    } else {
                        BodyError::CutShort
                    }
                })
            };
            // On a task of its own: what a caller began is not dropped in the middle when they leave.
            let served = tokio::spawn(async move { mount::serve(function, &part, &hub, &path, &asked, body).await });
            match served.await {
                Ok(response) => response,
                Err(error) => {
                    let detail = "the function stopped in the middle: a mistake of ours. \
                                  Nothing that was acknowledged is lost";
                    let fault = Fault::new(ProblemCode::Internal, detail).caused_by(&error);
                    mount::serve_fault(&mounted.hub, &parts, function, &fault)
                }
            }
        }
        routed => mount::serve_nowhere(&mounted.hub, &parts, &routed),
    };
    response.map(|body| match body {
        Body::Whole(bytes) => SocketBody::from(bytes),
        Body::Stream(stream) => SocketBody::from_stream(stream),
    })
}
