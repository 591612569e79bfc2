//! Each port's suite, on each adapter.

use adapters_local::{
    CountedIds, DirectoryBucket, DiskLog, KeySigner, MemoryBucket, MemoryLog, MemoryQueue, MemoryTable, RandomIds,
    SetClock, SqliteQueue, SqliteTable, SystemClock,
};
use domain::keys::{Algorithm, SigningKey};
use domain::time::Timestamp;
use futures_util::future::BoxFuture;
use ports::conformance::{bucket, gateways, log_file, queue, table};
use ports::faults::FaultyTable;
use ports::{Queue, QueueSettings, Table, TableError};
use std::sync::Arc;

#[tokio::test]
async fn memory_table() {
    table::check_all(&MemoryTable::default(), "t").await;
}

#[tokio::test]
async fn sqlite_table() {
    let folder = tempfile::tempdir().unwrap();
    table::check_all(&SqliteTable::open(&folder.path().join("table.db")).unwrap(), "t").await;
}

#[tokio::test]
async fn faulty_table_without_faults() {
    table::check_all(&FaultyTable::new(Arc::new(MemoryTable::default()), []), "t").await;
}

/// Two openings of one file race as two processes would.
#[tokio::test]
async fn two_openings_of_one_sqlite_file_are_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.db");
    let (one, two) = (SqliteTable::open(&path).unwrap(), SqliteTable::open(&path).unwrap());
    table::a_row_is_read_as_it_was_written(&one, "a").await;
    let key = ports::Key::new("a", "a");
    assert_eq!(two.get(&key).await.unwrap().unwrap().value, b"value");
    tokio::join!(table::racing_updates_lose_nothing(&one, "b"), table::racing_updates_lose_nothing(&two, "c"));
    let both: Vec<_> = (0..50).map(|i| ports::Key::new("race", format!("{i}"))).collect();
    for key in &both {
        let put = |t: &SqliteTable, value: &'static [u8]| {
            let (t, key) = (t.clone(), key.clone());
            async move { t.put(&key, value.to_vec(), ports::Condition::Absent).await }
        };
        let (a, b) = tokio::join!(put(&one, b"1"), put(&two, b"2"));
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    }
}

#[tokio::test]
async fn memory_bucket() {
    bucket::check_all(&MemoryBucket::default(), "t").await;
}

#[tokio::test]
async fn directory_bucket() {
    let folder = tempfile::tempdir().unwrap();
    bucket::check_all(&DirectoryBucket::open(folder.path()).unwrap(), "t").await;
}

/// Nobody may take a disk that is not mounted for a bucket of which everything was deleted.
#[tokio::test]
async fn a_directory_that_is_gone_is_no_empty_bucket() {
    use ports::{Bucket, BucketError};
    let folder = tempfile::tempdir().unwrap();
    let (root, aside) = (folder.path().join("bucket"), folder.path().join("aside"));
    let bucket = DirectoryBucket::open(&root).unwrap();
    bucket.put("a/b", b"x").await.unwrap();
    std::fs::rename(&root, &aside).unwrap();
    for mounted in [false, true] {
        if mounted {
            std::fs::create_dir(&root).unwrap();
        }
        let errors = [
            bucket.get("a/b").await.map(drop),
            bucket.get_range("a/b", 0, 1).await.map(drop),
            bucket.head("a/b").await.map(drop),
            bucket.list("a/", None, 1).await.map(drop),
            bucket.delete("a/b").await,
        ];
        for error in errors {
            assert!(matches!(&error, Err(BucketError::Unavailable(why)) if why.contains("gone")), "{error:?}");
        }
    }
    std::fs::remove_dir(&root).unwrap();
    std::fs::rename(&aside, &root).unwrap();
    assert_eq!(bucket.get("a/b").await, Ok(Some(b"x".to_vec())));
    assert_eq!(bucket.get("a/c").await, Ok(None));
}

async fn check_queue(queue: &dyn Queue, dead_letters: &dyn Queue, clock: &SetClock, settings: QueueSettings) {
    let pass_visibility = || {
        clock.advance_millis(settings.visibility_millis);
        Box::pin(std::future::ready(())) as BoxFuture<'_, ()>
    };
    let max_deliveries = settings.max_deliveries;
    queue::check_all(&queue::Pair { queue, dead_letters, max_deliveries, pass_visibility: &pass_visibility }).await;
}

fn set_clock() -> SetClock {
    SetClock::at(Timestamp::parse("2026-11-25T12:00:00Z").unwrap())
}

