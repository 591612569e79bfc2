//! Busy tables and broken ports: nothing is acknowledged, nothing is lost, and it goes on by itself.

use super::{append, assert_intact, times_chained};
use async_trait::async_trait;
use ports::faults::{Fate, FaultyTable};
use ports::{Bucket, BucketError, ObjectMeta};
use services::append::{AppendError, Appender};
use services::drain::{DrainError, append_events};
use std::sync::Arc;
use support::draft;
use support::world::World;

/// A table that stays locked for longer than a writer tries.
#[tokio::test]
async fn while_the_table_is_locked_messages_stay_queued() {
    let world = World::default();
    services::record::queue(&world.cx, &(0..5).map(draft).collect::<Vec<_>>()).await.unwrap();
    let locked = world.over(Arc::new(FaultyTable::new(Arc::new(world.table.clone()), [Fate::Throttled; 8])));
    let error = append_events(&locked, &Appender::new(locked.clone())).await.unwrap_err();
    assert!(matches!(error, DrainError::Append(AppendError::Table(_))), "{error}");
    assert_intact(&world.cx, 0).await;
    world.clock.advance_millis(60_000);
    assert_eq!(append_events(&world.cx, &Appender::new(world.cx.clone())).await.unwrap(), 1);
    assert_eq!(times_chained(&world.cx, 5).await, [1; 5]);
}

struct Down;

#[async_trait]
impl Bucket for Down {
    async fn put(&self, _: &str, _: &[u8]) -> Result<(), BucketError> {
        Err(down())
    }
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, BucketError> {
        Err(down())
    }
    async fn get_range(&self, _: &str, _: u64, _: u64) -> Result<Option<Vec<u8>>, BucketError> {
        Err(down())
    }
    async fn head(&self, _: &str) -> Result<Option<ObjectMeta>, BucketError> {
        Err(down())
    }
    async fn list(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<ObjectMeta>, BucketError> {
        Err(down())
    }
    async fn delete(&self, _: &str) -> Result<(), BucketError> {
        Err(down())
    }
}

fn down() -> BucketError {
    BucketError::Unavailable("the cable is out".to_owned())
}

/// A writer that is running needs no bucket; one that starts cannot compare, and a verification says
/// what it could not look at.
#[tokio::test]
async fn without_the_bucket_nobody_starts_and_nothing_is_called_intact() {
    let world = World::default();
    append(&world.cx, 0, 10, 5).await;
    let cx = services::Context { bucket: Arc::new(Down), ..world.cx.clone() };
    let error = Appender::new(cx.clone()).append(vec![draft(20)]).await.unwrap_err();
    assert!(matches!(error, AppendError::Bucket(_)), "{error}");
    assert!(services::sign::sign(&cx, domain::checkpoint::Reason::Interval).await.is_err());
    let report = super::report(&cx).await;
    assert_eq!((report.status(), report.anchored), (domain::verify::Status::Incomplete, false));
    assert!(report.missing[0].contains("the cable is out"), "{:?}", report.missing);
}
