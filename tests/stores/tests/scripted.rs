//! A server of the AWS APIs that has bad days, and names for what tests make.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A name that no other run has used.
pub(crate) fn fresh_name(prefix: &str) -> String {
    format!("{prefix}-{:016x}", RandomState::new().hash_one(0))
}

/// What one request meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// A status and a body.
    Says(u16, &'static str),
    /// The request is read, then the connection is closed.
    Cut,
}

/// Answers requests by a script; the last answer is for all further ones.
pub(crate) struct Scripted {
    /// `http://ADDRESS`.
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Starts on a port of its own, for as long as the test's runtime lives.
    pub(crate) async fn start(script: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (script, seen) = (script.to_vec(), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read_request(&mut stream).await else { continue };
                let turn = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(request);
                    seen.len().min(script.len()) - 1
                };
                if let Answer::Says(status, body) = script[turn] {
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\ndate: Wed, 25 Nov 2026 12:00:00 GMT\r\n\
                         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { endpoint, requests }
    }

    /// Every request so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