#[tokio::test]
async fn memory_queue() {
    let (clock, settings) = (set_clock(), QueueSettings::default());
    let (queue, dead) = MemoryQueue::pair(Arc::new(clock.clone()), settings);
    check_queue(&queue, &dead, &clock, settings).await;
}

#[tokio::test]
async fn sqlite_queue() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, settings) = (set_clock(), QueueSettings { visibility_millis: 30_000, max_deliveries: 3 });
    let path = folder.path().join("queue.db");
    let open = |name| SqliteQueue::open_pair(&path, name, Arc::new(clock.clone()), settings).unwrap();
    let (queue, dead) = open("events");
    let (other, _) = open("other");
    other.send_batch(&["for somebody else".to_owned()]).await.unwrap();
    check_queue(&queue, &dead, &clock, settings).await;
    assert_eq!(other.receive(10).await.unwrap().len(), 1);
}

#[test]
fn clocks_and_ids() {
    gateways::a_clock_is_in_this_century(&SystemClock);
    gateways::a_clock_is_in_this_century(&set_clock());
    gateways::ids_are_fresh_and_ordered_by_time(&RandomIds, &SystemClock);
    gateways::ids_are_fresh_and_ordered_by_time(&CountedIds::default(), &set_clock());
}

#[tokio::test]
async fn key_signers() {
    for algorithm in [Algorithm::HmacSha256, Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        let signer = KeySigner::new(SigningKey::new(algorithm, [3; 32]));
        gateways::a_signature_verifies_with_its_key_only(&signer).await;
    }
}

#[tokio::test]
async fn a_full_database_acknowledges_nothing_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let table = SqliteTable::open(&folder.path().join("table.db")).unwrap();
    table.limit_pages(60).await.unwrap();
    let key = |i: u32| ports::Key::new("p", format!("{i:03}"));
    let mut stored = 0;
    let error = loop {
        match table.put(&key(stored), vec![1; 20_000], ports::Condition::Absent).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, TableError::Unavailable(text) if text.contains("disk is full")), "{error}");
    assert!(stored > 0 && table.get(&key(stored)).await.unwrap().is_none());
    table.limit_pages(1_000_000).await.unwrap();
    table.put(&key(stored), vec![1; 20_000], ports::Condition::Absent).await.unwrap();
    for i in 0..=stored {
        assert!(table.get(&key(i)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_refused_by_name() {
    use adapters_local::url;
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.db");
    std::fs::write(&junk, vec![b'x'; 5000]).unwrap();
    let said = |url: &str| url::table(url).err().map(|e| e.to_string()).unwrap();
    let text = said(&format!("sqlite:{}", junk.display()));
    assert!(text.starts_with("TABLE_URL: cannot open the database") && text.contains("not ours"), "{text}");
    assert!(said("sqlite:/no/such/folder/table.db").contains("check that the folder exists"));
    assert_eq!(said("mongodb://x"), "TABLE_URL: `mongodb` is not known here; use sqlite:PATH");
    assert_eq!(said("table.db"), "TABLE_URL: `table.db` is not known here; use sqlite:PATH");
    let newer = folder.path().join("newer.db");
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 7).unwrap();
    assert!(said(&format!("sqlite:{}", newer.display())).contains("made by a newer dezky (layout 7"));
}

#[tokio::test]
async fn memory_log() {
    struct Memory(MemoryLog);
    impl log_file::Writer for Memory {
        fn append(&self, bytes: &[u8]) {
            self.0.append(bytes);
        }
        fn rename(&self) {
            self.0.rename();
        }
        fn delete(&self) {
            self.0.delete();
        }
    }
    let log = MemoryLog::default();
    log_file::suite(&log, &Memory(log.clone())).await;
}

#[tokio::test]
async fn disk_log() {
    use std::io::Write;
    struct Disk(std::path::PathBuf);
    impl log_file::Writer for Disk {
        fn append(&self, bytes: &[u8]) {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
            file.write_all(bytes).unwrap();
        }
        fn rename(&self) {
            std::fs::rename(&self.0, self.0.with_extension("log.1")).unwrap();
        }
        fn delete(&self) {
            std::fs::remove_file(&self.0).unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    log_file::suite(&DiskLog::new(&path), &Disk(path.clone())).await;
    std::fs::create_dir(&path).unwrap();
    let error = ports::LogFile::current(&DiskLog::new(&path)).await.unwrap_err().to_string();
    assert!(error.contains("audit.log") && error.contains("no regular file"), "{error}");
}
