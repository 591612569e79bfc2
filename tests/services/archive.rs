//! Old blocks leave the hot store, and nothing else does.

use super::{append, lines};
use domain::archive::{Manifest, Range};
use domain::line::LineView;
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
    // The log's own events stay, or holds would be forgotten with the lines that say so.
    archive_all(cx).await;
    let expiry = expire(cx, &appender, now, None).await.unwrap();
    assert_eq!(expiry.expired.len(), 1);
    assert_eq!(find_event(cx, 71).await.unwrap().unwrap().archive, Some(expiry.expired[0].range));
    assert!(matches!(find_event(cx, 70).await, Err(ReadError::Expired { .. })));
    let holds = hold::list(cx).await.unwrap();
    assert_eq!((holds.len(), holds[0].reason.as_str(), holds[0].released.is_some()), (1, "case 7", true));
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

/// The same bucket, and a table in which nothing is.
fn without_its_table(world: &World) -> Context {
    Context { table: std::sync::Arc::new(adapters_local::MemoryTable::default()), ..world.cx.clone() }
}

#[tokio::test]
async fn a_table_is_made_anew_from_archives() {
    let world = World::default();
    for round in 0..3 {
        append(&world.cx, round * 40, round * 40 + 40, 5).await;
        let cutoff = world.cx.clock.now();
        let request = Archive { cutoff, by: (round == 1).then(|| "anna".to_owned()), until: None };
        archive(&world.cx, &Appender::new(world.cx.clone()), &request).await.unwrap();
    }
    let before = lines(&world.cx).await;
    let old = verified(&world.cx, Tiers::Hot).await;
    let cx = &without_its_table(&world);
    for _ in 0..2 {
        // Once more changes nothing.
        let made = services::archive::rebuild::rebuild(cx, |_, _| ()).await.unwrap();
        assert_eq!((made.archives, Some(made.head_seq)), (3, old.highest_archived));
        assert!(made.vouched_seq > made.head_seq);
    }
    let end = usize::try_from(old.highest_archived.unwrap()).unwrap();
    assert_eq!(lines(cx).await, before[..end]);
    // What was hot only is lost, and that is said.
    let report = verified(cx, Tiers::All).await.report;
    assert!(report.breaks.iter().all(|b| b.kind == domain::verify::BreakKind::TailTruncated), "{:?}", report.breaks);
    assert!(report.missing.iter().any(|m| m.contains("no event names the manifest")), "{:?}", report.missing);
    let refused =
        archive(cx, &Appender::new(cx.clone()), &Archive { cutoff: cx.clock.now(), by: None, until: None }).await;
    assert!(matches!(refused, Err(services::archive::ArchiveError::Rollback(_))), "{refused:?}");
    services::accept_break::accept_break(cx, "anna").await.unwrap();
    let again = append(cx, 0, 120, 10).await;
    let known = again.iter().filter(|a| matches!(a, services::append::Appended::Known(_))).count();
    // Some of the archived events are the log's own.
    let own = before[..end].iter().filter(|line| LineView::of(line).unwrap().source == b"audit").count();
    assert_eq!((known, own), (end - own, 3));
    archive_all(cx).await;
    let report = verified(cx, Tiers::All).await.report;
    assert!(report.missing.is_empty(), "{:?}", report.missing);
    let kinds: Vec<&str> = report.breaks.iter().map(|b| b.kind.as_str()).collect();
    assert!(
        kinds.iter().all(|kind| kind.starts_with("checkpoint-") || *kind == "tail-truncated"),
        "{:?}",
        report.breaks
    );
    services::sign::sign(cx, domain::checkpoint::Reason::Manual).await.unwrap();
}

