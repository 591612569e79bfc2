//! Archives on a real object store, with object lock and a second copy: made, proved, read, restored, damaged,
//! kept by the lock, and a table made anew from them.

use super::refused::said;
use super::{drained, event};
use adapters_aws::S3Bucket;
use ports::Bucket;
use serde_json::Value;
use stores::program::Machine;
use stores::stack::{Stack, fresh};

/// Events of one record.
const AT_ONCE: usize = 10;
const EXACT: &str = "archive-content-mismatch";

/// A log, and the buckets of its archives.
struct Log {
    machine: Machine,
    /// Where the first copy is, and the second.
    places: [String; 2],
    endpoint: String,
}

impl Log {
    fn on(stack: Stack, endpoint: &str) -> Self {
        let places = [format!("cold-{}", fresh()), format!("copy-{}", fresh())];
        let machine = Self::settings(Machine::on(stack), endpoint, &places);
        Self { machine, places, endpoint: endpoint.to_owned() }
    }

    fn settings(machine: Machine, endpoint: &str, places: &[String; 2]) -> Machine {
        machine
            .with("AUDIT_COLD_ENDPOINT", endpoint)
            .with("AUDIT_COLD_BUCKET", &places[0])
            .with("AUDIT_COLD_ACCESS_KEY", "test")
            .with("AUDIT_COLD_SECRET_KEY", "test")
            .with("AUDIT_COLD_LOCK", "governance")
            .with("AUDIT_COLD_LOCK_DAYS", "1")
            .with("AUDIT_COLD_COPY_URL", format!("s3://{}?endpoint={endpoint}", places[1]))
    }

    /// The bucket of a place as anybody with its keys sees it: without a lock.
    fn place(&self, place: usize) -> S3Bucket {
        S3Bucket::open("BUCKET_URL", &format!("s3://{}?endpoint={}", self.places[place], self.endpoint)).unwrap()
    }

    /// All lines that are in the cold store or the table, in this range.
    fn export(&self, range: Option<(u64, u64)>) -> String {
        export(&self.machine, range)
    }

    /// What a verification of both tiers answers.
    fn verified(&self) -> Value {
        verified(&self.machine)
    }

    fn archive(&self) -> Value {
        let line = self.machine.done(&["archives", "--json"]);
        serde_json::from_str(line.lines().last().unwrap()).unwrap()
    }
}

fn export(machine: &Machine, range: Option<(u64, u64)>) -> String {
    let file = machine.data().join("export.jsonl");
    let file = file.to_str().unwrap();
    let range = range.map(|(from, to)| [from.to_string(), to.to_string()]);
    let mut arguments = vec!["export", "--out", file];
    if let Some([from, to]) = &range {
        arguments.extend(["--from", from, "--to", to]);
    }
    machine.done(&arguments);
    std::fs::read_to_string(file).unwrap()
}

