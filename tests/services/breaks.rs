//! Tables that lost history: seen, refused, accepted, and still reported.

use super::{append, first_break, report, times_chained};
use domain::checkpoint::Reason;
use domain::verify::BreakKind;
use ports::{Condition, Table};
use services::accept_break::{AcceptError, accept_break};
use services::append::{AppendError, Appended, Appender};
use services::derive::derive;
use services::layout::rows::{self, SCHEMA};
use services::sign::{SignError, sign};
use support::draft;
use support::world::World;

async fn remove_block(world: &World, n: u64) {
    let key = rows::block(&world.cx.chain, n);
    let row = world.table.get(&key).await.unwrap().unwrap();
    world.table.delete(&key, &row.version).await.unwrap();
}

async fn remove_checkpoint(world: &World, n: u64) {
    let key = rows::checkpoint(&world.cx.chain, n);
    let row = world.table.get(&key).await.unwrap().unwrap();
    world.table.delete(&key, &row.version).await.unwrap();
}

async fn signed_world() -> World {
    let world = World::default();
    for (from, to) in [(0, 40), (40, 50), (50, 60)] {
        append(&world.cx, from, to, 10).await;
        sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    }
    derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
    world
}

async fn refusal(world: &World) -> AppendError {
    Appender::new(world.cx.clone()).append(vec![draft(1000)]).await.unwrap_err()
}

#[tokio::test]
async fn the_newest_events_removed() {
    let world = signed_world().await;
    remove_block(&world, 6).await;
    let report = report(&world.cx).await;
    let found = report.first_break.unwrap();
    assert_eq!((found.kind, found.head_seq), (BreakKind::TailTruncated, Some(60)));
    assert_eq!(found.actual.as_deref(), Some("50"));
    assert!(report.anchored);
    let AppendError::Rollback(rollback) = refusal(&world).await else { panic!() };
    assert!(rollback.to_string().contains("derived rows exist up to block 6"), "{rollback}");
}

#[tokio::test]
async fn the_newest_events_and_the_newest_checkpoint_removed() {
    let world = signed_world().await;
    remove_block(&world, 6).await;
    remove_checkpoint(&world, 3).await;
    // Even where the leftovers are wiped, the copy in the bucket speaks.
    let watermark = rows::watermark(&world.cx.chain, SCHEMA);
    world.table.put(&watermark, b"5".to_vec(), Condition::Any).await.unwrap();
    let report = report(&world.cx).await;
    let found = report.first_break.unwrap();
    assert_eq!((found.kind, found.head_seq), (BreakKind::TailTruncated, Some(60)));
    assert_eq!(found.actual.as_deref(), Some("50"));
    let AppendError::Rollback(rollback) = refusal(&world).await else { panic!() };
    assert!(rollback.to_string().contains("checkpoint 3 in the bucket vouches for event 60"), "{rollback}");
    assert!(matches!(sign(&world.cx, Reason::Interval).await, Err(SignError::Rollback(_))));
}

#[tokio::test]
async fn only_the_newest_checkpoint_removed() {
    let world = signed_world().await;
    remove_checkpoint(&world, 3).await;
    assert_eq!(first_break(&world.cx).await, (BreakKind::CheckpointChainMismatch, Some(60)));
}

