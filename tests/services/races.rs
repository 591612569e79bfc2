//! Interleavings that the simulator found, told again step by step.

use super::{append, report, times_chained};
use adapters_local::MemoryLog;
use async_trait::async_trait;
use domain::checkpoint::Reason;
use ports::{Bucket, Condition, Key, KeyRange, LogFile, LogFileError, Order, Row, Table, TableError, Version};
use services::Context;
use services::accept_break::{AcceptError, accept_break};
use services::append::Appender;
use services::derive::derive;
use services::drain::append_events;
use services::ingest::tail::tail;
use services::layout::objects;
use services::layout::rows::SCHEMA;
use services::sign::sign;
use sources::ocis::ExtraActions;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::world::World;

/// Two readers of one log, one of whom is slow: it has looked up the name of the log, and before it
/// goes on the log is rotated and the other reader finishes the old file and begins the new one.
#[tokio::test]
async fn a_slow_reader_does_not_begin_the_old_file_again() {
    struct Slow {
        cx: Context,
        log: MemoryLog,
        done: AtomicBool,
    }
    #[async_trait]
    impl LogFile for Slow {
        fn name(&self) -> String {
            self.log.name()
        }
        async fn current(&self) -> Result<Option<String>, LogFileError> {
            let current = self.log.current().await;
            if !self.done.swap(true, Ordering::SeqCst) {
                self.log.rename();
                self.log.append(&line(2));
                tail(&self.cx, &self.log, &ExtraActions::none()).await.unwrap();
            }
            current
        }
        async fn read(&self, id: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
            self.log.read(id, offset, limit).await
        }
    }
    fn line(n: u32) -> Vec<u8> {
        format!("{{\"App\":\"admin_audit\",\"Action\":\"group_created\",\"Level\":1,\"GroupID\":\"g{n}\"}}\n").into()
    }
    let world = World::default();
    let log = MemoryLog::default();
    log.append(&line(0));
    log.append(&line(1));
    tail(&world.cx, &log, &ExtraActions::none()).await.unwrap();
    let slow = Slow { cx: world.cx.clone(), log, done: AtomicBool::new(false) };
    tail(&world.cx, &slow, &ExtraActions::none()).await.unwrap();
    tail(&world.cx, &slow, &ExtraActions::none()).await.unwrap();
    let appender = Appender::new(world.cx.clone());
    while append_events(&world.cx, &appender).await.unwrap() > 0 {}
    assert_eq!(super::lines(&world.cx).await.len(), 3);
}

/// Others append and derive between an operator's look at the head and the look at the derived rows.
#[tokio::test]
async fn what_was_chained_meanwhile_is_no_break_to_accept() {
    struct Meanwhile {
        world: World,
        done: AtomicBool,
    }
    #[async_trait]
    impl Table for Meanwhile {
        async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
            self.world.table.get(key).await
        }
        async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
            self.world.table.put(key, value, condition).await
        }
        async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
            self.world.table.delete(key, version).await
        }
        async fn query(&self, p: &str, range: &KeyRange, order: Order, n: usize) -> Result<Vec<Row>, TableError> {
            if p.starts_with("marker#") && !self.done.swap(true, Ordering::SeqCst) {
                append(&self.world.cx, 10, 20, 5).await;
                derive(&self.world.cx, SCHEMA, u64::MAX).await.unwrap();
            }
            self.world.table.query(p, range, order, n).await
        }
        async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
            self.world.table.get_many(keys).await
        }
        async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
            self.world.table.put_many(rows).await
        }
    }
    let world = World::default();
    append(&world.cx, 0, 10, 5).await;
    derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
    let cx = world.cx.clone();
    let table = Arc::new(Meanwhile { world, done: AtomicBool::new(false) });
    let operator = Context { table, ..cx.clone() };
    assert!(matches!(accept_break(&operator, "anna").await, Err(AcceptError::NothingToAccept)));
    assert_eq!(times_chained(&cx, 20).await, [1; 20]);
    assert_eq!(report(&cx).await.first_break, None);
}

/// Behind an accepted break the table ends before what the newest checkpoint vouched for. `headSeq`
/// grows with `n` all the same: the next checkpoint waits until the head lies beyond.
#[tokio::test]
async fn no_checkpoint_goes_back_behind_an_accepted_break() {
    let world = World::default();
    append(&world.cx, 0, 10, 5).await;
    let backup = world.table.snapshot();
    append(&world.cx, 10, 20, 5).await;
    let lost = sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    let restored = world.over(Arc::new(backup));
    accept_break(&restored, "anna").await.unwrap();
    assert_eq!(sign(&restored, Reason::Manual).await.unwrap(), None, "event 11 lies before event 20");
    append(&restored, 10, 19, 9).await;
    assert_eq!(sign(&restored, Reason::Manual).await.unwrap(), None, "another event 20 has a checkpoint");
    append(&restored, 19, 20, 1).await;
    let next = sign(&restored, Reason::Manual).await.unwrap().unwrap();
    assert_eq!((lost.head_seq, next.n, next.head_seq), (20, 2, 21));
}

/// Only blocks are lost; what their signer left for the next one is still there. A signer commits behind
/// the accepted break and dies before its copy is made: whoever makes it builds the tree that the chain
/// has, not on the lost one.
#[tokio::test]
async fn a_copy_behind_an_accepted_break_has_its_tiles() {
    let world = World::default();
    append(&world.cx, 0, 10, 5).await;
    let backup = world.table.snapshot();
    append(&world.cx, 10, 20, 5).await;
    sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    for (key, value) in world.table.dump().into_iter().filter(|(key, _)| key.partition.starts_with("edge#")) {
        backup.put(&key, value, Condition::Absent).await.unwrap();
    }
    let bucket = world.bucket.clone();
    let restored = world.over(Arc::new(backup));
    accept_break(&restored, "anna").await.unwrap();
    append(&restored, 10, 21, 11).await;
    let next = sign(&restored, Reason::Interval).await.unwrap().unwrap();
    assert_eq!((next.n, next.head_seq), (2, 22));
    let copy = objects::checkpoint(&restored.chain, 2);
    let tile = format!("tiles/{}/tile/0/000.p/22", restored.chain);
    let bytes = bucket.get(&tile).await.unwrap().unwrap();
    for key in [&copy, &tile] {
        bucket.delete(key).await.unwrap();
    }
    assert_eq!(sign(&restored, Reason::Interval).await.unwrap(), None, "its head is signed");
    assert_eq!(bucket.get(&copy).await.unwrap(), Some(next.line()));
    assert_eq!(bucket.get(&tile).await.unwrap(), Some(bytes), "a copy that is there has its tiles");
}