#[tokio::test]
async fn a_table_is_made_anew_although_some_lines_expired() {
    let (world, before, claim) = archived().await;
    append(&world.cx, 70, 110, 5).await;
    archive_all(&world.cx).await;
    let appender = Appender::new(world.cx.clone());
    let now = world.cx.clock.now();
    let all = services::archive::claims::after(&world.cx, 0, 10).await.unwrap();
    assert_eq!(all.len(), 2);
    // Only the first is old enough: the second was recorded later.
    world.clock.advance_millis(1000);
    append(&world.cx, 110, 130, 5).await;
    archive_all(&world.cx).await;
    let expiry = expire(&world.cx, &appender, now, None).await.unwrap();
    assert_eq!(expiry.expired.len(), 2);
    append(&world.cx, 130, 150, 5).await;
    archive_all(&world.cx).await;
    let cx = &without_its_table(&world);
    let made = services::archive::rebuild::rebuild(cx, |_, _| ()).await.unwrap();
    assert_eq!(made.archives, 4);
    let report = verified(cx, Tiers::All).await.report;
    assert_eq!(report.expired[0], claim.range);
    assert!(report.breaks.iter().all(|b| b.kind == domain::verify::BreakKind::TailTruncated), "{:?}", report.breaks);
    services::accept_break::accept_break(cx, "anna").await.unwrap();
    // The tree of the lines that are gone is known by its tiles: work goes on.
    append(cx, 200, 210, 5).await;
    append(cx, 300, 400, 50).await;
    services::sign::sign(cx, domain::checkpoint::Reason::Manual).await.unwrap();
    assert!(!before.is_empty());
}

#[tokio::test]
async fn behind_stubs_the_tree_is_known_again_from_the_next_checkpoint() {
    let (world, _, _) = archived().await;
    let cx = &world.cx;
    append(cx, 70, 75, 5).await;
    services::sign::sign(cx, domain::checkpoint::Reason::Manual).await.unwrap();
    append(cx, 75, 80, 5).await;
    let last = services::sign::sign(cx, domain::checkpoint::Reason::Manual).await.unwrap().unwrap();
    let intact = intact(cx, Tiers::Hot).await;
    assert_eq!(intact.checkpoints_verified, last.n);
    // A signer that vouches for another tree over the same events is found out without reading archives.
    let mut forged = last.clone();
    forged.root_hash = domain::hash::Hash::of(b"another tree");
    forged.signature = support::world::signing_key().sign(&forged.signed_bytes());
    let key = rows::checkpoint(&cx.chain, last.n);
    let row = cx.table.get(&key).await.unwrap().unwrap();
    cx.table.put(&key, forged.line(), ports::Condition::Unchanged(row.version)).await.unwrap();
    let copy = services::layout::objects::checkpoint(&cx.chain, last.n);
    world.bucket.put(&copy, &forged.line()).await.unwrap();
    let found = verified(cx, Tiers::Hot).await.report.first_break.unwrap();
    assert_eq!((found.kind, found.head_seq), (domain::verify::BreakKind::CheckpointHeadMismatch, Some(last.head_seq)));
}

#[tokio::test]
async fn an_operators_run_takes_everything_and_makes_no_work_for_the_next() {
    let world = World::default();
    let cx = &world.cx;
    append(cx, 0, 43, 50).await;
    let before = lines(cx).await;
    let request = || Archive { cutoff: cx.clock.now(), by: Some("anna".to_owned()), until: None };
    let run = async || archive(cx, &Appender::new(cx.clone()), &request()).await.unwrap();
    // A single block: it is the newest, until the run is said.
    assert_eq!(run().await.batches.iter().map(|claim| claim.range).collect::<Vec<_>>(), [Range { start: 1, end: 43 }]);
    let said = lines(cx).await;
    assert_eq!((said.len(), &said[..43]), (45, &before[..]));
    assert!(String::from_utf8_lossy(&said[43]).contains("\"action\":\"audit.archive_requested\""));
    assert!(String::from_utf8_lossy(&said[43]).contains("\"actorId\":\"anna\""));
    for _ in 0..3 {
        assert_eq!(run().await, Run { batches: Vec::new(), complete: true });
    }
    assert_eq!(lines(cx).await.len(), 45);
    append(cx, 43, 45, 2).await;
    assert_eq!(run().await.batches.iter().map(|claim| claim.range).collect::<Vec<_>>(), [Range { start: 44, end: 47 }]);
    intact(cx, Tiers::All).await;
}
