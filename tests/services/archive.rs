//! Old blocks leave the hot store, and nothing else does.

use super::{append, lines};
use domain::archive::{Manifest, Range};
use domain::time::Timestamp;
use domain::verify::{Report, Status};
use ports::{Bucket as _, KeyRange, Order};
use services::Context;
use services::append::Appender;
use services::archive::expire::expire;
use services::archive::{Request as Archive, Run, archive};
use services::blocks::{ReadError, find_event, get_stored};
use services::layout::archives::{Claim, State};
use services::layout::rows;
use services::verify::{Request, Tiers, Verification, verify_tiers};
use services::{hold, restore};
use support::world::World;

/// Everything that is old enough for `now`.
async fn archive_all(cx: &Context) -> Run {
    let request = Archive { cutoff: cx.clock.now(), by: None, until: None };
    archive(cx, &Appender::new(cx.clone()), &request).await.unwrap()
}

async fn verified(cx: &Context, tiers: Tiers) -> Verification {
    let request = Request { index: true, tiers, ..Request::with_threads(0) };
    verify_tiers(cx, request, |_, _| ()).await.unwrap()
}

async fn intact(cx: &Context, tiers: Tiers) -> Report {
    let report = verified(cx, tiers).await.report;
    assert_eq!(report.status(), Status::Intact, "{:?} {:?}", report.breaks, report.missing);
    report
}

async fn entries(cx: &Context) -> usize {
    let partition = rows::entry_partition(&cx.chain, rows::SCHEMA);
    cx.table.query(&partition, &KeyRange::all(), Order::Ascending, 10_000).await.unwrap().len()
}

/// Ten blocks of seven events, all archived but the newest block.
async fn archived() -> (World, Vec<Vec<u8>>, Claim) {
    let world = World::default();
    append(&world.cx, 0, 70, 7).await;
    let before = lines(&world.cx).await;
    let run = archive_all(&world.cx).await;
    assert!(run.complete && run.batches.len() == 1, "{run:?}");
    let claim = run.batches[0].clone();
    assert_eq!((claim.range, claim.state), (Range { start: 1, end: 63 }, State::Done));
    (world, before, claim)
}

#[tokio::test]
async fn whole_blocks_leave_and_every_line_is_still_read() {
    let (world, before, claim) = archived().await;
    let cx = &world.cx;
    // The event that names the manifest is one more.
    let after = lines(cx).await;
    assert_eq!(after[..70], before[..]);
    assert_eq!(after.len(), 71);
    let said = String::from_utf8(after[70].clone()).unwrap();
    assert!(said.contains("audit.archived") && said.contains(&claim.signed.as_ref().unwrap().manifest.to_hex()));
    let report = intact(cx, Tiers::All).await;
    assert_eq!((report.events_verified, report.archives_verified, report.events_archived), (71, 1, 0));
    let hot = verified(cx, Tiers::Hot).await;
    assert_eq!(hot.report.status(), Status::Intact);
    assert_eq!((hot.report.events_verified, hot.report.events_archived), (8, 63));
    assert_eq!((hot.oldest_hot, hot.highest_archived), (Some(64), Some(63)));
    for seq in [1, 7, 8, 63] {
        let found = find_event(cx, seq).await.unwrap().unwrap();
        assert_eq!((found.archive, &found.line), (Some(claim.range), &before[usize::try_from(seq).unwrap() - 1]));
    }
    assert_eq!(find_event(cx, 64).await.unwrap().unwrap().archive, None);
}

#[tokio::test]
async fn the_object_is_plain_lines_under_a_signed_manifest() {
    let (world, before, claim) = archived().await;
    let key = |name: String| world.cx.cold.key(&world.cx.chain, &name);
    let object = world.bucket.get(&key(claim.range.object())).await.unwrap().unwrap();
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&object[..]), &mut plain).unwrap();
    let wanted: Vec<u8> = before[..63].iter().flat_map(|line| [&line[..], b"\n"].concat()).collect();
    assert_eq!(plain, wanted);
    let bytes = world.bucket.get(&key(claim.range.manifest())).await.unwrap().unwrap();
    let manifest = Manifest::from_bytes(&bytes).unwrap();
    assert!(manifest.is_signed_by(&world.cx.ring));
    assert_eq!((manifest.event_count(), manifest.blocks.len()), (63, 9));
    for block in &manifest.blocks {
        let (start, end) =
            (usize::try_from(block.offset).unwrap(), usize::try_from(block.offset + block.length).unwrap());
        let mut part = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&object[start..end]), &mut part).unwrap();
        assert_eq!(part.split(|b| *b == b'\n').count() as u64 - 1, block.count);
    }
}

#[tokio::test]
async fn a_second_run_does_nothing_and_later_ones_go_on() {
    let (world, _, _) = archived().await;
    let cx = &world.cx;
    // The block of the event that names the manifest is the newest now, the one before it is due.
    let run = archive_all(cx).await;
    assert_eq!(run.batches.iter().map(|claim| claim.range).collect::<Vec<_>>(), [Range { start: 64, end: 70 }]);
    append(cx, 70, 90, 5).await;
    let run = archive_all(cx).await;
    assert_eq!(run.batches[0].range.start, 71);
    assert_eq!(intact(cx, Tiers::All).await.archives_verified, 3);
    let early = Archive { cutoff: Timestamp::parse("2026-11-01T00:00:00Z").unwrap(), by: None, until: None };
    let run = archive(cx, &Appender::new(cx.clone()), &early).await.unwrap();
    assert!(run.complete && run.batches.is_empty());
}

