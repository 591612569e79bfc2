//! A Lambda Runtime API on loopback, and functions that run under it as they do on Lambda.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::path::{Path as FilePath, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::{Mutex, mpsc};

/// What an invocation came to: an answer, or the error that the function reported.
pub type Outcome = Result<Value, Value>;

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    outcomes: mpsc::UnboundedSender<Outcome>,
}

/// The folder of the functions' binaries, as they are shipped: built once, with the profile and the
/// features of a release.
pub fn binaries() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let done = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--locked", "--package", "functions"])
            .current_dir(&root)
            .status();
        assert!(done.expect("cargo is there").success(), "the functions do not build");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        target.join("release")
    });
    built.clone()
}

/// A function's process under a Runtime API of its own.
pub struct Running {
    child: Child,
    events: mpsc::UnboundedSender<Bytes>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
}

impl Running {
    /// Starts this program, with nothing in its environment but what Lambda and `environment` set.
    pub async fn start(program: &FilePath, environment: &[(&str, &str)]) -> Self {
        let (events, waiting) = mpsc::unbounded_channel();
        let (sender, outcomes) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { events: Mutex::new(waiting), outcomes: sender });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error_of_start))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let child = tokio::process::Command::new(program)
            .kill_on_drop(true)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "test"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "test"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "test"),
                ("DEZKY_LOG", "off"),
            ])
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { child, events, outcomes }
    }

    /// Hands over an event, and waits for what it came to, the end of the process included.
    pub async fn invoke(&mut self, event: &str) -> Outcome {
        self.events.send(Bytes::copy_from_slice(event.as_bytes())).expect("the interface is there");
        tokio::select! {
            outcome = self.outcomes.recv() => outcome.expect("the interface is there"),
            ended = self.child.wait() => Err(Value::from(format!("the process ended: {ended:?}"))),
            // A function that hangs fails its test and not the whole run.
            () = tokio::time::sleep(std::time::Duration::from_secs(120)) => Err(Value::from("no answer in two minutes")),
        }
    }

    /// The process, to stop and continue it; 0 when it ended.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Whether the process ended.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }
}

/// Waits for the next event, as long as it takes.
async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let Some(event) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let mut headers = HeaderMap::new();
    let deadline = "4102444800000";
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:test"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"),
        ("content-type", "application/json"),
    ] {
        headers.insert(name, value.parse().expect("a header"));
    }
    (headers, event).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let _ = shared.outcomes.send(Ok(serde_json::from_slice(&body).unwrap_or(Value::Null)));
    StatusCode::ACCEPTED
}

async fn error(State(shared): State<Arc<Shared>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let _ = shared.outcomes.send(Err(serde_json::from_slice(&body).unwrap_or(Value::Null)));
    StatusCode::ACCEPTED
}

async fn error_of_start(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let _ = shared.outcomes.send(Err(serde_json::from_slice(&body).unwrap_or(Value::Null)));
    StatusCode::ACCEPTED
}