#[tokio::test]
async fn a_table_restored_from_a_backup() {
    let world = World::default();
    append(&world.cx, 0, 30, 10).await;
    sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    let backup = World { table: world.table.snapshot(), ..World::default() };
    append(&world.cx, 30, 60, 10).await;
    sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    let restored = services::Context { table: std::sync::Arc::new(backup.table.clone()), ..world.cx.clone() };
    assert_eq!(first_break(&restored).await, (BreakKind::TailTruncated, Some(60)));
    let error = Appender::new(restored.clone()).append(vec![draft(1000)]).await.unwrap_err();
    assert!(matches!(error, AppendError::Rollback(_)), "{error}");
    assert!(matches!(sign(&restored, Reason::Interval).await, Err(SignError::Rollback(_))));

    let seq = accept_break(&restored, "anna@dezky.example").await.unwrap();
    assert_eq!(seq, 31);
    assert!(matches!(accept_break(&restored, "anna").await, Err(AcceptError::NothingToAccept)));
    // Work goes on, and what was lost can be sent again.
    assert_eq!(append(&restored, 30, 80, 10).await[0], Appended::Chained(32));
    assert_eq!(times_chained(&restored, 80).await, [1; 80]);
    let third = sign(&restored, Reason::Interval).await.unwrap().unwrap();
    assert_eq!((third.n, third.head_seq), (3, 81), "numbers go on behind the lost ones");
    assert_eq!(sign(&restored, Reason::Interval).await.unwrap(), None);
    // The break stays reported.
    let report = report(&restored).await;
    assert!(
        report.breaks.iter().any(|b| b.kind == BreakKind::CheckpointHeadMismatch && b.head_seq == Some(60)),
        "{:?}",
        report.breaks
    );
    let event = services::blocks::get_event(&restored, 31).await.unwrap().unwrap();
    let event = domain::event::Event::from_line(&event).unwrap().draft;
    let metadata = String::from_utf8(event.metadata().canonical()).unwrap();
    assert!(
        metadata.contains(r#""lostHead":{"hash":"#)
            && metadata.contains(r#""seq":60}"#)
            && metadata.contains(r#""seq":30}"#),
        "{metadata}"
    );
}

/// Lost blocks leave markers behind that would swallow the events when they are sent again.
#[tokio::test]
async fn accepting_takes_out_what_would_hide_events() {
    let world = signed_world().await;
    remove_block(&world, 6).await;
    accept_break(&world.cx, "anna").await.unwrap();
    append(&world.cx, 50, 60, 10).await;
    assert_eq!(times_chained(&world.cx, 60).await, [1; 60]);
    let report = report(&world.cx).await;
    assert!(!report.breaks.iter().any(|b| b.kind == BreakKind::IndexMismatch), "{:?}", report.breaks);
}

#[tokio::test]
async fn a_marker_beyond_the_head_stops_the_writer() {
    let world = World::default();
    append(&world.cx, 0, 20, 10).await;
    derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
    let running = Appender::new(world.cx.clone());
    running.append(vec![draft(30)]).await.unwrap();
    derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
    let watermark = rows::watermark(&world.cx.chain, SCHEMA);
    remove_block(&world, 3).await;
    world.table.put(&watermark, b"2".to_vec(), Condition::Any).await.unwrap();
    let error = Appender::new(world.cx.clone()).append(vec![draft(30)]).await.unwrap_err();
    assert!(error.to_string().contains("a marker names block 3"), "{error}");
}

/// The row of a checkpoint that is gone while its copy and its event are there comes back before the
/// next one is signed: another under its number would contradict every copy that was kept.
#[tokio::test]
async fn a_signer_brings_lost_rows_back() {
    let world = signed_world().await;
    remove_checkpoint(&world, 3).await;
    append(&world.cx, 60, 70, 10).await;
    let next = sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    assert_eq!((next.n, next.head_seq), (4, 70));
    let report = report(&world.cx).await;
    assert_eq!((report.checkpoints_verified, report.breaks_total), (4, 0), "{:?}", report.breaks);
}

/// Whoever can write to the table can invent the row that an accepted break leaves, but not the event.
#[tokio::test]
async fn an_acceptance_without_its_event_is_nobodys_word() {
    let world = signed_world().await;
    let lost = services::checkpoints::latest(&world.cx).await.unwrap().unwrap().checkpoint;
    remove_block(&world, 6).await;
    let watermark = rows::watermark(&world.cx.chain, SCHEMA);
    world.table.put(&watermark, b"5".to_vec(), Condition::Any).await.unwrap();
    let key = rows::accepted(&world.cx.chain, lost.head_seq, &lost.head_hash);
    for seq in ["7", "60", "x"] {
        world.table.put(&key, seq.as_bytes().to_vec(), Condition::Any).await.unwrap();
        assert!(matches!(refusal(&world).await, AppendError::Rollback(_)));
    }
}

/// Stopped at any write, accepting goes on where it stopped, and says what it says once.
#[tokio::test]
async fn accepting_survives_a_crash_at_every_write() {
    use ports::faults::{Fate, FaultyTable};
    for fate in [Fate::Lost, Fate::AppliedButUnknown, Fate::Throttled] {
        for at in 0..8 {
            let world = signed_world().await;
            remove_block(&world, 6).await;
            remove_checkpoint(&world, 3).await;
            let plan = std::iter::repeat_n(Fate::Fine, at).chain(std::iter::repeat_n(fate, 8));
            let faulty =
                world.over(std::sync::Arc::new(FaultyTable::new(std::sync::Arc::new(world.table.clone()), plan)));
            let first = accept_break(&faulty, "anna").await;
            let seq = match first {
                Ok(seq) => seq,
                Err(_) => accept_break(&world.cx, "anna").await.unwrap_or(51),
            };
            assert_eq!(seq, 51, "{fate:?} at write {at}");
            append(&world.cx, 50, 70, 10).await;
            assert_eq!(times_chained(&world.cx, 70).await, [1; 70], "{fate:?} at write {at}");
            let accepted = super::lines(&world.cx).await;
            let words = accepted.iter().filter(|l| String::from_utf8_lossy(l).contains("audit.break_accepted")).count();
            assert_eq!(words, 1, "{fate:?} at write {at}");
        }
    }
}

/// Events that no checkpoint covered yet: their loss, too, stays reported after it was accepted.
#[tokio::test]
async fn an_accepted_loss_of_unsigned_events_stays_reported() {
    let world = signed_world().await;
    append(&world.cx, 60, 80, 10).await;
    derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
    remove_block(&world, 8).await;
    assert_eq!(first_break(&world.cx).await, (BreakKind::IndexMismatch, Some(71)));
    assert_eq!(accept_break(&world.cx, "anna").await.unwrap(), 71);
    assert_eq!(first_break(&world.cx).await, (BreakKind::IndexMismatch, Some(71)));
    append(&world.cx, 70, 90, 10).await;
    assert_eq!(times_chained(&world.cx, 90).await, [1; 90]);
    sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    services::index::rebuild(&world.cx).await.unwrap();
    assert_eq!(first_break(&world.cx).await, (BreakKind::IndexMismatch, Some(71)));
}
