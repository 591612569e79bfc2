//! A cold store that refuses, lies, or is not there: one clear line, everything still hot, and a second
//! run that finishes.

use super::{append, lines};
use async_trait::async_trait;
use domain::block::{Stored, gzip};
use domain::verify::Status;
use ports::{Bucket, BucketError, ObjectMeta};
use services::Context;
use services::append::Appender;
use services::archive::{ArchiveError, Request as Archive, Run, archive, claims};
use services::blocks::get_stored;
use services::cold::Cold;
use services::layout::archives::State;
use services::verify::{Request, Tiers, verify};
use std::sync::Arc;
use support::world::World;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bad {
    /// It takes nothing, and says why.
    Refuses(&'static str),
    /// It does not answer.
    Down,
    /// It says that it took what it did not.
    Loses,
    /// It keeps all but the last byte.
    CutsAByte,
    /// It keeps all but the last gzip member.
    CutsAMember,
    /// It keeps one bit wrong.
    FlipsABit,
    /// It says another length than it has.
    OtherLength,
    /// Everything is gone when it is asked.
    Forgets,
}

const ALL: [Bad; 10] = [
    Bad::Refuses("501 NotImplemented: KMS is not configured; AUDIT_COLD_SSE asks for encryption that it lacks"),
    Bad::Refuses("403 InvalidAccessKeyId"),
    Bad::Refuses("404 NoSuchBucket"),
    Bad::Down,
    Bad::Loses,
    Bad::CutsAByte,
    Bad::CutsAMember,
    Bad::FlipsABit,
    Bad::OtherLength,
    Bad::Forgets,
];

/// A bucket with a fault, for keys that end so.
struct Faulty {
    inner: Arc<dyn Bucket>,
    bad: Bad,
    only: &'static str,
}

impl Faulty {
    fn fault(&self, key: &str) -> Option<Bad> {
        key.ends_with(self.only).then_some(self.bad)
    }
}

fn without_the_last_member(bytes: &[u8]) -> Vec<u8> {
    let ends = gzip::Unpacker::new().unpack_run(bytes, usize::MAX, &mut Vec::new()).unwrap_or_default();
    bytes[..ends.iter().rev().nth(1).copied().unwrap_or_default()].to_vec()
}

#[async_trait]
impl Bucket for Faulty {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        let mut bytes = bytes.to_vec();
        match self.fault(key) {
            Some(Bad::Refuses(why)) => return Err(BucketError::Rejected(why.to_owned())),
            Some(Bad::Down) => return Err(BucketError::Unavailable("connection refused".to_owned())),
            Some(Bad::Loses) => return Ok(()),
            Some(Bad::CutsAByte) => bytes.truncate(bytes.len() - 1),
            Some(Bad::CutsAMember) => bytes = without_the_last_member(&bytes),
            Some(Bad::FlipsABit) => bytes[20] ^= 1,
            _ => {}
        }
        self.inner.put(key, &bytes).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        self.get_range(key, 0, u64::MAX).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BucketError> {
        match self.fault(key) {
            Some(Bad::Forgets) => Ok(None),
            Some(Bad::Down) => Err(BucketError::Unavailable("connection refused".to_owned())),
            _ => self.inner.get_range(key, offset, length).await,
        }
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, BucketError> {
        let found = self.inner.head(key).await?;
        Ok(found.map(|meta| match self.fault(key) {
            Some(Bad::OtherLength) => ObjectMeta { size: meta.size + 1, ..meta },
            _ => meta,
        }))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, BucketError> {
        self.inner.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.inner.delete(key).await
    }
}

async fn run(cx: &Context) -> Result<Run, ArchiveError> {
    let request = Archive { cutoff: cx.clock.now(), by: None, until: None };
    archive(cx, &Appender::new(cx.clone()), &request).await
}

async fn all_is_hot(cx: &Context, blocks: u64) -> bool {
    for n in 1..=blocks {
        if !matches!(get_stored(cx, n).await, Ok(Some(Stored::Hot(_)))) {
            return false;
        }
    }
    true
}

/// The same hub with this store for archives, or for their copies.
fn with(cx: &Context, bad: Bad, only: &'static str, in_the_copy: bool) -> Context {
    let faulty: Arc<dyn Bucket> = Arc::new(Faulty { inner: Arc::clone(&cx.bucket), bad, only });
    let second: Arc<dyn Bucket> = Arc::new(adapters_local::MemoryBucket::default());
    let cold = match in_the_copy {
        false => Cold::plain(faulty, "audit"),
        true => Cold {
            copy: Some(Arc::new(Faulty { inner: second, bad, only })),
            ..Cold::plain(Arc::clone(&cx.bucket), "audit")
        },
    };
    Context { cold, ..cx.clone() }
}

#[tokio::test]
async fn a_cold_store_that_fails_costs_nothing_and_the_next_run_finishes() {
    for only in [".jsonl.gz", ".manifest.json"] {
        for bad in ALL.into_iter().filter(|bad| *bad != Bad::CutsAMember || only == ".jsonl.gz") {
            for in_the_copy in [false, true] {
                let world = World::default();
                append(&world.cx, 0, 70, 7).await;
                let before = lines(&world.cx).await;
                let cx = with(&world.cx, bad, only, in_the_copy);
                let error = run(&cx).await.expect_err("it fails");
                let place = if in_the_copy { "second copy" } else { "cold store" };
                let text = handlers::with_causes(&error);
                assert!(text.contains(place) && text.contains("everything is still hot"), "{bad:?} {only}: {text}");
                assert!(!text.contains('\n') && text.contains("key=`audit/test.chain/"), "{text}");
                if let Bad::Refuses(why) = bad {
                    assert!(text.contains(why), "{text}");
                }
                assert!(all_is_hot(&cx, 10).await, "{bad:?} {only}");
                // Again: no other manifest is signed, nothing is begun twice.
                let first = claims::newest(&cx).await.unwrap().unwrap().claim;
                assert!(run(&cx).await.is_err());
                let second = claims::newest(&cx).await.unwrap().unwrap().claim;
                assert_eq!(first, second);
                assert_eq!(second.state, State::Claimed);
                let healed = run(&world.cx).await.unwrap();
                assert!(healed.complete && healed.batches.len() == 1, "{healed:?}");
                assert_eq!(healed.batches[0].archived_at, first.archived_at);
                assert_eq!(lines(&world.cx).await[..70], before[..]);
                let request = Request { index: true, tiers: Tiers::All, ..Request::with_threads(0) };
                let report = verify(&world.cx, request, |_, _| ()).await.unwrap();
                assert_eq!((report.status(), report.archives_verified), (Status::Intact, 1), "{:?}", report.breaks);
            }
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_archives_nothing() {
    let world = World::default();
    append(&world.cx, 0, 70, 7).await;
    world.clock.advance_millis(-3_600_000);
    // What is due by such a clock was recorded after what it says.
    let cutoff = world.cx.clock.now().plus_millis(2 * 3_600_000);
    let request = Archive { cutoff, by: None, until: None };
    let error = archive(&world.cx, &Appender::new(world.cx.clone()), &request).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Clock { .. }), "{error}");
    assert!(
        error.to_string().starts_with("this machine's clock says 2026-12-01T11:00:00.000Z, but the newest event was")
    );
    assert!(all_is_hot(&world.cx, 10).await && claims::newest(&world.cx).await.unwrap().is_none());
    world.clock.advance_millis(3_600_000);
    assert_eq!(run(&world.cx).await.unwrap().batches.len(), 1);
    world.clock.advance_millis(-3_600_000);
    append(&world.cx, 70, 80, 5).await;
    assert!(matches!(
        archive(&world.cx, &Appender::new(world.cx.clone()), &request).await,
        Err(ArchiveError::Clock { .. })
    ));
}

#[tokio::test]
async fn one_event_of_the_year_2099_stops_nothing() {
    let world = World::default();
    append(&world.cx, 0, 20, 5).await;
    let mut object = domain::json::parse(&support::draft(99).canonical(), domain::json::Limits::FORMAT).unwrap();
    if let domain::json::Value::Object(event) = &mut object {
        event.insert("at", "2099-01-01T00:00:00.000Z".into());
    }
    let late = domain::admit::complete_draft(object.as_object().unwrap().clone()).unwrap();
    Appender::new(world.cx.clone()).append(vec![late]).await.unwrap();
    append(&world.cx, 20, 40, 5).await;
    assert_eq!(run(&world.cx).await.unwrap().batches[0].range.end, 36);
}

#[tokio::test]
async fn a_damaged_block_stays_and_is_named() {
    let world = World::default();
    append(&world.cx, 0, 21, 7).await;
    services::sign::sign(&world.cx, domain::checkpoint::Reason::Manual).await.unwrap();
    append(&world.cx, 21, 70, 7).await;
    services::derive::derive(&world.cx, services::layout::rows::SCHEMA, u64::MAX).await.unwrap();
    services::sign::sign(&world.cx, domain::checkpoint::Reason::Manual).await.unwrap();
    let key = services::layout::rows::block(&world.cx.chain, 4);
    let row = world.cx.table.get(&key).await.unwrap().unwrap();
    let mut value = row.value.clone();
    let at = value.len() - 30;
    value[at] ^= 1;
    world.cx.table.put(&key, value, ports::Condition::Unchanged(row.version)).await.unwrap();
    // The blocks before it go.
    let ran = run(&world.cx).await;
    assert!(matches!(&ran, Err(ArchiveError::Broken { block: 4, .. })), "{ran:?}");
    let claim = claims::newest(&world.cx).await.unwrap().unwrap().claim;
    assert_eq!((claim.range.end, claim.state), (21, State::Done));
    let text = ran.unwrap_err().to_string();
    assert!(text.starts_with("block 4 does not hold") && text.contains("run `verify`"), "{text}");
}
