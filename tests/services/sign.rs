//! Checkpoints: slots, reasons, copies, tiles, and what a signer refuses.

use super::{append, assert_intact, lines};
use domain::checkpoint::Reason;
use domain::hash::Hash;
use domain::line::LineView;
use domain::merkle::{Edge, leaf};
use ports::faults::{Fate, FaultyTable};
use ports::{Bucket, Condition, Table};
use services::layout::{objects, rows};
use services::sign::{SignError, sign};
use std::sync::Arc;
use support::world::World;

#[tokio::test]
async fn none_is_made_where_the_head_has_not_moved() {
    let world = World::default();
    assert_eq!(sign(&world.cx, Reason::Startup).await.unwrap(), None);
    append(&world.cx, 0, 10, 4).await;
    let first = sign(&world.cx, Reason::Startup).await.unwrap().unwrap();
    assert_eq!((first.n, first.head_seq, first.prev_checkpoint), (1, 10, Hash::ZERO));
    assert_eq!(sign(&world.cx, Reason::Interval).await.unwrap(), None);
    append(&world.cx, 10, 12, 4).await;
    world.clock.advance_millis(-5000);
    let second = sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    assert_eq!((second.n, second.head_seq, second.prev_checkpoint), (2, 12, first.digest()));
    assert_eq!(second.at, first.at, "time never falls");
    let report = assert_intact(&world.cx, 12).await;
    assert_eq!((report.checkpoints_verified, report.unsigned_tail, report.anchored), (2, 0, true));
}

#[tokio::test]
async fn root_edge_and_tiles_are_those_of_the_lines() {
    let world = World::default();
    let mut signed = 0;
    for (from, to) in [(0, 3), (3, 255), (255, 256), (256, 700), (700, 701)] {
        append(&world.cx, from, to, 200).await;
        sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
        signed += 1;
    }
    let mut edge = Edge::default();
    let mut leaves = Vec::new();
    for line in lines(&world.cx).await {
        leaves.push(leaf(&LineView::of(&line).unwrap().hash));
        edge.push(leaves[leaves.len() - 1]);
    }
    let latest = services::checkpoints::latest(&world.cx).await.unwrap().unwrap();
    assert_eq!((latest.checkpoint.n, latest.checkpoint.root_hash), (signed, edge.root()));
    let left = services::checkpoints::edge(&world.cx, &latest.checkpoint).await.unwrap();
    assert_eq!(left.unwrap().1, edge);
    let tile = |path: &str| {
        let key = format!("tiles/{}/{path}", world.cx.chain);
        let bucket = world.bucket.clone();
        async move { bucket.get(&key).await.unwrap() }
    };
    let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|h| h.0).collect::<Vec<u8>>();
    assert_eq!(tile("tile/0/000").await, Some(bytes(&leaves[..256])));
    assert_eq!(tile("tile/0/001").await, Some(bytes(&leaves[256..512])));
    assert_eq!(tile("tile/0/002.p/189").await, Some(bytes(&leaves[512..])));
    assert_eq!(tile("tile/0/000.p/255").await, Some(bytes(&leaves[..255])));
    assert_eq!(tile("tile/1/000.p/2").await.unwrap().len(), 64);
}

#[tokio::test]
async fn lost_copies_tiles_and_edges_are_made_again() {
    let world = World::default();
    append(&world.cx, 0, 300, 100).await;
    sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    let copy = objects::checkpoint(&world.cx.chain, 1);
    let bytes = world.bucket.get(&copy).await.unwrap().unwrap();
    let everything = world.bucket.list("", None, 1000).await.unwrap();
    let mut before = Vec::new();
    for meta in &everything {
        before.push((meta.key.clone(), world.bucket.get(&meta.key).await.unwrap()));
        world.bucket.delete(&meta.key).await.unwrap();
    }
    assert_eq!(sign(&world.cx, Reason::Interval).await.unwrap(), None);
    assert_eq!(world.bucket.get(&copy).await.unwrap().unwrap(), bytes);
    for (key, bytes) in before {
        assert_eq!(world.bucket.get(&key).await.unwrap(), bytes, "{key}");
    }
    // Somebody wipes what the signer left for itself: it reads the chain from the start.
    let first = services::checkpoints::latest(&world.cx).await.unwrap().unwrap().checkpoint;
    let key = rows::edge(&world.cx.chain, 1, &first.head_hash);
    world.table.put(&key, b"3 soup".to_vec(), Condition::Any).await.unwrap();
    append(&world.cx, 300, 310, 100).await;
    let second = sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    assert_eq!(second.head_seq, 310);
    assert_intact(&world.cx, 310).await;
}

