//! Holds, and the end of retention.

use super::{DAY_MILLIS, Place, read};
use api::{Archive, ArchiveState, Hold, PlacedHold, SeqRange, Verification, VerificationStatus};
use handlers::Archiving;

#[tokio::test]
async fn a_hold_is_placed_listed_and_released() {
    let place = Place::with(3).await;
    assert_eq!(read::<Vec<Hold>>(&place.get("/audit/holds").await), []);
    let answer = place.post("/audit/holds", r#"{"fromSeq":1,"toSeq":3,"reason":"dispute 7"}"#).await;
    let placed: PlacedHold = read(&answer);
    let hold = &placed.hold;
    assert_eq!((answer.status, hold.seq, hold.from_seq, hold.to_seq), (201, 4, 1, 3));
    assert_eq!((hold.reason.as_str(), hold.by.as_deref()), ("dispute 7", Some("test|operator")));
    assert_eq!((hold.at.as_str(), hold.released_seq), ("2026-12-01T12:00:00.000Z", None));
    assert_eq!(placed.too_late, []);
    assert_eq!(&read::<Vec<Hold>>(&place.get("/audit/holds").await), std::slice::from_ref(hold));
    // Its event becomes cold, and it still is a hold.
    place.archive().await;
    assert_eq!(place.get("/audit/4").await.header("dezky-cold"), Some("1-4"));
    assert_eq!(&read::<Vec<Hold>>(&place.get("/audit/holds").await), std::slice::from_ref(hold));
    for _ in 0..2 {
        let released = place.post("/audit/holds/4/release", "").await;
        let wanted = Hold { released_seq: Some(7), ..hold.clone() };
        assert_eq!((released.status, read::<Hold>(&released)), (200, wanted));
    }
}

/// What is held stays, whatever its retention; what is not goes, and the chain still verifies.
#[tokio::test]
async fn archives_expire_unless_they_are_held() {
    let retention = |days| Archiving { cold_retention_days: days, ..Archiving::default() };
    let place = Place::with(2).await.archiving(retention(Some(10)));
    place.archive().await;
    place.archive().await;
    let line = place.get("/audit/1").await.body;
    place.post("/audit/holds", r#"{"fromSeq":2,"toSeq":2,"reason":"a dispute"}"#).await;
    place.clock.advance_millis(10 * DAY_MILLIS);
    let states = async |place: &Place| -> Vec<ArchiveState> {
        let archives: Vec<Archive> = read(&place.get("/audit/archives").await);
        archives.iter().map(|archive| archive.state).collect()
    };
    let place = place.archiving(retention(None));
    place.tick("sweep-archives").await.unwrap();
    assert_eq!(states(&place).await, [ArchiveState::Done; 2], "without a retention nothing expires");
    let place = place.archiving(retention(Some(10)));
    place.tick("sweep-archives").await.unwrap();
    assert_eq!(states(&place).await, [ArchiveState::Expired, ArchiveState::Done]);
    assert_eq!(place.get("/audit/1").await.body, line);
    let placed = place.post("/audit/holds", r#"{"fromSeq":1,"toSeq":4,"reason":"late"}"#).await;
    assert_eq!(read::<PlacedHold>(&placed).too_late, [SeqRange { start_seq: 3, end_seq: 4 }]);

    for hold in read::<Vec<Hold>>(&place.get("/audit/holds").await) {
        assert_eq!(place.post(&format!("/audit/holds/{}/release", hold.seq), "").await.status, 200);
    }
    place.tick("sweep-archives").await.unwrap();
    assert_eq!(states(&place).await, [ArchiveState::Expired; 2]);
    let archives: Vec<Archive> = read(&place.get("/audit/archives").await);
    assert!(archives.iter().all(|archive| archive.expired_at.as_deref() == Some("2026-12-13T12:00:00.000Z")));
    assert!(!place.object(1, 2, "jsonl.gz").exists() && place.object(1, 2, "manifest.json").exists());
    for (method, path) in [("GET", "/audit/1"), ("POST", "/audit/archives/1/restore"), ("GET", "/audit/export?to=1")] {
        let gone = place.ask(method, path, "").await;
        assert_eq!((gone.status, gone.code().as_str()), (410, "archive-expired"), "{path}");
    }
    assert_eq!(place.get("/audit/archives/1").await.status, 200, "the manifest stays");
    for tiers in ["hot", "all"] {
        let found: Verification = read(&place.get(&format!("/audit/verify?tiers={tiers}")).await);
        assert_eq!((found.status, found.r#break), (VerificationStatus::Intact, None), "{tiers}");
        assert_eq!(found.expired_ranges.len(), 2, "{tiers}");
    }
}
