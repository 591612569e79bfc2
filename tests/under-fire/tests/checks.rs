//! What looks for losses finds them.

use adapters_local::DirectoryBucket;
use ports::Bucket;
use services::append::Appender;
use std::collections::BTreeSet;
use under_fire::acks::Acks;
use under_fire::{block_on, check};

#[test]
fn an_object_that_is_cut_or_gone_is_found() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let bucket = DirectoryBucket::open(folder.path()).unwrap();
        let (key, bytes) = check::object(4);
        bucket.put(&key, &bytes).await.unwrap();
        let acked = BTreeSet::from([key.clone()]);
        assert_eq!(check::objects_whole(&bucket, &acked).await, Ok(acked.clone()));
        std::fs::write(folder.path().join(&key), &bytes[1..]).unwrap();
        assert!(check::objects_whole(&bucket, &acked).await.is_err());
        std::fs::remove_file(folder.path().join(&key)).unwrap();
        assert!(check::objects_whole(&bucket, &acked).await.unwrap_err().contains("LOST"));
    });
}

#[test]
fn an_event_a_checkpoint_and_a_tile_that_are_gone_are_found() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let cx = support::world::embedded(folder.path());
        let drafts = (0..300).map(support::draft).collect();
        Appender::new(cx.clone()).append(drafts).await.unwrap();
        services::sign::sign(&cx, domain::checkpoint::Reason::Interval).await.unwrap();
        let queue = folder.path().join("queue.db");
        let chain =
            check::acked_is_stored(&cx, Some(&queue), &Acks::of("ack 0 299\nqueued 7\nsigned 1\n")).await.unwrap();
        assert_eq!(chain.len(), 300);
        check::bucket_whole(&cx, &chain).await.unwrap();
        for lost in ["ack 300\n", "queued 300\n", "signed 2\n"] {
            assert!(check::acked_is_stored(&cx, Some(&queue), &Acks::of(lost)).await.is_err(), "{lost}");
        }
        let tile = folder.path().join("bucket/tiles/test.chain/tile/0/000");
        let mut bytes = std::fs::read(&tile).unwrap();
        bytes[8191] ^= 1;
        std::fs::write(&tile, bytes).unwrap();
        assert!(check::bucket_whole(&cx, &chain).await.is_err());
    });
}