#[tokio::test]
async fn every_outcome_of_the_slots_write_leaves_one_checkpoint() {
    for fate in [Fate::Throttled, Fate::Lost, Fate::AppliedButUnknown, Fate::AppliedLater] {
        let world = World::default();
        append(&world.cx, 0, 10, 5).await;
        let faulty = world.over(Arc::new(FaultyTable::new(Arc::new(world.table.clone()), [Fate::Fine, fate])));
        let first = sign(&faulty, Reason::Interval).await;
        if let Err(error) = &first {
            assert!(matches!(fate, Fate::Throttled), "{fate:?}: {error}");
        }
        append(&faulty, 10, 12, 5).await;
        sign(&faulty, Reason::Interval).await.unwrap().unwrap();
        let report = assert_intact(&world.cx, 12).await;
        assert_eq!(report.checkpoints_verified, if first.is_ok() { 2 } else { 1 }, "{fate:?}");
    }
}

/// The signer reads in full: a line that was changed and re-hashed before it was ever signed is not
/// vouched for where it is not what a writer would have written.
#[tokio::test]
async fn a_signer_refuses_what_it_cannot_vouch_for() {
    let world = World::default();
    append(&world.cx, 0, 10, 5).await;
    sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    append(&world.cx, 10, 20, 5).await;
    let key = rows::block(&world.cx.chain, 3);
    let row = world.table.get(&key).await.unwrap().unwrap();
    let mut block = domain::block::Block::from_row(&row.value).unwrap();
    let plain = String::from_utf8(block.lines().unwrap()).unwrap().replacen("tenant-", "tenant~", 1);
    block.body = domain::block::gzip::Packer::new().pack(plain.as_bytes());
    block.header.members[0].bytes = u32::try_from(block.body.len()).unwrap();
    block.header.digest = block.header.computed_digest(&block.body);
    world.table.put(&key, block.to_row(), Condition::Any).await.unwrap();
    let error = sign(&world.cx, Reason::Interval).await.unwrap_err();
    assert!(matches!(error, SignError::DoesNotExtend { n: 1, .. }), "{error}");
}

#[tokio::test]
async fn enough_events_ask_for_a_checkpoint_through_the_queue() {
    let world = World::default();
    append(&world.cx, 0, 99, 33).await;
    assert_eq!(services::drain::sign_requested(&world.cx).await.unwrap(), None);
    append(&world.cx, 99, 150, 10).await;
    let signed = services::drain::sign_requested(&world.cx).await.unwrap().unwrap();
    assert_eq!((signed.reason, signed.head_seq), (Reason::Threshold, 150));
    assert_eq!(services::drain::sign_requested(&world.cx).await.unwrap(), None);
}

/// Whichever byte of a checkpoint's row is changed, it is named; the next signer mends the row from
/// its copy.
#[tokio::test]
async fn every_byte_of_a_checkpoint_counts() {
    let world = World::default();
    append(&world.cx, 0, 20, 10).await;
    sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    let key = rows::checkpoint(&world.cx.chain, 1);
    let row = world.table.get(&key).await.unwrap().unwrap().value;
    for at in 0..row.len() {
        let mut changed = row.clone();
        changed[at] ^= 0x01;
        world.table.put(&key, changed, Condition::Any).await.unwrap();
        let found = super::report(&world.cx).await.first_break.unwrap_or_else(|| panic!("byte {at} does not count"));
        assert_eq!(found.kind, domain::verify::BreakKind::CheckpointSignatureMismatch, "byte {at}");
    }
    // Writers are not stopped by it, and the next signer has a sound one to build on.
    append(&world.cx, 20, 30, 10).await;
    world.table.put(&key, b"soup".to_vec(), Condition::Any).await.unwrap();
    append(&world.cx, 30, 40, 10).await;
    let next = sign(&world.cx, Reason::Interval).await.unwrap().unwrap();
    assert_eq!((next.n, next.head_seq), (2, 40));
    assert_eq!(world.table.get(&key).await.unwrap().unwrap().value, row);
    assert_intact(&world.cx, 40).await;
}

/// A copy is evidence: whatever stands under its name stays there.
#[tokio::test]
async fn a_copy_is_never_written_over() {
    let world = World::default();
    append(&world.cx, 0, 10, 10).await;
    let copy = objects::checkpoint(&world.cx.chain, 1);
    world.bucket.put(&copy, b"somebody's evidence").await.unwrap();
    let error = sign(&world.cx, Reason::Interval).await.unwrap_err();
    assert!(format!("{error:?}").contains("it holds another checkpoint than the table"), "{error:?}");
    assert_eq!(world.bucket.get(&copy).await.unwrap().unwrap(), b"somebody's evidence");
}