fn verified(machine: &Machine) -> Value {
    let output = machine.run(&["verify", "--cold", "--index", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
}

/// Blocks of a few events each; all but the newest are signed and archived.
fn archived(log: &Log) -> String {
    let machine = &log.machine;
    machine.done(&["migrate"]);
    let file = machine.data().join("events.ndjson");
    for round in 0..5 {
        let events: Vec<String> = (round * AT_ONCE..(round + 1) * AT_ONCE).map(event).collect();
        std::fs::write(&file, events.join("\n")).unwrap();
        machine.done(&["record", "--file", file.to_str().unwrap()]);
        drained(machine, ((round + 1) * AT_ONCE) as u64);
        if round == 3 {
            machine.done(&["checkpoint"]);
        }
    }
    let before = log.export(None);
    machine.done(&["archive", "--older-than-days", "0"]);
    before
}

/// The whole path of an archive.
async fn walk(log: Log) {
    let before = archived(&log);
    let archive = log.archive();
    assert_eq!((archive["startSeq"].as_u64(), archive["endSeq"].as_u64()), (Some(1), Some(40)), "{archive}");
    assert_eq!((archive["copies"].as_u64(), archive["lock"]["mode"].as_str()), (Some(2), Some("governance")));
    let report = log.verified();
    assert_eq!((report["status"].as_str(), report["highestArchivedSeq"].as_u64()), (Some("intact"), Some(40)));
    assert_eq!(log.export(Some((1, 50))), before);
    let line = |seq: usize| before.split_inclusive('\n').nth(seq - 1).unwrap();
    assert_eq!(log.export(Some((17, 17))), line(17), "one event by its number");

    // Lists have what is hot, and what was restored.
    let listed = || log.machine.done(&["list", "--json", "--limit", "100"]);
    assert_eq!(listed().lines().count(), 11);
    for _ in 0..2 {
        log.machine.done(&["restore", "1"]);
    }
    let restored = listed();
    assert_eq!(restored.lines().count(), 51);
    assert!((1..=50).all(|seq| restored.contains(line(seq).trim_end())));

    damaged(&log, &before, &archive).await;
    kept_by_the_lock(&log, &before).await;
    anew(&log, &before);
}

/// Cut behind its second block, as somebody with the keys might do it: each place alone, then both.
async fn damaged(log: &Log, before: &str, archive: &Value) {
    let key = archive["jsonlKey"].as_str().unwrap();
    let manifest = log.place(0).get(archive["manifestKey"].as_str().unwrap()).await.unwrap().unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let third = &manifest["blocks"][2];
    let (offset, first_gone) = (third["offset"].as_u64().unwrap(), third["firstSeq"].as_u64().unwrap());
    let whole = log.place(0).get(key).await.unwrap().unwrap();
    let cut = &whole[..usize::try_from(offset).unwrap()];
    for place in 0..2 {
        log.place(place).put(key, cut).await.unwrap();
        assert_eq!(log.export(Some((1, 50))), before, "the other place answers");
        let report = log.verified();
        let found = &report["break"];
        assert_eq!((report["status"].as_str(), found["kind"].as_str()), (Some("broken"), Some(EXACT)), "{report}");
        assert_eq!((found["seq"].as_u64(), found["startSeq"].as_u64()), (Some(first_gone), Some(1)));
        assert_eq!(found["member"].as_str(), (place == 1).then_some("copy"), "which place it is: {found}");
        log.place(place).put(key, &whole).await.unwrap();
    }
    assert_eq!(log.verified()["status"], "intact");
    for place in 0..2 {
        log.place(place).put(key, cut).await.unwrap();
    }
    let report = log.verified();
    assert_eq!((report["break"]["kind"].as_str(), report["break"]["seq"].as_u64()), (Some(EXACT), Some(first_gone)));
    // What lies before the cut is read; what lies behind it is refused in one line.
    assert_eq!(log.export(Some((1, first_gone - 1))).lines().count() as u64, first_gone - 1);
    let out = log.machine.data().join("gone.jsonl");
    let gone = first_gone.to_string();
    let refused = log.machine.run(&["export", "--out", out.to_str().unwrap(), "--from", &gone, "--to", &gone]);
    let text = said(&refused);
    assert!(!refused.status.success() && text.lines().count() == 1 && text.contains(key), "{text}");
    // The version that is locked is still there; whoever deletes what stands before it has it again.
    for place in 0..2 {
        assert!(log.place(place).delete(key).await.is_err(), "the lock holds");
        assert_eq!(log.place(place).get(key).await.unwrap().as_deref(), Some(&whole[..]));
    }
    assert_eq!(log.verified()["status"], "intact");
}

/// The lines are due, and the lock holds: it is said, again and again, and nothing is lost or called broken.
async fn kept_by_the_lock(log: &Log, before: &str) {
    for _ in 0..2 {
        let locked = log.machine.run(&["expire", "--older-than-days", "0", "--yes"]);
        let text = said(&locked);
        assert_eq!((locked.status.code(), text.lines().count()), (Some(0), 1), "{text}");
        assert!(text.contains("are locked by the store until"), "{text}");
        let archive = log.archive();
        assert_eq!(archive["state"], "done", "{archive}");
        assert_eq!(log.verified()["status"], "intact");
        assert_eq!(log.export(Some((1, 50))), before);
    }
    let events = log.export(None);
    // What cannot be deleted is not announced.
    assert_eq!(events.matches(r#""action":"audit.archive_expired""#).count(), 0);
}

/// The table is lost, and a machine that knows nothing but the buckets and the key makes another.
fn anew(log: &Log, before: &str) {
    let rows = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("sqlite:{}", rows.path().join(name).display());
    let stack = Stack { table: at("table.db"), queue: at("queue.db"), ..log.machine.stack.clone() };
    let key = std::fs::read_to_string(log.machine.data().join("keys/signing.hex")).unwrap();
    let machine = Log::settings(Machine::on(stack), &log.endpoint, &log.places).with("AUDIT_SIGNING_KEY", key.trim());
    let made: Value = serde_json::from_str(&machine.done(&["rebuild", "--from-archives", "--json"])).unwrap();
    assert_eq!((made["archives"].as_u64(), made["headSeq"].as_u64()), (Some(1), Some(40)), "{made}");
    let lines: String = before.split_inclusive('\n').take(40).collect();
    assert_eq!(export(&machine, None), lines);
    assert_eq!(made["vouchedSeq"].as_u64(), Some(40), "nothing that was signed is lost: {made}");
    machine.done(&["archive"]);
    let report = verified(&machine);
    assert_eq!((report["status"].as_str(), report["highestArchivedSeq"].as_u64()), (Some("intact"), Some(40)));
}

#[tokio::test]
async fn archives_of_sqlite_in_s3() {
    let folder = tempfile::tempdir().unwrap();
    let at = |scheme: &str, name: &str| format!("{scheme}:{}", folder.path().join(name).display());
    let stack = Stack { table: at("sqlite", "t.db"), bucket: at("file", "bucket"), queue: at("sqlite", "q.db") };
    walk(Log::on(stack, &stores::server("DEZKY_TEST_S3"))).await;
}

#[tokio::test]
async fn archives_of_postgres_in_what_other_providers_have() {
    walk(Log::on(Stack::postgres_s3().await, &stores::stack::objects())).await;
}
