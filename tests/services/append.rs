//! Exactly once, whatever the table does.

use super::{append, assert_intact, times_chained};
use ports::Table;
use ports::faults::{Fate, FaultyTable};
use services::append::{AppendError, Appended, Appender};
use services::derive::{derive, watermark};
use services::layout::rows::SCHEMA;
use std::sync::Arc;
use support::draft;
use support::world::World;

#[tokio::test]
async fn events_get_consecutive_numbers_and_repeats_get_none() {
    let world = World::default();
    let first = append(&world.cx, 0, 150, 40).await;
    assert_eq!(first, (1..=150).map(Appended::Chained).collect::<Vec<_>>());
    let again = append(&world.cx, 100, 160, 7).await;
    let wanted = (101..=150).map(Appended::Known).chain((151..=160).map(Appended::Chained));
    assert_eq!(again, wanted.collect::<Vec<_>>());
    assert_intact(&world.cx, 160).await;
}

#[tokio::test]
async fn a_repeat_within_one_batch_is_one_event() {
    let world = World::default();
    let appender = Appender::new(world.cx.clone());
    let batch = [3, 4, 3, 3, 5].map(draft).to_vec();
    let appended = appender.append(batch).await.unwrap();
    assert_eq!(
        appended,
        [1, 2]
            .map(Appended::Chained)
            .into_iter()
            .chain([Appended::Known(1), Appended::Known(1), Appended::Chained(3)])
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn markers_answer_below_the_watermark_and_memory_above() {
    let world = World::default();
    append(&world.cx, 0, 50, 10).await;
    assert_eq!(derive(&world.cx, SCHEMA, 3).await.unwrap(), 3);
    assert_eq!(watermark(&world.cx, SCHEMA).await.unwrap().0, 3);
    let again = append(&world.cx, 0, 50, 50).await;
    assert_eq!(again, (1..=50).map(Appended::Known).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_writer_derives_before_too_much_is_in_memory() {
    let world = World::default();
    append(&world.cx, 0, 200, 1).await;
    let (watermark, _) = watermark(&world.cx, SCHEMA).await.unwrap();
    assert!(watermark >= 200 - 66, "{watermark}");
    assert_intact(&world.cx, 200).await;
}

#[tokio::test]
async fn another_content_under_one_id_conflicts_and_with_an_external_id_is_known() {
    let world = World::default();
    append(&world.cx, 0, 40, 40).await;
    let changed = |i: u64| {
        let mut object = domain::json::parse(&draft(i).canonical(), domain::json::Limits::FORMAT)
            .unwrap()
            .as_object()
            .unwrap()
            .clone();
        object.insert("resourceName", "changed".into());
        domain::admit::complete_draft(object).unwrap()
    };
    let internal = (0..40).find(|i| draft(*i).external_id().is_none()).unwrap();
    let external = (0..40).find(|i| draft(*i).external_id().is_some()).unwrap();
    let appender = Appender::new(world.cx.clone());
    let appended = appender.append(vec![changed(internal), changed(external)]).await.unwrap();
    assert_eq!(appended, [Appended::Conflicts(internal + 1), Appended::Known(external + 1)]);
}

/// Each way in which a write can go wrong, at each of the first writes, for two writers in turn.
#[tokio::test]
async fn every_outcome_of_every_write_leaves_each_event_once() {
    for fate in [Fate::Throttled, Fate::Lost, Fate::AppliedButUnknown, Fate::AppliedLater] {
        for at in 0..6 {
            for repeats in 1..=3 {
                let world = World::default();
                let plan = std::iter::repeat_n(Fate::Fine, at).chain(std::iter::repeat_n(fate, repeats));
                let faulty = world.over(Arc::new(FaultyTable::new(Arc::new(world.table.clone()), plan)));
                let appenders = [Appender::new(faulty.clone()), Appender::new(faulty)];
                for i in 0..10 {
                    let batch: Vec<_> = (i * 3..i * 3 + 5).map(draft).collect();
                    loop {
                        match appenders[usize::try_from(i % 2).unwrap()].append(batch.clone()).await {
                            Ok(_) => break,
                            Err(AppendError::Table(_)) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                assert_eq!(times_chained(&world.cx, 32).await, [1; 32], "{fate:?} {repeats} times at write {at}");
                assert_intact(&world.cx, 32).await;
            }
        }
    }
}

/// A write that lands only after its writer gave up, and after another took its place.
#[tokio::test]
async fn a_write_that_lands_late_finds_its_slot_taken() {
    let world = World::default();
    let faulty = FaultyTable::new(Arc::new(world.table.clone()), [Fate::AppliedLater; 8]);
    let slow = Appender::new(world.over(Arc::new(faulty)));
    let batch: Vec<_> = (0..5).map(draft).collect();
    // Given up or committed by its own late write: either is an honest answer.
    let first = slow.append(batch.clone()).await;
    append(&world.cx, 0, 8, 8).await;
    let again = slow.append(batch).await.unwrap();
    assert!(first.is_err() || first == Ok((1..=5).map(Appended::Chained).collect()), "{first:?}");
    assert_eq!(again, (1..=5).map(Appended::Known).collect::<Vec<_>>());
    assert_eq!(times_chained(&world.cx, 8).await, [1; 8]);
}

/// Many callers at once share blocks; all are answered, each with its own numbers.
#[tokio::test]
async fn callers_at_once_share_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let cx = support::world::embedded(folder.path());
    let appender = Appender::new(cx.clone());
    let calls = (0..64).map(|i| appender.append(vec![draft(i)]));
    let answers = futures_util::future::join_all(calls).await;
    let mut seqs: Vec<u64> = answers
        .into_iter()
        .map(|answer| match answer.unwrap()[..] {
            [Appended::Chained(seq)] => seq,
            ref other => panic!("{other:?}"),
        })
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=64).collect::<Vec<_>>());
    let head = services::blocks::find_head(&cx, 0).await.unwrap();
    assert!(head.block <= 2, "64 events that wait together are one block: {}", head.block);
}

/// A caller that goes away takes nothing with it, and its events are not lost to the others.
#[tokio::test]
async fn a_dropped_caller_leaves_its_events_to_the_next() {
    let world = World::default();
    let appender = Appender::new(world.cx.clone());
    {
        let dropped = appender.append(vec![draft(0)]);
        let mut dropped = Box::pin(dropped);
        let _ = futures_util::poll!(&mut dropped);
    }
    assert_eq!(appender.append(vec![draft(1), draft(0)]).await.unwrap().len(), 2);
    assert_eq!(times_chained(&world.cx, 2).await, [1, 1]);
}

#[tokio::test]
async fn hostile_events_are_chained_and_the_log_goes_on() {
    let world = World::default();
    let sources = [domain::names::Source::new("platform-api").unwrap()];
    let post = |text: String| {
        let cx = world.cx.clone();
        let sources = sources.clone();
        async move {
            let value = domain::json::parse(text.as_bytes(), domain::json::Limits::BATCH);
            match value {
                Ok(value) => services::record::record(&cx, vec![value], &sources).await.map_err(|e| e.to_string()),
                Err(refusal) => Err(refusal.to_string()),
            }
        }
    };
    let event = |rest: &str| format!(r#"{{"action":"a.b","at":"2026-11-01T00:00:00Z"{rest}}}"#);
    let piece = "\u{1f600}#/\\".repeat(200);
    for (text, taken) in [
        (event(&format!(r#","actorId":"{}""#, "x".repeat(3000))), true),
        (event(r#","tenantSlug":"../../#\n\t%00'; DROP TABLE rows""#), true),
        (event(&format!(r#","externalId":{}"#, serde_json::json!(piece))), true),
        (r#"{"action":"a","at":"0001-01-01T00:00:00Z"}"#.to_owned(), true),
        (r#"{"action":"a","at":"2099-01-01T00:00:00Z"}"#.to_owned(), false),
        (format!(r#"{{"action":"{}","at":"2026-11-01T00:00:00Z"}}"#, ["a"; 500].join(".")), false),
        (event(r#","actorId":"\u0000""#), false),
        (event(&format!(r#","metadata":{{"a":["{}"]}}"#, vec!["y".repeat(8000); 9].join("\",\""))), false),
    ] {
        assert_eq!(post(text.clone()).await.is_ok(), taken, "{}", &text[..80.min(text.len())]);
    }
    let appender = Appender::new(world.cx.clone());
    while services::drain::append_events(&world.cx, &appender).await.unwrap() > 0 {}
    derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
    append(&world.cx, 0, 3, 3).await;
    assert_intact(&world.cx, 7).await;
}

#[tokio::test]
async fn a_damaged_block_stops_the_writer_by_name() {
    let world = World::default();
    append(&world.cx, 0, 20, 10).await;
    let key = services::layout::rows::block(&world.cx.chain, 2);
    let mut row = world.table.get(&key).await.unwrap().unwrap();
    let end = row.value.len();
    row.value[end - 30] ^= 0x55;
    world.table.put(&key, row.value, ports::Condition::Any).await.unwrap();
    let error = Appender::new(world.cx.clone()).append(vec![draft(30)]).await.unwrap_err();
    let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(text.contains("block 2 is damaged; run `verify`"), "{text}");
}

/// A caller that goes away while the table is asked about a repeat leaves everybody's events in place.
#[tokio::test]
async fn a_caller_dropped_in_the_middle_takes_nothing_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let cx = support::world::embedded(folder.path());
    let appender = Appender::new(cx.clone());
    let without_external = (0..50).filter(|i| draft(*i).external_id().is_none()).take(3).collect::<Vec<u64>>();
    appender.append(without_external.iter().map(|i| draft(*i)).collect()).await.unwrap();
    for polls in 1..12 {
        let mut dropped = Box::pin(appender.append(without_external.iter().map(|i| draft(*i)).collect()));
        let other = appender.append(vec![draft(1000 + polls)]);
        for _ in 0..polls {
            if futures_util::poll!(&mut dropped).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(dropped);
        assert!(matches!(other.await.unwrap()[..], [Appended::Chained(_)]));
    }
    assert_intact(&cx, 14).await;
}

/// A running writer forgets only what the markers answer for: the watermark may stop anywhere.
#[tokio::test]
async fn a_running_writer_remembers_what_is_not_derived_yet() {
    let world = World::default();
    let appender = Appender::new(world.cx.clone());
    for block in 0..5 {
        appender.append((block * 10..block * 10 + 10).map(draft).collect()).await.unwrap();
    }
    for _ in 0..5 {
        derive(&world.cx, SCHEMA, 1).await.unwrap();
        appender.append(vec![draft(3)]).await.unwrap();
        let again = appender.append((0..50).map(draft).collect()).await.unwrap();
        assert_eq!(again, (1..=50).map(Appended::Known).collect::<Vec<_>>());
    }
}
