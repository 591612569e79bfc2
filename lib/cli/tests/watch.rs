//! Functions under `cargo lambda watch`, fed by `dezky pump`: what a developer of functions does.

use crate::support::{dezky, http, root, said, text};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn cargo_lambda() -> PathBuf {
    let program = root().join("target/tools/bin/cargo-lambda");
    assert!(program.exists(), "{} is missing: `cargo xtask setup` installs it", program.display());
    program
}

/// `cargo lambda watch` over the functions as they are shipped.
struct Watch {
    child: Child,
    port: String,
}

impl Watch {
    fn start(data: &Path) -> Self {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--locked", "--package", "functions"])
            .current_dir(root())
            .status();
        assert!(built.unwrap().success(), "the functions do not build");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut child = Command::new(cargo_lambda())
            .args(["lambda", "watch", "--release", "--ignore-changes", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port])
            .current_dir(root().join("functions"))
            .env("DEZKY_DATA", data)
            .env("OCIS_AUDIT_LOG_PATH", data.join("ocis.log"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(data.join("watch.log")).unwrap())
            // A group of its own, so that the functions end with it.
            .process_group(0)
            .spawn()
            .unwrap();
        // Asking passes the time: a process is started each time.
        for round in 0.. {
            assert!(child.try_wait().unwrap().is_none() && round < 5000, "it does not listen: see watch.log");
            if TcpStream::connect(format!("127.0.0.1:{port}")).is_ok() {
                break;
            }
            said(data.parent().unwrap(), &["--version"]);
        }
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn invoke(&self, name: &str, event: &Path) -> Output {
        Command::new(cargo_lambda())
            .args([
                "lambda",
                "invoke",
                name,
                "--invoke-address",
                "127.0.0.1",
                "--invoke-port",
                &self.port,
                "--data-file",
            ])
            .arg(event)
            .current_dir(root().join("functions"))
            .output()
            .unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = Command::new("sh").args(["-c", &format!("kill -TERM -{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

#[test]
fn every_sample_event_passes_and_a_posted_event_is_chained_signed_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let at = data.to_str().unwrap();
    let here = |arguments: &[&str]| said(folder.path(), &[arguments, &["--data", at]].concat());
    // What the samples ask for: event 1 archived, event 2 a hold.
    let samples = std::fs::read_to_string(root().join("docs/samples/events.ndjson")).unwrap();
    let first = folder.path().join("first.ndjson");
    std::fs::write(&first, samples.lines().next().unwrap()).unwrap();
    here(&["record", "--file", first.to_str().unwrap()]);
    here(&["hold", "--from", "1", "--to", "1", "--reason", "a dispute", "--operator", "anna"]);
    here(&["record", "--file", root().join("docs/samples/events.ndjson").to_str().unwrap()]);
    here(&["archive", "--older-than-days", "0"]);
    std::fs::copy(root().join("docs/samples/ocis-audit.log"), data.join("ocis.log")).unwrap();
    let operator = here(&["token", "--role", "operator"]);
    let service = here(&["token", "--role", "service"]);
    let watch = Watch::start(&data);

    let mut events: Vec<PathBuf> =
        std::fs::read_dir(root().join("events")).unwrap().map(|entry| entry.unwrap().path()).collect();
    events.sort();
    assert!(events.len() >= 15);
    for path in events {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let token = if name == "record-events" { &service } else { &operator };
        let event = std::fs::read_to_string(&path).unwrap().replace("Bearer TOKEN", &format!("Bearer {token}"));
        let file = folder.path().join("event.json");
        std::fs::write(&file, event).unwrap();
        let output = watch.invoke(&name, &file);
        assert!(output.status.success(), "{name}: {}", text(&output));
        let answer: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{name}: {e} {}", text(&output)));
        match answer.get("statusCode") {
            Some(status) => assert!((200..300).contains(&status.as_u64().unwrap()), "{name}: {answer}"),
            None => {
                assert!(answer.is_null() || answer == serde_json::json!({"batchItemFailures": []}), "{name}: {answer}")
            }
        }
    }

    let body =
        r#"{"action":"tenant.suspended","at":"2026-11-02T08:15:00Z","id":"019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10"}"#;
    let (status, answer) = http(&watch.url(), "POST", "/audit/events", &service, body).unwrap();
    assert_eq!(status, 202, "{answer}");
    let pumped = dezky(folder.path(), &["pump", "--once", "--invoke", &watch.url(), "--data", at]);
    assert!(pumped.status.success(), "{}", text(&pumped));
    let (status, report) = http(&watch.url(), "GET", "/audit/verify", &operator, "").unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (status, report["status"].as_str(), report["unsignedTail"].as_u64()),
        (200, Some("intact"), Some(0)),
        "{report}"
    );
    let (_, list) = http(&watch.url(), "GET", "/audit?limit=500", &operator, "").unwrap();
    assert_eq!(list.matches("019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10").count(), 1);
    assert_eq!(list.matches("\"source\":\"ocis\"").count(), 43);
    // Every path of the interface by its method, from the router that is derived.
    for path in ["/health", "/audit/1", "/audit/checkpoint/latest", "/audit/checkpoints", "/audit/export?from=1&to=2"] {
        assert_eq!(http(&watch.url(), "GET", path, &operator, "").unwrap().0, 200, "{path}");
    }
    assert_eq!(http(&watch.url(), "POST", "/audit/checkpoint", &operator, "").unwrap().0, 200);
    assert_eq!(http(&watch.url(), "GET", "/audit", "", "").unwrap().0, 401);
}
