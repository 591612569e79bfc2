//! Verification of the stored chain, and of its derived rows.

use super::{append, assert_intact, first_break, report};
use domain::checkpoint::Reason;
use domain::verify::{BreakKind, Status};
use ports::{Condition, Table};
use services::derive::derive;
use services::layout::rows::{self, SCHEMA};
use services::sign::sign;
use services::verify::{Request, verify};
use support::world::World;

async fn world() -> World {
    let world = World::default();
    append(&world.cx, 0, 60, 20).await;
    sign(&world.cx, Reason::Interval).await.unwrap();
    append(&world.cx, 60, 100, 20).await;
    derive(&world.cx, SCHEMA, 4).await.unwrap();
    world
}

#[tokio::test]
async fn threads_do_not_change_the_answer() {
    let world = world().await;
    let alone = verify(&world.cx, Request::with_threads(0), |_, _| ()).await.unwrap();
    for threads in [1, 2, 3] {
        assert_eq!(verify(&world.cx, Request::with_threads(threads), |_, _| ()).await.unwrap(), alone);
    }
    let report = assert_intact(&world.cx, 100).await;
    assert_eq!((report.unsigned_tail, report.checkpoints_verified), (40, 1));
}

/// One changed byte anywhere in a block's row shows, and in that block: in the middle and at the end of
/// the chain.
#[tokio::test]
async fn every_byte_of_a_block_counts() {
    let world = world().await;
    for (n, events) in [(2, 21..=41), (5, 81..=101)] {
        let key = rows::block(&world.cx.chain, n);
        let row = world.table.get(&key).await.unwrap().unwrap().value;
        for at in 0..row.len() {
            let mut changed = row.clone();
            changed[at] ^= 0x01;
            world.table.put(&key, changed, Condition::Any).await.unwrap();
            let report = verify(&world.cx, Request::with_threads(0), |_, _| ()).await.unwrap();
            let found = report.first_break.unwrap_or_else(|| panic!("byte {at} of block {n} does not count"));
            assert_eq!(found.block, Some(n), "{found:?}");
            assert!(events.contains(&found.seq.unwrap()), "byte {at}: {found:?}");
        }
        world.table.put(&key, row, Condition::Any).await.unwrap();
    }
}

#[tokio::test]
async fn derived_rows_that_are_gone_wrong_or_invented_are_named_and_rebuilt() {
    let world = world().await;
    let partition = |p| rows::marker_partition(&world.cx.chain, SCHEMA, p);
    let mut markers = Vec::new();
    for p in 0..256 {
        markers.extend(
            world.table.query(&partition(p), &ports::KeyRange::all(), ports::Order::Ascending, 100).await.unwrap(),
        );
    }
    assert_eq!(markers.len(), 80);
    let seq = |row: &ports::Row| -> u64 {
        String::from_utf8(row.value.clone()).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
    };
    let gone = markers.iter().find(|row| seq(row) == 33).unwrap();
    world.table.delete(&gone.key, &gone.version).await.unwrap();
    assert_eq!(first_break(&world.cx).await, (BreakKind::IndexMismatch, Some(33)));
    let invented = ports::Key::new(partition(0), "00".repeat(32));
    world.table.put(&invented, format!("1 7 {}", "0".repeat(64)).into_bytes(), Condition::Any).await.unwrap();
    let entries = rows::entry_partition(&world.cx.chain, SCHEMA);
    let entry =
        world.table.query(&entries, &ports::KeyRange::all(), ports::Order::Ascending, 1).await.unwrap().remove(0);
    world.table.put(&entry.key, b"2026-11-01T00:00:00.000Z 3".to_vec(), Condition::Any).await.unwrap();
    let report = report(&world.cx).await;
    let places: Vec<_> = report.breaks.iter().map(|b| (b.kind, b.seq)).collect();
    assert!(
        places.contains(&(BreakKind::IndexMismatch, Some(33))) && places.contains(&(BreakKind::IndexMismatch, Some(1))),
        "{places:?}"
    );
    assert_eq!(services::index::rebuild(&world.cx).await.unwrap(), 5);
    assert_intact(&world.cx, 100).await;
    assert_eq!(world.table.get(&invented).await.unwrap(), None);
}

/// A rebuild on a table without any derived row, and with a watermark that holds no number.
#[tokio::test]
async fn everything_derived_can_be_made_anew() {
    let world = world().await;
    derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
    let derived = |(key, _): &(ports::Key, Vec<u8>)| {
        ["marker#", "entry#", "derived#"].iter().any(|p| key.partition.starts_with(p))
    };
    let before: Vec<_> = world.table.dump().into_iter().filter(derived).collect();
    for (key, _) in &before {
        let row = world.table.get(key).await.unwrap().unwrap();
        world.table.delete(key, &row.version).await.unwrap();
    }
    let watermark = rows::watermark(&world.cx.chain, SCHEMA);
    world.table.put(&watermark, b"soup".to_vec(), Condition::Any).await.unwrap();
    services::index::rebuild(&world.cx).await.unwrap();
    assert_eq!(world.table.dump().into_iter().filter(derived).collect::<Vec<_>>(), before);
}