#[tokio::test]
async fn entries_go_and_markers_stay() {
    let (world, before, _) = archived().await;
    let cx = &world.cx;
    assert!(entries(cx).await <= 3);
    // What is archived is known all the same.
    let again = append(cx, 0, 70, 10).await;
    assert!(again.iter().all(|a| matches!(a, services::append::Appended::Known(_))));
    assert_eq!(lines(cx).await[..70], before[..]);
    services::index::rebuild(cx).await.unwrap();
    assert!(entries(cx).await <= 3);
    intact(cx, Tiers::All).await;
}

#[tokio::test]
async fn a_batch_comes_back_under_a_lease_and_goes_again() {
    let (world, before, claim) = archived().await;
    let cx = &world.cx;
    let query = services::list::Query { limit: 500, before: None, cursor: None, caller: "anna".to_owned() };
    let page = services::list::list(cx, &query).await.unwrap();
    assert_eq!(page.lines.len(), 8);
    assert_eq!(page.cold.as_ref().map(|cold| cold.archives.clone()), Some(vec![claim.range]));
    assert_eq!(page.cold.unwrap().complete_after, claim.signed.unwrap().last_at);
    let restored = restore::restore(cx, 1, None, "anna").await.unwrap();
    assert!(!restored.was_ready && restored.lease.progress == restore::Progress::Ready);
    assert!(restore::restore(cx, 1, None, "bo").await.unwrap().was_ready);
    let page = services::list::list(cx, &query).await.unwrap();
    assert_eq!((page.lines.len(), page.cold, page.restored), (71, None, vec![claim.range]));
    assert!(before.iter().all(|line| page.lines.contains(line)));
    intact(cx, Tiers::All).await;
    world.clock.advance_millis(8 * 86_400_000);
    let page = services::list::list(cx, &query).await.unwrap();
    assert_eq!((page.lines.len(), page.cold.is_some()), (8, true));
    assert_eq!(restore::sweep(cx).await.unwrap(), 1);
    assert_eq!(restore::sweep(cx).await.unwrap(), 0);
    let restored = restore::restore(cx, 1, Some(1), "anna").await.unwrap();
    assert!(!restored.was_ready);
    assert_eq!(services::list::list(cx, &query).await.unwrap().lines.len(), 71);
}

#[tokio::test]
async fn lines_expire_unless_they_are_held() {
    let (world, before, claim) = archived().await;
    let (cx, appender) = (&world.cx, Appender::new(world.cx.clone()));
    let placed = hold::place(cx, &appender, Range { start: 5, end: 6 }, "case 7", "anna").await.unwrap();
    assert!(placed.too_late.is_empty());
    let now = cx.clock.now();
    let expiry = expire(cx, &appender, now, None).await.unwrap();
    assert_eq!((expiry.expired.len(), expiry.held, expiry.complete), (0, vec![claim.range], true));
    assert!(hold::release(cx, &appender, placed.hold.seq, "bo").await.unwrap().released.is_some());
    let expiry = expire(cx, &appender, now, None).await.unwrap();
    assert_eq!((expiry.expired.len(), expiry.held.len()), (1, 0));
    assert!(matches!(find_event(cx, 5).await, Err(ReadError::Expired { .. })));
    assert_eq!(find_event(cx, 64).await.unwrap().unwrap().line, before[63]);
    for tiers in [Tiers::Hot, Tiers::All] {
        assert_eq!(intact(cx, tiers).await.expired, [claim.range]);
    }
    assert!(matches!(
        restore::restore(cx, 1, None, "a").await,
        Err(restore::RestoreError::Read(ReadError::Expired { .. }))
    ));
    let late = hold::place(cx, &appender, Range { start: 1, end: 2 }, "case 8", "anna").await.unwrap();
    assert_eq!(late.too_late, [claim.range]);
    assert!(get_stored(cx, 1).await.unwrap().is_some());
    services::index::rebuild(cx).await.unwrap();
    intact(cx, Tiers::All).await;
}

#[tokio::test]
async fn a_verification_stops_between_archives_and_goes_on() {
    let world = World::default();
    let cx = &world.cx;
    for round in 0..4 {
        append(cx, round * 20, round * 20 + 20, 5).await;
        archive_all(cx).await;
    }
    let whole = intact(cx, Tiers::All).await;
    assert_eq!(whole.archives_verified, 4);
    let (mut from, mut parts, mut events) = (None, 0, 0);
    loop {
        let until = Some(cx.clock.now());
        let request = Request { tiers: Tiers::All, from, until, ..Request::with_threads(0) };
        // Its time is over at once, and still it gets one archive further.
        let found = verify_tiers(cx, request, |_, _| ()).await.unwrap();
        assert!(found.report.breaks.is_empty(), "{:?}", found.report.breaks);
        events += found.report.events_verified;
        parts += 1;
        match found.stopped {
            Some(place) => {
                let text = place.seal(&cx.cursor_key);
                from = Some(services::verify::Place::open(&text, &cx.cursor_key).unwrap());
            }
            None => break,
        }
    }
    assert_eq!((parts, events), (4, whole.events_verified));
}
