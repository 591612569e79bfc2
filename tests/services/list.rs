//! Newest first, page by page: nothing skipped, nothing doubled, whatever arrives meanwhile.

use super::append;
use domain::admit::complete_draft;
use domain::event::Draft;
use domain::json::{Limits, parse};
use domain::line::LineView;
use domain::time::Timestamp;
use services::Context;
use services::append::Appender;
use services::derive::derive;
use services::layout::rows::SCHEMA;
use services::list::{ListError, Query, list};
use support::draft;
use support::world::World;

fn query(limit: usize) -> Query {
    Query { limit, before: None, cursor: None, caller: "anna".to_owned() }
}

/// `at` and `seq` of every event, walking all pages; `meanwhile` runs after each.
async fn walk(cx: &Context, mut query: Query, mut meanwhile: impl AsyncFnMut()) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    loop {
        let page = list(cx, &query).await.unwrap();
        assert!(page.lines.len() <= query.limit);
        for line in &page.lines {
            let view = LineView::of(line).unwrap();
            all.push((String::from_utf8(view.at.to_vec()).unwrap(), view.seq));
        }
        meanwhile().await;
        let Some(cursor) = page.cursor else { return all };
        query.cursor = Some(cursor);
    }
}

/// Event `i`, moved to another time.
fn at(i: u64, millis: i64) -> Draft {
    let mut object = parse(&draft(i).canonical(), Limits::FORMAT).unwrap().as_object().unwrap().clone();
    object.insert("at", Timestamp::from_unix_millis(millis).unwrap().to_string().into());
    complete_draft(object).unwrap()
}

/// Times out of order, many the same, some far away, all in one log.
async fn untidy(world: &World, derived_blocks: u64) -> u64 {
    let appender = Appender::new(world.cx.clone());
    let base = support::EPOCH_MILLIS;
    for block in 0..12u64 {
        let events = (0..15u64).map(|k| {
            let i = block * 15 + k;
            let step = i64::try_from(i * 7919 % 101).unwrap();
            let millis = match k {
                0 => base - 86_400_000 * i64::try_from(block).unwrap(),
                1 => -62_135_596_800_000,
                2..6 => base,
                _ => base + step * 900,
            };
            at(i, millis)
        });
        appender.append(events.collect()).await.unwrap();
    }
    derive(&world.cx, SCHEMA, derived_blocks).await.unwrap();
    180
}

async fn expected(cx: &Context) -> Vec<(String, u64)> {
    let mut all: Vec<_> = super::lines(cx)
        .await
        .iter()
        .map(|l| {
            let view = LineView::of(l).unwrap();
            (String::from_utf8(view.at.to_vec()).unwrap(), view.seq)
        })
        .collect();
    all.sort();
    all.reverse();
    all
}

#[tokio::test]
async fn every_page_size_walks_the_same_list() {
    for derived in [0, 5, 12] {
        let world = World::default();
        untidy(&world, derived).await;
        let wanted = expected(&world.cx).await;
        assert_eq!(wanted.len(), 180);
        for limit in [1, 2, 7, 50, 180, 500] {
            assert_eq!(walk(&world.cx, query(limit), async || ()).await, wanted, "limit {limit}, {derived} derived");
        }
    }
}

/// Events that arrive during a walk, late or new, neither hide nor repeat a row.
#[tokio::test]
async fn late_events_do_not_disturb_a_walk() {
    let world = World::default();
    let count = untidy(&world, 6).await;
    let wanted = expected(&world.cx).await;
    let appender = Appender::new(world.cx.clone());
    let mut i = count;
    let seen = walk(&world.cx, query(9), async || {
        i += 1;
        appender.append(vec![at(i, support::EPOCH_MILLIS + i64::try_from(i).unwrap() * 100)]).await.unwrap();
        derive(&world.cx, SCHEMA, 1).await.unwrap();
    })
    .await;
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn before_is_exclusive_and_acknowledged_is_visible() {
    let world = World::default();
    append(&world.cx, 0, 50, 9).await;
    let all = walk(&world.cx, query(10), async || ()).await;
    assert_eq!(all.len(), 50, "nothing is derived yet, and everything is there");
    let before = Timestamp::parse(&all[20].0).unwrap();
    let page = walk(&world.cx, Query { before: Some(before), ..query(500) }, async || ()).await;
    assert_eq!(page, all[21..]);
}

#[tokio::test]
async fn a_cursor_is_for_its_caller_and_its_query() {
    let world = World::default();
    append(&world.cx, 0, 50, 9).await;
    let cursor = list(&world.cx, &query(10)).await.unwrap().cursor;
    assert!(list(&world.cx, &Query { cursor: cursor.clone(), ..query(20) }).await.is_ok());
    let other = Query { cursor: cursor.clone(), caller: "bo".to_owned(), ..query(10) };
    assert!(matches!(list(&world.cx, &other).await, Err(ListError::Cursor(_))));
    let before = Some(Timestamp::parse("2026-11-01T00:00:05Z").unwrap());
    assert!(matches!(list(&world.cx, &Query { cursor, before, ..query(10) }).await, Err(ListError::Cursor(_))));
    assert!(matches!(list(&world.cx, &query(0)).await, Err(ListError::Limit(0))));
    assert!(matches!(list(&world.cx, &query(501)).await, Err(ListError::Limit(501))));
}

/// Pages over blocks of one event each read no more blocks than their budget, say so, and go on: also
/// where more blocks than a budget hold events of one and the same time.
#[tokio::test]
async fn a_walk_that_reads_too_much_stops_and_goes_on() {
    for times in [1, 3, 1_000_000] {
        let world = World::default();
        let appender = Appender::new(world.cx.clone());
        for block in 0..1700u64 {
            let millis = support::EPOCH_MILLIS + i64::try_from(block * 7919 % times).unwrap();
            appender.append(vec![at(block, millis)]).await.unwrap();
        }
        derive(&world.cx, SCHEMA, u64::MAX).await.unwrap();
        let wanted = expected(&world.cx).await;
        for limit in [100, 500] {
            assert_eq!(walk(&world.cx, query(limit), async || ()).await, wanted, "{times} times, limit {limit}");
        }
    }
}
