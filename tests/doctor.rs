//! What the doctor finds, on stores that are good and on stores that are not.

use ::doctor::Admission;
use adapters_local::{CountedIds, KeySigner, MemoryBucket, MemoryQueue, MemoryTable, SetClock};
use async_trait::async_trait;
use domain::keys::{Algorithm, KeyRing, SigningKey};
use domain::time::Timestamp;
use ports::counting::{Counting, Counts};
use ports::{
    Bucket, BucketError, Clock, Condition, Finding, Key, KeyRange, Message, ObjectMeta, Order, Probe, Queue,
    QueueError, QueueSettings, Row, Table, TableError, Verdict, Version,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is wrong with a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It takes conditions and ignores them.
    IgnoresConditions,
    /// It honours `Absent` only.
    ForgetsVersions,
    /// It reads what was there before.
    Lags,
    /// It cannot be written.
    ReadOnly,
    /// It does not answer.
    Silent,
}

struct BadTable(MemoryTable, Fault, AtomicBool);

fn bad(fault: Fault) -> BadTable {
    BadTable(MemoryTable::default(), fault, AtomicBool::new(true))
}

impl BadTable {
    fn has(&self, fault: Fault) -> bool {
        self.1 == fault && self.2.load(Ordering::SeqCst)
    }

    fn answers(&self) -> Result<(), TableError> {
        if self.has(Fault::Silent) {
            Err(TableError::Unavailable("TABLE_URL: nobody is there".to_owned()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Table for BadTable {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        self.answers()?;
        if self.has(Fault::Lags) && key.sort.starts_with("read-") { Ok(None) } else { self.0.get(key).await }
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        self.answers()?;
        let ignored = match condition {
            _ if self.has(Fault::ReadOnly) => return Err(TableError::Rejected("TABLE_URL: read only".to_owned())),
            Condition::Unchanged(_) => self.has(Fault::ForgetsVersions) || self.has(Fault::IgnoresConditions),
            _ => self.has(Fault::IgnoresConditions),
        };
        self.0.put(key, value, if ignored { Condition::Any } else { condition }).await
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        self.0.delete(key, version).await
    }

    async fn query(&self, p: &str, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, TableError> {
        self.answers()?;
        self.0.query(p, range, order, limit).await
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        self.0.get_many(keys).await
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        self.0.put_many(rows).await
    }
}

/// Every finding that is not good, as `check: seen`.
fn complaints(findings: &[Finding]) -> Vec<String> {
    let bad = findings.iter().filter(|finding| finding.verdict != Verdict::Good);
    bad.inspect(|finding| assert!(!finding.mend.is_empty(), "{} says not what to do", finding.check))
        .map(|finding| format!("{}: {}", finding.check, finding.seen))
        .collect()
}

#[tokio::test]
async fn a_good_table_passes_and_keeps_nothing() {
    let table = MemoryTable::default();
    let findings = ::doctor::table(&table, &table, "t").await;
    assert_eq!((complaints(&findings), findings.len()), (Vec::<String>::new(), 8));
    for partition in ["_probe#t", "_probe#t-order"] {
        assert_eq!(table.query(partition, &KeyRange::all(), Order::Ascending, 9).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn each_fault_of_a_table_is_named() {
    let all = bad(Fault::IgnoresConditions);
    let found = complaints(&::doctor::table(&all, &all, "t").await);
    assert_eq!(found[0], "create, raced by 16: 16 of 16 creates of one row at once won: this store ignores conditions");
    assert_eq!(found[2], "stale replace: a write over a version that is gone was done: this store ignores conditions");
    let some = bad(Fault::ForgetsVersions);
    let found = complaints(&::doctor::table(&some, &some, "t").await);
    assert!(found[0].starts_with("replace, raced by 16: 16 of 16"), "{found:?}");
    let lags = bad(Fault::Lags);
    let found = complaints(&::doctor::table(&lags, &lags, "t").await);
    assert!(found.len() == 1 && found[0].starts_with("reads after writes: a second connection did not"), "{found:?}");
    let silent = bad(Fault::Silent);
    let found = complaints(&::doctor::table(&silent, &silent, "t").await);
    let line = "write and read: the table did not answer; the outcome is not known. TABLE_URL: nobody is there";
    assert_eq!(found, [line]);
}

/// Two stores behind one name, each exact by itself: a split brain, or a cache before each.
#[tokio::test]
async fn two_connections_to_two_stores_are_no_table() {
    let (one, other) = (MemoryTable::default(), MemoryTable::default());
    let found = complaints(&::doctor::table(&one, &other, "t").await);
    assert_eq!(found[0], "create, raced by 16: 2 of 16 creates of one row at once won: this store ignores conditions");
    assert!(found.iter().any(|line| line.starts_with("reads after writes: ")), "{found:?}");
}

fn clock() -> SetClock {
    SetClock::at(Timestamp::parse("2026-11-25T12:00:00Z").unwrap())
}

fn admission(table: Arc<dyn Table>, probe: Option<Arc<dyn Probe>>, clock: &SetClock) -> Admission {
    Admission::new(table, probe, Arc::new(clock.clone()), Arc::new(CountedIds::default()))
}

#[tokio::test]
async fn a_table_that_ignores_conditions_serves_nobody() {
    let table = admission(Arc::new(bad(Fault::IgnoresConditions)), None, &clock());
    let refused = table.get(&Key::new("p", "s")).await.unwrap_err();
    let TableError::Rejected(text) = refused else { panic!("{refused}") };
    assert!(text.starts_with("TABLE_URL is refused by the check `create, raced by 16`: 16 of 16"), "{text}");
    assert!(table.put(&Key::new("p", "s"), vec![1], Condition::Any).await.is_err());
    assert!(table.admit_anew().await.is_err());
}

#[tokio::test]
async fn a_table_that_was_fit_is_asked_again_after_a_day() {
    let (memory, counts, clock) = (Arc::new(MemoryTable::default()), Counts::default(), clock());
    let counted = || Arc::new(Counting::<dyn Table>::new(memory.clone(), &counts)) as Arc<dyn Table>;
    let writes = || counts.tallies().get("table put").map_or(0, |tally| tally.requests);
    let key = Key::new("p", "s");
    admission(counted(), None, &clock).get(&key).await.unwrap();
    assert!(writes() > 30);
    counts.clear();
    // Another process, a little later: one read, and its own.
    clock.advance_millis(60_000);
    admission(counted(), None, &clock).get(&key).await.unwrap();
    assert_eq!((writes(), counts.tallies()["table get"].requests), (0, 2));
    clock.advance_millis(24 * 60 * 60 * 1000);
    admission(counted(), None, &clock).get(&key).await.unwrap();
    assert!(writes() > 30);
    // Whoever serves an installation asks every time.
    counts.clear();
    admission(counted(), None, &clock).admit_anew().await.unwrap();
    assert!(writes() > 30);
}

#[tokio::test]
async fn who_may_not_write_reads_and_who_gets_no_answer_asks_again() {
    let read_only = Arc::new(bad(Fault::ReadOnly));
    let reader = admission(read_only.clone(), None, &clock());
    assert_eq!(reader.get(&Key::new("p", "s")).await, Ok(None));
    // A refusal that passes is no admission: writes are still raced for.
    assert!(matches!(reader.put(&Key::new("p", "s"), vec![1], Condition::Any).await, Err(TableError::Rejected(_))));
    read_only.2.store(false, Ordering::SeqCst);
    reader.put(&Key::new("p", "s"), vec![1], Condition::Any).await.unwrap();
    assert!(read_only.0.get(&Key::new("_probe#fit", "at")).await.unwrap().is_some(), "it was raced before");
    let silent = Arc::new(bad(Fault::Silent));
    let table = admission(silent.clone(), None, &clock());
    assert!(matches!(table.get(&Key::new("p", "s")).await, Err(TableError::Unavailable(_))));
    silent.2.store(false, Ordering::SeqCst);
    assert_eq!(table.get(&Key::new("p", "s")).await, Ok(None));
}

/// A store whose clock says something else.
struct Elsewhere(SetClock, i64);

#[async_trait]
impl Probe for Elsewhere {
    async fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }

    async fn time(&self) -> Result<Option<Timestamp>, String> {
        Ok(Some(self.0.now().plus_millis(self.1)))
    }
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_refused() {
    let clock = clock();
    for (off, verdict) in [
        (0, Verdict::Good),
        (4_999, Verdict::Good),
        (5_001, Verdict::Lacks),
        (-7_000, Verdict::Lacks),
        (60_001, Verdict::Unfit),
        (-62_000, Verdict::Unfit),
    ] {
        let store = Elsewhere(clock.clone(), off);
        let found = ::doctor::clock(&store, &clock).await.unwrap().unwrap();
        assert_eq!(found.verdict, verdict, "{off}: {}", found.seen);
        let way = if off > 0 { "behind" } else { "ahead of" };
        assert!(found.verdict == Verdict::Good || found.seen.contains(way), "{off}: {}", found.seen);
        let table = admission(Arc::new(MemoryTable::default()), Some(Arc::new(store)), &clock);
        assert_eq!(table.get(&Key::new("p", "s")).await.is_ok(), verdict != Verdict::Unfit, "{off}");
    }
}

/// A bucket that keeps nothing as it was put, or one that lets nobody delete.
struct BadBucket(MemoryBucket, bool);

#[async_trait]
impl Bucket for BadBucket {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        self.0.put(key, &[bytes, if self.1 { b"" } else { b"\r\n" }].concat()).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        self.0.get(key).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        self.0.get_range(key, offset, length).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        self.0.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, BucketError> {
        self.0.list(prefix, after.filter(|_| self.1), limit).await
    }

    async fn delete(&self, _: &str) -> Result<(), BucketError> {
        if self.1 { Err(BucketError::Rejected("COLD: it is locked".to_owned())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn buckets_are_told_apart() {
    let of = async |bucket: &dyn Bucket, lock: Option<&'static str>| {
        let subject = ::doctor::BucketSubject { setting: "COLD", first: bucket, second: bucket, lock };
        ::doctor::bucket(subject, "t").await
    };
    let good = MemoryBucket::default();
    assert_eq!(complaints(&of(&good, None).await), Vec::<String>::new());
    assert_eq!(good.list("_probe/", None, 9).await, Ok(Vec::new()));
    let bad = BadBucket(MemoryBucket::default(), false);
    let findings = of(&bad, None).await;
    assert!(findings[0].mend.ends_with("choose another COLD"), "{findings:?}");
    let found = complaints(&findings);
    let checks: Vec<&str> = found.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(checks, ["put and get", "head", "list", "delete"]);
    // A lock is there if a delete is refused.
    let locked = BadBucket(MemoryBucket::default(), true);
    assert_eq!(complaints(&of(&locked, Some("COLD_LOCK")).await), Vec::<String>::new());
    assert_eq!(complaints(&of(&locked, None).await), ["delete: COLD: it is locked"]);
    for deletes in [&good as &dyn Bucket, &bad] {
        let findings = of(deletes, Some("COLD_LOCK")).await;
        let lock = findings.iter().find(|finding| finding.check == "locked").unwrap();
        assert_eq!(lock.verdict, Verdict::Unfit, "{findings:?}");
        assert!(lock.mend.contains("choose another COLD, or take COLD_LOCK off"), "{lock:?}");
    }
}

/// A queue that cannot tell one odd character from another.
struct BadQueue(MemoryQueue);

#[async_trait]
impl Queue for BadQueue {
    async fn send_batch(&self, bodies: &[String]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        self.0.send_batch(&bodies.iter().map(|body| body.replace('\u{ffff}', "\u{fffd}")).collect::<Vec<_>>()).await
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Message>, QueueError> {
        self.0.receive(limit).await
    }

    async fn ack(&self, receipts: &[String]) -> Result<(), QueueError> {
        self.0.ack(receipts).await
    }
}

#[tokio::test]
async fn queues_are_told_apart() {
    let (good, _) = MemoryQueue::pair(Arc::new(clock()), QueueSettings::default());
    assert_eq!(complaints(&::doctor::queue(&good, "t").await), Vec::<String>::new());
    let (inner, _) = MemoryQueue::pair(Arc::new(clock()), QueueSettings::default());
    let found = complaints(&::doctor::queue(&BadQueue(inner), "t").await);
    assert_eq!(found, ["round trip: what was sent did not come back as it was sent"]);
}

#[tokio::test]
async fn a_signer_that_no_verifier_knows_is_named() {
    let signer = |byte: u8| KeySigner::new(SigningKey::new(Algorithm::Ed25519, [byte; 32]));
    let ring = KeyRing::of(ports::Signer::verify_key(&signer(1)));
    assert_eq!(complaints(&::doctor::signer(&signer(1), &ring).await), Vec::<String>::new());
    let found = complaints(&::doctor::signer(&signer(2), &ring).await);
    assert!(found.len() == 1 && found[0].contains("no verifier here knows the key"), "{found:?}");
}
