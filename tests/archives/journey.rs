//! An archive from its making to the events that are read from it.

use super::{DAY_MILLIS, Place, read};
use api::{Archive, ArchiveRun, ArchiveState, ArchiveWithManifest, Restore, RestoreState};
use domain::hash::Hash;
use handlers::Archiving;

/// The daily run is guarded by three things, which `override` bypasses, and by nothing else.
#[tokio::test]
async fn the_guards_hold_until_they_are_overridden() {
    let run = "/audit/archive/run";
    let place = Place::with(3).await;
    for body in ["", " \n", "{}", r#"{"override":false}"#, r#"{"olderThanDays":0}"#] {
        let answer = place.post(run, body).await;
        let said: ArchiveRun = read(&answer);
        assert_eq!((answer.status, said.ok, said.complete, said.batches.len()), (200, true, None, 0), "{body}");
        assert!(said.skipped.unwrap().contains("ARCHIVE_ENABLED"), "{body}");
    }
    let said: ArchiveRun = read(&place.post(run, r#"{"override":true}"#).await);
    assert_eq!((said.complete, said.batches.len(), said.skipped), (Some(true), 0, None), "nothing is 90 days old");

    let early = Archiving { enabled: true, run_hour_utc: 13, hot_retention_days: 1, ..Archiving::default() };
    let place = place.archiving(early);
    let said: ArchiveRun = read(&place.post(run, r#"{"olderThanDays":0}"#).await);
    assert!(said.skipped.unwrap().contains("ARCHIVE_RUN_HOUR_UTC"));

    let place = place.archiving(Archiving { run_hour_utc: 12, ..early });
    place.clock.advance_millis(DAY_MILLIS);
    place.append(1).await;
    let said: ArchiveRun = read(&place.post(run, "").await);
    assert_eq!((said.complete, said.batches.len()), (Some(true), 1));
    assert_eq!((said.batches[0].start_seq, said.batches[0].end_seq), (1, 3), "the settings say how old");
    let said: ArchiveRun = read(&place.post(run, "").await);
    assert!(said.skipped.unwrap().contains("is done"));
    let said: ArchiveRun = read(&place.post(run, r#"{"override":true}"#).await);
    assert_eq!((said.skipped, said.batches.len()), (None, 0), "a day is the settings' still");
    let said: ArchiveRun = read(&place.archive().await);
    assert_eq!((said.batches[0].start_seq, said.batches[0].end_seq), (4, 5));
}

#[tokio::test]
async fn the_clock_archives_once_a_day() {
    let on = Archiving { enabled: true, run_hour_utc: 3, hot_retention_days: 1, ..Archiving::default() };
    let place = Place::with(4).await.archiving(Archiving { enabled: false, ..on });
    place.clock.advance_millis(DAY_MILLIS);
    place.append(1).await;
    place.tick("archive-events").await.unwrap();
    assert_eq!(read::<Vec<Archive>>(&place.get("/audit/archives").await), []);
    let place = place.archiving(on);
    for _ in 0..2 {
        place.tick("archive-events").await.unwrap();
        let archives: Vec<Archive> = read(&place.get("/audit/archives").await);
        assert_eq!((archives.len(), archives[0].end_seq, &archives[0].by), (1, 4, &None));
    }
}

#[tokio::test]
async fn an_archive_is_listed_and_shown_with_its_manifest() {
    let place = Place::with(5).await;
    let said: ArchiveRun = read(&place.archive().await);
    assert_eq!((said.complete, said.batches.len()), (Some(true), 1));
    let archive = &said.batches[0];
    assert_eq!((archive.start_seq, archive.end_seq, archive.event_count, archive.state), (1, 5, 5, ArchiveState::Done));
    assert_eq!((archive.by.as_deref(), archive.copies), (Some("test|operator"), Some(1)));
    assert_eq!(archive.archived_at, "2026-12-02T12:00:00.000Z");
    assert_eq!(archive.recorded_at, "2026-12-01T12:00:00.000Z");
    let object = std::fs::read(place.object(1, 5, "jsonl.gz")).unwrap();
    assert_eq!(archive.bytes, Some(object.len() as u64));
    assert!(place.cold().join(&archive.jsonl_key).exists() && place.cold().join(&archive.manifest_key).exists());
    assert_eq!((&archive.lock, &archive.last_verified, &archive.restored), (&None, &None, &None));
    assert_eq!(read::<Vec<Archive>>(&place.get("/audit/archives").await), said.batches);

    let one = place.get("/audit/archives/1").await;
    let shown: ArchiveWithManifest = read(&one);
    assert_eq!((one.status, &shown.archive), (200, archive));
    let manifest = std::fs::read(place.object(1, 5, "manifest.json")).unwrap();
    assert_eq!(archive.manifest_sha256.as_deref(), Some(&*Hash::of(&manifest).to_hex()));
    let body = String::from_utf8(one.body).unwrap();
    assert!(body.ends_with(&format!(",\"manifest\":{}}}", String::from_utf8(manifest).unwrap())), "byte for byte");
    for (path, status, code) in [
        ("/audit/archives/2", 404, "not-found"),
        ("/audit/archives/0", 400, "invalid-parameter"),
        ("/audit/archives/x", 400, "invalid-parameter"),
        ("/audit/archives?limit=501", 400, "invalid-parameter"),
        ("/audit/archives?before=0", 400, "invalid-parameter"),
        ("/audit/archives?cursor=x", 400, "unknown-parameter"),
        ("/audit/archives/", 400, "invalid-parameter"),
        ("/audit/archive/run", 405, "method-not-allowed"),
        ("/audit/archive", 400, "invalid-parameter"),
    ] {
        let answer = place.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
}

#[tokio::test]
async fn a_walk_over_pages_sees_every_archive_once() {
    let place = Place::with(2).await;
    for _ in 0..7 {
        place.archive().await;
    }
    let all: Vec<Archive> = read(&place.get("/audit/archives").await);
    assert_eq!(all.len(), 7);
    assert!(all.is_sorted_by(|a, b| a.start_seq == b.end_seq + 1), "newest first, without gaps");
    let (mut path, mut seen) = ("/audit/archives?limit=3".to_owned(), Vec::new());
    loop {
        let page = place.get(&path).await;
        seen.extend(read::<Vec<Archive>>(&page));
        let Some(link) = page.header("link") else { break };
        assert!(link.ends_with("rel=\"next\""), "{link}");
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(seen, all);
    assert_eq!(read::<Vec<Archive>>(&place.get("/audit/archives?before=1").await), []);
}

fn seqs(page: &crate::http::Answered) -> Vec<u64> {
    page.json().as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

/// One event is read from the archive; a list says what it lacks, until the archive is restored.
#[tokio::test]
async fn archived_events_are_found_named_and_restored() {
    let place = Place::with(5).await;
    let before = place.get("/audit/2").await;
    assert_eq!((before.header("dezky-cold"), before.header("link")), (None, None));
    assert_eq!(place.get("/audit?limit=500").await.header("dezky-cold"), None);
    let exported = place.get("/audit/export?to=5").await.body;
    place.archive().await;
    let after = place.get("/audit/2").await;
    assert_eq!((after.status, &after.body), (200, &before.body));
    assert_eq!(after.header("dezky-cold"), Some("1-5"));
    assert_eq!(after.header("link"), Some("</audit/archives/1>; rel=\"archived\""));
    let hot = place.get("/audit/6").await;
    assert_eq!((hot.status, hot.header("dezky-cold"), hot.header("link")), (200, None, None));
    assert_eq!(place.get("/audit/export?to=5").await.body, exported);

    let page = place.get("/audit").await;
    assert_eq!(seqs(&page), [7, 6], "the event that says so, and what was too new");
    let newest: api::Event = read(&place.get("/audit/5").await);
    assert_eq!(page.header("dezky-cold"), Some(&*format!("complete-after=\"{}\"", newest.at)));
    assert_eq!(page.header("link"), Some("</audit/archives/1>; rel=\"archived\""));
    let complete = place.get("/audit?limit=1").await;
    assert_eq!((seqs(&complete), complete.header("dezky-cold")), (vec![7], None), "nothing archived is as new");
    let link = complete.header("link").unwrap();
    assert!(link.ends_with("rel=\"next\"") && !link.contains("archived"), "{link}");

    let restored = place.post("/audit/archives/1/restore", "").await;
    let lease: Restore = read(&restored);
    assert_eq!((restored.status, lease.start_seq, lease.end_seq, lease.state), (202, 1, 5, RestoreState::Ready));
    assert_eq!((lease.by.as_str(), lease.expires_at.as_str()), ("test|operator", "2026-12-09T12:00:00.000Z"));
    let again = place.post("/audit/archives/1/restore", "{}").await;
    assert_eq!((again.status, read::<Restore>(&again)), (200, lease));
    let longer = place.post("/audit/archives/1/restore", r#"{"days":30}"#).await;
    assert_eq!((longer.status, &*read::<Restore>(&longer).expires_at), (200, "2027-01-01T12:00:00.000Z"));
    let shorter = place.post("/audit/archives/1/restore", r#"{"days":1}"#).await;
    assert_eq!((shorter.status, &*read::<Restore>(&shorter).expires_at), (200, "2027-01-01T12:00:00.000Z"));

    let page = place.get("/audit").await;
    let mut all = seqs(&page);
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((page.header("dezky-restored"), page.header("dezky-cold")), (Some("1-5"), None));
    assert_eq!(place.get("/audit?limit=1").await.header("dezky-restored"), None, "none of its events is there");
    let shown: ArchiveWithManifest = read(&place.get("/audit/archives/1").await);
    let shown = shown.archive.restored.unwrap();
    assert_eq!((shown.state, shown.expires_at.as_str()), (RestoreState::Ready, "2027-01-01T12:00:00.000Z"));

    place.clock.advance_millis(30 * DAY_MILLIS);
    place.tick("sweep-archives").await.unwrap();
    let page = place.get("/audit").await;
    assert_eq!((seqs(&page), page.header("dezky-restored")), (vec![7, 6], None));
    let shown: ArchiveWithManifest = read(&place.get("/audit/archives/1").await);
    assert_eq!(shown.archive.restored, None);
}

/// A page in the middle of a walk names the archives of its own time, beside the next page.
#[tokio::test]
async fn next_and_archived_stand_in_one_link() {
    let place = Place::with(3).await;
    place.archive().await;
    // Happened before what is archived, and was chained after it.
    let body = r#"[{"action":"a.b","at":"2026-10-01T00:00:00Z","id":"019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10"},
        {"action":"a.b","at":"2026-10-02T00:00:00Z","id":"019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e11"}]"#;
    let authorization = Some(support::world::bearer(&place.hub.cx, "record:platform-api"));
    let asked = crate::http::Asked {
        method: "POST",
        path: "/audit/events",
        authorization,
        body: body.as_bytes(),
        ..Default::default()
    };
    assert_eq!(crate::http::ask(&place.hub, asked).await.status, 202);
    let appender = services::append::Appender::new(place.hub.cx.clone());
    while services::drain::append_events(&place.hub.cx, &appender).await.unwrap() > 0 {}
    let page = place.get("/audit?limit=3").await;
    assert_eq!(seqs(&page), [5, 4, 7]);
    assert!(page.header("dezky-cold").unwrap().starts_with("complete-after=\""));
    assert_eq!(page.headers.get_all("link").iter().count(), 1);
    let link = page.header("link").unwrap();
    let cursor = page.header("dezky-cursor").unwrap();
    let wanted = format!("</audit?limit=3&cursor={cursor}>; rel=\"next\", </audit/archives/1>; rel=\"archived\"");
    assert_eq!(link, wanted);
}
