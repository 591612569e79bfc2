//! Verification across the tiers.

use super::{Place, read};
use crate::http::{Asked, ask};
use api::{Archive, Verification, VerificationStatus, VerifiedTiers};
use domain::time::Timestamp;
use ports::Clock;
use services::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use support::world::{bearer, hub};

#[tokio::test]
async fn the_hot_tier_is_honest_about_what_it_did_not_read() {
    let place = Place::with(5).await;
    place.archive().await;
    let hot: Verification = read(&place.get("/audit/verify").await);
    assert_eq!((hot.status, hot.tiers, hot.ok), (VerificationStatus::Intact, VerifiedTiers::Hot, true));
    assert_eq!((hot.events_archived, hot.archives_verified), (5, 0));
    assert_eq!((hot.oldest_hot_seq, hot.highest_archived_seq, &*hot.missing), (Some(6), Some(5), &[][..]));
    let all: Verification = read(&place.get("/audit/verify?tiers=all").await);
    assert_eq!((all.status, all.tiers), (VerificationStatus::Intact, VerifiedTiers::All));
    assert_eq!((all.events_archived, all.archives_verified, all.events_verified), (0, 1, 7));

    // Changed where only reading it shows it.
    let object = place.object(1, 5, "jsonl.gz");
    let mut bytes = std::fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    let hot: Verification = read(&place.get("/audit/verify?tiers=hot").await);
    assert_eq!(hot.status, VerificationStatus::Intact);
    let all: Verification = read(&place.get("/audit/verify?tiers=all").await);
    assert_eq!(all.status, VerificationStatus::Broken);
    let found = all.r#break.unwrap();
    assert_eq!((found.kind.as_str(), found.start_seq), ("archive-content-mismatch", Some(1)));

    // The clock finds it, too, and it shows in the list.
    place.tick("verify-archives").await.unwrap();
    let archives: Vec<Archive> = read(&place.get("/audit/archives").await);
    let last = archives[0].last_verified.clone().unwrap();
    assert_eq!(
        (last.status, last.r#break.unwrap().kind.as_str()),
        (VerificationStatus::Broken, "archive-content-mismatch")
    );
    let newest = place.get("/audit?limit=1").await.json();
    assert_eq!(newest[0]["action"], "audit.archive_verification_failed");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_to_be_missing() {
    let place = Place::with(2).await;
    place.archive().await;
    std::fs::rename(place.cold(), place.cold().with_extension("gone")).unwrap();
    let all: Verification = read(&place.get("/audit/verify?tiers=all").await);
    assert_eq!((all.status, all.ok, all.r#break), (VerificationStatus::Incomplete, false, None));
    assert!(all.missing.iter().any(|what| what.contains("the archive of events 1-2")), "{:?}", all.missing);
    let event = place.get("/audit/1").await;
    assert_eq!((event.status, event.code().as_str()), (503, "archive-unavailable"));
    assert_eq!(place.get("/audit/3").await.status, 200, "what is hot is there");
    assert_eq!(place.get("/audit").await.status, 200);
    place.tick("verify-archives").await.unwrap();
    let archives: Vec<Archive> = read(&place.get("/audit/archives").await);
    assert_eq!(archives[0].last_verified.as_ref().unwrap().status, VerificationStatus::Incomplete);
}

/// A clock that is further each time it is read, as if every step took long.
struct Hurried {
    now: Timestamp,
    millis: AtomicI64,
}

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        self.now.plus_millis(self.millis.fetch_add(11_000, Ordering::Relaxed))
    }
}

/// A verification that its time cuts short goes on where it stopped, and comes to its end.
#[tokio::test]
async fn a_verification_goes_on_where_it_stopped() {
    let place = Place::with(2).await;
    for _ in 0..7 {
        place.archive().await;
    }
    let whole: Verification = read(&place.get("/audit/verify?tiers=all").await);
    assert_eq!((whole.status, whole.archives_verified), (VerificationStatus::Intact, 7));
    let authorization = Some(bearer(&place.hub.cx, "read"));
    let clock = Arc::new(Hurried { now: place.hub.cx.clock.now(), millis: AtomicI64::new(0) });
    let hub = hub(&Context { clock, ..place.hub.cx.clone() }, handlers::Ingest::default());
    let get =
        async |path: &str| ask(&hub, Asked { path, authorization: authorization.clone(), ..Asked::default() }).await;
    let (mut path, mut parts, mut sum, mut cursor) = ("/audit/verify?tiers=all".to_owned(), 0, (0, 0), String::new());
    loop {
        let answer = get(&path).await;
        let found: Verification = read(&answer);
        parts += 1;
        sum = (sum.0 + found.archives_verified, sum.1 + found.events_verified);
        let Some(link) = answer.header("link") else {
            assert_eq!((found.status, &*found.missing, found.r#break), (VerificationStatus::Intact, &[][..], None));
            assert_eq!((answer.header("dezky-truncated"), answer.header("dezky-cursor")), (None, None));
            break;
        };
        assert_eq!((found.status, found.r#break), (VerificationStatus::Incomplete, None));
        assert!(found.missing[0].contains("go on with the cursor"), "{:?}", found.missing);
        assert_eq!(answer.header("dezky-truncated"), Some("true"));
        cursor = answer.header("dezky-cursor").unwrap().to_owned();
        assert_eq!(link, format!("</audit/verify?tiers=all&cursor={cursor}>; rel=\"next\""));
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert!(parts > 2, "{parts}");
    assert_eq!(sum, (whole.archives_verified, whole.events_verified), "every part once");
    for query in [
        format!("cursor={cursor}"),
        format!("tiers=hot&cursor={cursor}"),
        format!("tiers=all&cursor={cursor}x"),
        "tiers=all&cursor=x".to_owned(),
        "tiers=all&cursor=".to_owned(),
        "tiers=cold".to_owned(),
    ] {
        let answer = place.get(&format!("/audit/verify?{query}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid-parameter"), "{query}");
    }
}
