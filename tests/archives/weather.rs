//! Bad days of the cold store: what is asked fails with its reason, everything stays, the next run goes on.

use super::{DAY_MILLIS, Place, read};
use adapters_local::url;
use api::{Archive, ArchiveRun, ArchiveState, ArchiveWithManifest, Verification, VerificationStatus};
use handlers::Archiving;

#[tokio::test]
async fn a_store_that_is_gone_is_named_and_the_next_run_goes_on() {
    let place = Place::with(3).await;
    let aside = place.cold().with_extension("aside");
    std::fs::rename(place.cold(), &aside).unwrap();
    let exported = place.get("/audit/export?to=3").await.body;
    let failed = place.archive().await;
    assert_eq!((failed.status, failed.code().as_str()), (503, "archive-store-failed"));
    let detail = failed.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("the cold store did not take an archive; everything is still hot"), "{detail}");
    assert!(detail.contains("key=`audit/test.chain/") && !detail.contains('\n'), "{detail}");
    assert_eq!(place.get("/audit/export?to=3").await.body, exported);

    // Its claim is there, and says that it is on its way.
    let shown: ArchiveWithManifest = read(&place.get("/audit/archives/1").await);
    assert_eq!((shown.archive.state, shown.manifest), (ArchiveState::Claimed, None));
    assert_eq!((shown.archive.manifest_sha256, shown.archive.bytes, shown.archive.copies), (None, None, None));
    let early = place.post("/audit/archives/1/restore", "").await;
    assert_eq!((early.status, early.code().as_str()), (409, "archive-not-done"));
    let on = Archiving { enabled: true, run_hour_utc: 0, hot_retention_days: 1, ..Archiving::default() };
    let place = place.archiving(on);
    let failed = place.tick("archive-events").await.unwrap_err();
    assert!(failed.0.contains("did not take an archive"), "a platform sees it: {failed}");

    std::fs::rename(&aside, place.cold()).unwrap();
    place.tick("archive-events").await.unwrap();
    let archives: Vec<Archive> = read(&place.get("/audit/archives").await);
    assert_eq!((archives.len(), archives[0].state), (1, ArchiveState::Done));
    assert_eq!((archives[0].start_seq, archives[0].end_seq), (1, 3));
    assert_eq!(place.get("/audit/export?to=3").await.body, exported);
    let found: Verification = read(&place.get("/audit/verify?tiers=all").await);
    assert_eq!(found.status, VerificationStatus::Intact);
}

/// What is not the archive any more is not restored, and nothing of it is listed.
#[tokio::test]
async fn a_changed_archive_is_not_restored() {
    let place = Place::with(3).await;
    place.archive().await;
    let manifest = place.object(1, 3, "manifest.json");
    let good = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, b"{}").unwrap();
    let refused = place.post("/audit/archives/1/restore", "").await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "chain-broken"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("manifest"));
    std::fs::write(&manifest, good).unwrap();
    let object = place.object(1, 3, "jsonl.gz");
    let good = std::fs::read(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    let failed = place.post("/audit/archives/1/restore", "").await;
    assert_eq!((failed.status, failed.code().as_str()), (503, "archive-store-failed"));
    let detail = failed.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("does not give back what was archived: it is not there") && !detail.contains("hot"),
        "{detail}"
    );
    assert_eq!(place.get("/audit").await.header("dezky-restored"), None);
    std::fs::write(&object, good).unwrap();
    // By the clock, what somebody left unfinished is gone on with.
    place.tick("sweep-archives").await.unwrap();
    assert_eq!(place.post("/audit/archives/1/restore", "").await.status, 200);
    assert_eq!(place.get("/audit").await.header("dezky-restored"), Some("1-3"));
}

/// With a second copy, everything that reads archives works while the first place is gone.
#[tokio::test]
async fn the_second_copy_stands_in_for_the_first() {
    let mut place = Place::with(3).await;
    let second = place.cold().with_extension("second");
    place.hub.cx.cold.copy = Some(url::bucket(&format!("file:{}", second.display())).unwrap());
    let made: ArchiveRun = read(&place.archive().await);
    assert_eq!((made.batches[0].end_seq, made.batches[0].copies), (3, Some(2)));
    let line = place.get("/audit/2").await.body;
    std::fs::rename(place.cold(), place.cold().with_extension("gone")).unwrap();
    assert_eq!(place.get("/audit/2").await.body, line);
    assert_eq!(place.post("/audit/archives/1/restore", "").await.status, 202);
    assert_eq!(place.get("/audit").await.header("dezky-restored"), Some("1-3"));
    let found: Verification = read(&place.get("/audit/verify?tiers=all").await);
    assert_eq!(found.status, VerificationStatus::Incomplete, "a copy that cannot be read is no good news");
    assert!(found.missing.iter().any(|what| what.contains("in the cold store")), "{:?}", found.missing);
}

#[tokio::test]
async fn only_so_many_archives_are_restored_at_once() {
    let place = Place::with(2).await;
    for _ in 0..21 {
        place.archive().await;
    }
    let archives: Vec<Archive> = read(&place.get("/audit/archives").await);
    let starts: Vec<u64> = archives.iter().map(|archive| archive.start_seq).collect();
    let restore = async |start: &u64| place.post(&format!("/audit/archives/{start}/restore"), "").await;
    for start in &starts[..20] {
        assert_eq!(restore(start).await.status, 202);
    }
    let one_more = restore(&starts[20]).await;
    assert_eq!((one_more.status, one_more.code().as_str()), (409, "too-many-restores"));
}

/// A clock that was set back would say that what is due is not, or archive before something happened.
#[tokio::test]
async fn a_clock_that_was_set_back_archives_nothing() {
    let place = Place::with(3).await;
    place.clock.advance_millis(DAY_MILLIS);
    place.append(1).await;
    place.clock.advance_millis(-DAY_MILLIS / 2);
    let run = async || place.post("/audit/archive/run", r#"{"override":true,"olderThanDays":0}"#).await;
    let refused = run().await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "clock-wrong"));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("2026-12-02T00:00:00.000Z") && detail.contains("the newest event was recorded"),
        "{detail}"
    );
    assert_eq!(read::<Vec<Archive>>(&place.get("/audit/archives").await), []);
    place.clock.advance_millis(DAY_MILLIS / 2);
    assert_eq!(read::<ArchiveRun>(&run().await).batches[0].end_seq, 4);
}
