//! A reverse proxy before a real server, with manners of its own.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How requests are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Passed on, and the answer passed back.
    Forwards,
    /// Passed on without `If-None-Match` and `If-Match`, as stores do that do not know them.
    Deaf,
    /// Passed on, and the last byte of the answer changed on its way back.
    Damages,
    /// Passed on, and the connection closed before the answer.
    Cuts,
    /// Answered here, with a status and a body.
    Says(u16, &'static str),
}

#[derive(Default)]
struct State {
    requests: Vec<String>,
    /// After so many requests so many meet this; all others are passed on.
    next: Option<(usize, usize, Manner)>,
}

/// A front that lives as long as the runtime of its test.
pub struct Front {
    /// `http://ADDRESS`.
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

impl Front {
    /// Stands before the server at `http://ADDRESS`.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it listens"));
        let state: Arc<Mutex<State>> = Arc::default();
        let (server, shared) = (server.trim_start_matches("http://").to_owned(), Arc::clone(&state));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, state) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move { serve(client, &server, &state).await });
            }
        });
        Self { endpoint, state }
    }

    /// Treats the next requests in this manner.
    pub fn next(&self, requests: usize, manner: Manner) {
        self.after(0, requests, manner);
    }

    /// Passes on some requests first, then treats the next in this manner.
    pub fn after(&self, passed: usize, requests: usize, manner: Manner) {
        self.lock().next = Some((passed, requests, manner));
    }

    /// The first lines of all requests since it was asked last.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().requests)
    }

    /// How many there were since.
    pub fn requests(&self) -> usize {
        self.lock().requests.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

async fn serve(mut client: TcpStream, server: &str, state: &Mutex<State>) -> Option<()> {
    let (head, body) = read_request(&mut client).await?;
    let manner = {
        let mut state = state.lock().expect("no holder panics");
        state.requests.push(head.lines().next().unwrap_or_default().to_owned());
        match &mut state.next {
            Some((passed, ..)) if *passed > 0 => {
                *passed -= 1;
                Manner::Forwards
            }
            Some((_, left, manner)) if *left > 0 => {
                *left -= 1;
                *manner
            }
            _ => Manner::Forwards,
        }
    };
    if let Manner::Says(status, text) = manner {
        let length = text.len();
        let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}");
        return client.write_all(answer.as_bytes()).await.ok();
    }
    let dropped = |line: &str| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        name == "connection" || manner == Manner::Deaf && matches!(name.as_str(), "if-none-match" | "if-match")
    };
    let kept: Vec<&str> = head.split("\r\n").filter(|line| !dropped(line)).collect();
    let mut upstream = TcpStream::connect(server).await.ok()?;
    // Signatures do not cover this header.
    upstream.write_all(format!("{}\r\nconnection: close\r\n\r\n", kept.join("\r\n")).as_bytes()).await.ok()?;
    upstream.write_all(&body).await.ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await.ok()?;
    match (manner, answer.last_mut()) {
        (Manner::Cuts, _) => return None,
        (Manner::Damages, Some(last)) => *last ^= 1,
        _ => {}
    }
    client.write_all(&answer).await.ok()
}

/// Head and body; every request says how long its body is.
async fn read_request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.unwrap_or(0);
    let mut rest = vec![0; length.saturating_sub(body.len())];
    client.read_exact(&mut rest).await.ok()?;
    body.extend(rest);
    Some((head, body))
}