#[tokio::test]
async fn an_export_carries_its_companion_and_verifies_alone() {
    use domain::verify::{Options, Start, verify_lines};
    let world = world().await;
    let cx = &world.cx;
    for (from, to, count) in [(1, None, 100), (30, Some(75), 46), (100, Some(100), 1)] {
        let mut export = services::export::Export::start(cx, from, to).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(lines) = export.next().await.unwrap() {
            bytes.extend(lines);
        }
        let companion = export.companion().await.unwrap();
        let companion = companion.as_object().unwrap();
        let number = |name| companion.get(name).unwrap().as_u64().unwrap();
        let hash =
            |name| domain::hash::Hash::from_hex(companion.get(name).unwrap().as_str().unwrap().as_bytes()).unwrap();
        assert_eq!((number("startSeq"), number("eventCount"), number("bytes")), (from, count, bytes.len() as u64));
        assert_eq!(number("endSeq"), from + count - 1);
        assert_eq!(hash("sha256"), domain::hash::Hash::of(&bytes));
        let start = Start::At { seq: from, prev_hash: hash("prevHash") };
        let options = Options {
            ring: cx.ring.clone(),
            start,
            end: None,
            parse_after: 0,
            all_checkpoints: true,
            repeat_key: [0; 16],
            threads: 0,
        };
        let checkpoints = services::checkpoints::lines_after(cx, "").await.unwrap().into_iter().map(|(_, l)| Ok(l));
        let report =
            verify_lines(&bytes[..], checkpoints, &[], Some(cx.chain.clone()), &options, None, |_| ()).unwrap();
        assert_eq!(report.status(), Status::Intact, "{:?}", report.breaks);
        assert_eq!(report.head.unwrap().1, hash("headHash"));
    }
    assert!(services::export::Export::start(cx, 50, Some(101)).await.is_err());
    assert!(services::export::Export::start(cx, 0, None).await.is_err());
}

#[tokio::test]
async fn an_empty_chain_is_intact_and_exports_nothing() {
    let world = World::default();
    let report = assert_intact(&world.cx, 0).await;
    assert_eq!((report.head, report.anchored), (None, false));
    let mut export = services::export::Export::start(&world.cx, 1, None).await.unwrap();
    assert_eq!(export.next().await.unwrap(), None);
    let companion = export.companion().await.unwrap();
    assert_eq!(companion.as_object().unwrap().get("endSeq").unwrap().as_u64(), Some(0));
}

#[tokio::test]
async fn one_event_is_read_by_its_number() {
    let world = world().await;
    for seq in [1, 20, 21, 77, 100] {
        let line = services::blocks::get_event(&world.cx, seq).await.unwrap().unwrap();
        assert_eq!(domain::line::LineView::of(&line).unwrap().seq, seq);
    }
    assert_eq!(services::blocks::get_event(&world.cx, 0).await.unwrap(), None);
    assert_eq!(services::blocks::get_event(&world.cx, 101).await.unwrap(), None);
}

/// A header that promises events over a body without any, under the newest block's key.
#[tokio::test]
async fn an_emptied_block_is_damage() {
    let world = world().await;
    let key = rows::block(&world.cx.chain, 5);
    let mut block = domain::block::Block::from_row(&world.table.get(&key).await.unwrap().unwrap().value).unwrap();
    block.header.members.clear();
    block.body.clear();
    block.header.digest = block.header.computed_digest(&block.body);
    world.table.put(&key, block.to_row(), Condition::Any).await.unwrap();
    let report = report(&world.cx).await;
    let found = report.first_break.unwrap();
    assert_eq!((found.kind, found.seq, found.block), (BreakKind::BlockUnreadable, Some(81), Some(5)));
}

/// A member of nothing but line feeds is cut off where no block would go on.
#[tokio::test]
async fn a_block_of_countless_lines_is_damage_and_costs_little() {
    let world = world().await;
    let key = rows::block(&world.cx.chain, 5);
    let mut block = domain::block::Block::from_row(&world.table.get(&key).await.unwrap().unwrap().value).unwrap();
    block.body = domain::block::gzip::Packer::new().pack(&vec![b'\n'; 4_000_000]);
    block.header.members = vec![domain::block::Member { events: 64, bytes: u32::try_from(block.body.len()).unwrap() }];
    block.header.digest = block.header.computed_digest(&block.body);
    world.table.put(&key, block.to_row(), Condition::Any).await.unwrap();
    let report = report(&world.cx).await;
    assert!(report.events_total < 5000, "{}", report.events_total);
    assert_eq!(report.first_break.unwrap().block, Some(5));
}

/// A row copied under another key leads nobody in circles.
#[tokio::test]
async fn a_block_under_anothers_key_stops_by_name() {
    let world = world().await;
    let fifth = world.table.get(&rows::block(&world.cx.chain, 5)).await.unwrap().unwrap().value;
    world.table.put(&rows::block(&world.cx.chain, 6), fifth, Condition::Absent).await.unwrap();
    let error = services::append::Appender::new(world.cx.clone()).append(vec![support::draft(500)]).await.unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("block: 6"), "{text}");
    assert!(derive(&world.cx, SCHEMA, u64::MAX).await.is_err());
    assert_eq!(report(&world.cx).await.status(), Status::Broken);
}

/// Damage is a finding of the report, also where the derived rows are checked.
#[tokio::test]
async fn the_index_check_reports_damage_instead_of_failing() {
    let world = world().await;
    for (n, at) in [(2, 0), (3, 400)] {
        let key = rows::block(&world.cx.chain, n);
        let mut row = world.table.get(&key).await.unwrap().unwrap().value;
        let end = row.len();
        row[if at == 0 { 0 } else { end - 60 }] ^= 0x20;
        world.table.put(&key, row, Condition::Any).await.unwrap();
    }
    let report = report(&world.cx).await;
    assert_eq!(report.first_break.unwrap().block, Some(2));
    assert!(!report.breaks.iter().any(|b| b.kind == BreakKind::IndexMismatch), "{:?}", report.breaks);
}
