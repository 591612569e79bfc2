//! The same binaries without a Lambda runtime: containers that are asked over HTTP.

use super::{installed, token};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::runtime_api::binaries;

/// A function that listens on a port.
struct Container {
    child: Child,
    port: u16,
}

impl Container {
    fn start(function: &str, data: &Path, more: &[(&str, &str)]) -> Self {
        // A port that was free a moment ago; whoever takes it in between makes the start fail, not the test lie.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(binaries().join(function))
            .env_clear()
            .env("PORT", port.to_string())
            .env("DEZKY_DATA", data)
            .envs(more.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("listens on port") {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "{function} ended: {:?}", child.wait());
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, port }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        socket.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_function_of_requests_serves_its_route_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let installation = installed(folder.path()).await;
    let list = Container::start("list-events", folder.path(), &[]);
    let bearer = token(&installation, "list-events");
    assert_eq!(list.ask("GET", "/audit", &[("authorization", &bearer)], ""), (200, "[]".to_owned()));
    assert_eq!(list.ask("GET", "/audit", &[], "").0, 401);
    assert_eq!(list.ask("GET", "/audit/verify", &[("authorization", &bearer)], "").0, 404);
    assert_eq!(list.ask("POST", "/audit", &[("authorization", &bearer)], "").0, 405);
}

#[tokio::test]
async fn a_pushed_message_and_a_tick_need_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let installation = installed(folder.path()).await;
    let secret = [("TRIGGER_SECRET", "correct horse")];
    let append = Container::start("append-events", folder.path(), &secret);
    let message = services::layout::messages::pack(&[support::draft(1)]).remove(0);
    for headers in [&[][..], &[("x-trigger-secret", "wrong")], &[("x-trigger-secret", "")]] {
        let (status, body) = append.ask("POST", "/", headers, &message);
        assert!(status == 401 && body.contains("trigger-refused"), "{status} {body}");
    }
    let in_body = |secret: &str| format!("{{\"triggerSecret\":\"{secret}\",{}", &message[1..]);
    assert_eq!(append.ask("POST", "/", &[], &in_body("wrong")).0, 401);
    let cx = &installation.hub.cx;
    assert!(services::blocks::get_event(cx, 1).await.unwrap().is_none(), "nothing was chained so far");
    let right = [("x-trigger-secret", "correct horse")];
    assert_eq!(append.ask("GET", "/", &right, "").0, 405);
    assert_eq!(append.ask("POST", "/", &right, &message), (204, String::new()));
    assert!(services::blocks::get_event(cx, 1).await.unwrap().is_some());
    assert_eq!(append.ask("POST", "/", &[], &in_body("correct horse")).0, 204, "the same once more");
    assert!(services::blocks::get_event(cx, 2).await.unwrap().is_none());
    // In both places, and with a number that some readers change: the event is what was sent.
    let number = message.replace("\"metadata\":{", "\"metadata\":{\"x\":51.248178375505404,");
    let number = number.replace(support::draft(1).id().as_str(), "019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10");
    let both = format!("{{\"triggerSecret\":\"correct horse\",{}", &number[1..]);
    assert_eq!(append.ask("POST", "/", &right, &both).0, 204);
    let line = services::blocks::get_event(cx, 2).await.unwrap().unwrap();
    assert!(String::from_utf8(line).unwrap().contains("\"x\":51.248178375505404"));
    // Poison is settled, and not sent again for ever.
    assert_eq!(append.ask("POST", "/", &right, "{}").0, 204);
    let line = services::blocks::get_event(cx, 3).await.unwrap().unwrap();
    assert!(String::from_utf8(line).unwrap().contains("audit.event_rejected"));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
    assert_eq!(append.ask("POST", "/", &right, &long).0, 413);
    let derive = Container::start("derive-entries", folder.path(), &secret);
    assert_eq!(derive.ask("POST", "/", &[], "{}").0, 401);
    assert_eq!(derive.ask("POST", "/", &[], r#"{"triggerSecret":"correct horse"}"#).0, 204);
    assert_eq!(services::derive::watermark(cx, services::layout::rows::SCHEMA).await.unwrap().0, 3);
    let sign = Container::start("sign-checkpoint", folder.path(), &secret);
    assert_eq!(sign.ask("POST", "/", &[], r#"{"triggerSecret":"correct horse"}"#).0, 204, "a tick");
    assert_eq!(services::checkpoints::latest(cx).await.unwrap().unwrap().checkpoint.n, 1);
    assert_eq!(sign.ask("POST", "/", &right, "{\"reason\":\"threshold\",\"v\":1}").0, 204, "a message");
}

#[test]
fn without_a_secret_nothing_can_be_woken() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(binaries().join("append-events"))
        .env_clear()
        .env("PORT", "0")
        .env("DEZKY_DATA", folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("TRIGGER_SECRET is not set"));
}
