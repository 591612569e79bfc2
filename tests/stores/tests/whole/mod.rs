//! A whole hub on each set of stores, by the program that operators use.

mod archives;
mod cold;
mod demo;
mod refused;
mod weather;

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use stores::program::Machine;
use stores::stack::Stack;

/// Event `n`, known by the id of its source: whoever records it again records nothing.
fn event(n: usize) -> String {
    format!(
        r#"{{"action":"file.shared","at":"2026-11-02T08:{:02}:{:02}Z","source":"ocis","externalId":"e{n}","actorId":"anna"}}"#,
        n / 60 % 60,
        n % 60
    )
}

/// How often whoever waits for a queue asks it again.
const MAX_ASKED: usize = 200;

/// Four processes record overlapping events and drain the one queue at once.
fn race(machine: &Machine) -> usize {
    const EACH: usize = 60;
    const STEP: usize = 40;
    let start = |process: usize| -> Child {
        let file = machine.data().join(format!("events-{process}.ndjson"));
        let events: Vec<String> = (process * STEP..process * STEP + EACH).map(event).collect();
        std::fs::write(&file, events.join("\n")).unwrap();
        let mut command = machine.command(&["record", "--file", file.to_str().unwrap()]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for process in (0..4).map(start).collect::<Vec<_>>() {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    3 * STEP + EACH
}

/// Records what waits until that many events are chained.
fn drained(machine: &Machine, events: u64) {
    for _ in 0..MAX_ASKED {
        machine.done(&["record"]);
        if machine.verified().1 >= events {
            return;
        }
    }
    panic!("{events} events were accepted, {:?} are chained", machine.verified());
}

/// What verifies without the stores: the public key that the doctor shows, else the key in its file.
fn key(machine: &Machine) -> String {
    let doctor = machine.done(&["doctor"]);
    let public = doctor.split("verifiers take ").nth(1).and_then(|rest| rest.split_whitespace().next());
    public.map_or_else(|| format!("@{}", machine.data().join("keys/signing.hex").display()), str::to_owned)
}

/// The path of the log: made, raced, signed, verified, exported, verified without the stores.
fn walk(machine: &Machine) {
    machine.done(&["migrate"]);
    machine.done(&["migrate"]);
    assert!(machine.done(&["doctor"]).contains("exactly one of 16 creates"));
    let events = race(machine);
    drained(machine, events as u64);
    assert_eq!(machine.verified(), ("intact".to_owned(), events as u64));
    assert!(machine.done(&["checkpoint"]).starts_with("signed checkpoint"));
    assert_eq!(machine.verified(), ("intact".to_owned(), events as u64));
    assert_eq!(machine.done(&["list", "--json", "--limit", "5"]).lines().count(), 5);
    let export = machine.data().join("log.jsonl");
    let export = export.to_str().unwrap();
    machine.done(&["export", "--out", export]);
    let lines = std::fs::read_to_string(export).unwrap();
    let ids: BTreeSet<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["externalId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((lines.lines().count(), ids.len()), (events, events));
    let checkpoints = format!("{export}.checkpoints");
    machine.done(&["verify", "--file", export, "--checkpoints", &checkpoints, "--key", &key(machine)]);
    // The same events again are nothing new.
    machine.done(&["record", "--file", machine.data().join("events-2.ndjson").to_str().unwrap()]);
    assert_eq!(machine.verified(), ("intact".to_owned(), events as u64));
}

#[tokio::test]
async fn a_log_on_postgres_and_s3() {
    walk(&Machine::on(Stack::postgres_s3().await));
}

#[tokio::test]
async fn a_log_on_dynamodb_s3_and_sqs_signed_by_kms() {
    let server = stores::server("DEZKY_TEST_KMS");
    let key = stores::stack::make_key(&server, "ECC_NIST_P256").await;
    let machine = Machine::on(Stack::dynamodb_s3_sqs())
        .with("AUDIT_SIGNING_KEY", format!("kms:{key}?endpoint={server}&region=eu-central-1"))
        .with("AUDIT_SIGNING_ALG", "ecdsa-p256-sha256");
    walk(&machine);
}

#[tokio::test]
async fn a_log_on_s3_and_sqs_without_a_database() {
    walk(&Machine::on(Stack::s3_sqs(&stores::stack::objects())));
}
