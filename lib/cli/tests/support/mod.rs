//! What the tests of the program share.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) const DEZKY: &str = env!("CARGO_BIN_EXE_dezky");

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn dezky(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(DEZKY).args(arguments).current_dir(folder).output().unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What it says on stdout, when it ends well.
pub(crate) fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = dezky(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A `dezky up` in this folder, killed when it is dropped.
pub(crate) struct Up {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Up {
    /// Starts it and waits for its address: it has its port then, and answers.
    pub(crate) fn start(folder: &Path, more: &[&str]) -> Self {
        Self::start_with(folder, more, &[])
    }

    pub(crate) fn start_with(folder: &Path, more: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(DEZKY)
            .args(["up", "--listen", "127.0.0.1:0"])
            .args(more)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        if url.is_empty() {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("it did not start: {error}");
        }
        // Read on, so that it never waits for us.
        let mut stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self { child, url: url.trim().to_owned() }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request over a socket, as plain as can be; status and body.
pub(crate) fn http(url: &str, method: &str, path: &str, token: &str, body: &str) -> std::io::Result<(u16, String)> {
    use std::io::Write;
    let address = url.strip_prefix("http://").unwrap();
    let mut socket = std::net::TcpStream::connect(address)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes())?;
    socket.write_all(body.as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    match (status, body) {
        (Some(status), Some(body)) => Ok((status, body)),
        _ => Err(std::io::Error::other("cut short")),
    }
}
