//! Functions behind a socket: which one a request is for, and its answer back.
//!
//! What a function is and who may call it is `handlers`' business; this is the socket.

mod stop;

pub use stop::{GRACE, StopSignal};

use axum::Router;
use axum::body::{Body as SocketBody, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use handlers::mount::{self, BodyError, MAX_BODY_BYTES, Routed};
use handlers::{Body, Fault, Function, Hub, ProblemCode};
use std::sync::Arc;

/// Some functions, and the hub as each of them sees it.
pub struct Mounted {
    functions: &'static [Function],
    hub: Hub,
    narrowed: Vec<Hub>,
}

impl Mounted {
    /// Narrows the hub to each function's grants.
    pub fn new(functions: &'static [Function], hub: Hub) -> Self {
        let narrowed = functions.iter().map(|f| hub.narrowed(f.name, f.uses)).collect();
        Self { functions, hub, narrowed }
    }

    /// The hub with all that it can do.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Each function, and the hub as it sees it.
    pub fn each(&self) -> impl Iterator<Item = (&'static Function, &Hub)> {
        self.functions.iter().zip(&self.narrowed)
    }
}

/// The router: one door, since the list of functions is the routing table.
pub fn router(mounted: Arc<Mounted>) -> Router {
    Router::new().fallback(serve).with_state(mounted)
}

/// The whole body of a request, if it has at most `limit` bytes.
///
/// # Errors
/// A body that is too long, or that ended early.
pub async fn whole_body(body: SocketBody, limit: usize) -> Result<axum::body::Bytes, BodyError> {
    to_bytes(body, limit).await.map_err(|error| {
        if error.to_string().contains("length limit") { BodyError::TooLarge(limit) } else { BodyError::CutShort }
    })
}

async fn serve(State(mounted): State<Arc<Mounted>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let response = match mount::route(mounted.functions, &parts.method, parts.uri.path()) {
        Routed::To(place, path) => {
            let (function, hub) = (&mounted.functions[place], mounted.narrowed[place].clone());
            let Some(part) = function.http else { return Response::default() };
            let asked = parts.clone();
            // On a task of its own: what a caller began is not dropped in the middle when they leave.
            let served = tokio::spawn(async move {
                mount::serve(function, &part, &hub, &path, &asked, whole_body(body, MAX_BODY_BYTES)).await
            });
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
    to_socket(response)
}

/// An answer as the socket takes it.
pub fn to_socket(response: http::Response<Body>) -> Response {
    response.map(|body| match body {
        Body::Whole(bytes) => SocketBody::from(bytes),
        Body::Stream(stream) => SocketBody::from_stream(stream),
    })
}
