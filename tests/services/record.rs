//! From a post to the chain: admission, repeated ids, the queue, rejections, dead letters.

use super::{assert_intact, lines};
use domain::event::Event;
use domain::json::{Limits, Value, parse};
use domain::names::Source;
use services::append::Appender;
use services::drain::append_events;
use services::record::{RecordError, record};
use support::world::World;

fn sources() -> Vec<Source> {
    ["platform-api", "ocis"].map(|s| Source::new(s).unwrap()).to_vec()
}

fn events(text: &str) -> Vec<Value> {
    match parse(text.as_bytes(), Limits::BATCH).unwrap() {
        Value::Array(events) => events,
        one => vec![one],
    }
}

async fn post(world: &World, text: &str) -> Result<Vec<String>, RecordError> {
    Ok(record(&world.cx, events(text), &sources()).await?.iter().map(ToString::to_string).collect())
}

async fn drain(world: &World) {
    let appender = Appender::new(world.cx.clone());
    while append_events(&world.cx, &appender).await.unwrap() > 0 {}
}

const ID: &str = "019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10";

#[tokio::test]
async fn what_is_posted_is_chained_with_the_ids_that_were_answered() {
    let world = World::default();
    let text = r#"[{"action":"a","at":"2026-11-01T00:00:00Z"},{"action":"b","at":"2026-11-01T00:00:00Z","id":"ID"}]"#;
    let ids = post(&world, &text.replace("ID", ID)).await.unwrap();
    assert_eq!(ids[1], ID);
    drain(&world).await;
    let chained: Vec<_> =
        lines(&world.cx).await.iter().map(|l| Event::from_line(l).unwrap().draft.id().to_string()).collect();
    assert_eq!(chained, ids);
}

#[tokio::test]
async fn one_bad_event_refuses_the_array_and_every_bad_one_is_named() {
    let world = World::default();
    let text = r#"[{"action":"a","at":"2026-11-01T00:00:00Z"},{"action":"A","at":"x"},{"at":"2026-11-01T00:00:00Z"}]"#;
    let Err(RecordError::Refused(refused)) = post(&world, text).await else { panic!() };
    let places: Vec<_> = refused.iter().map(|(i, r)| (*i, r.code, r.pointer.as_str())).collect();
    assert_eq!(places, [(1, "invalid-action", "/action"), (2, "missing-member", "/action")]);
    drain(&world).await;
    assert!(lines(&world.cx).await.is_empty());
    assert!(matches!(post(&world, "[]").await, Err(RecordError::Count(0))));
    let many = format!("[{}]", vec![r#"{"action":"a","at":"2026-11-01T00:00:00Z"}"#; 1001].join(","));
    assert!(matches!(post(&world, &many).await, Err(RecordError::Count(1001))));
}

#[tokio::test]
async fn a_thousand_events_travel_in_few_messages() {
    let world = World::default();
    let many = format!(
        "[{}]",
        vec![r#"{"action":"a","at":"2026-11-01T00:00:00Z","metadata":{"x":"yyyyyyyyyyyyyyyyyy"}}"#; 1000].join(",")
    );
    assert_eq!(post(&world, &many).await.unwrap().len(), 1000);
    assert!(world.cx.events.receive(10).await.unwrap().len() <= 3);
    world.clock.advance_millis(60_000);
    drain(&world).await;
    assert_intact(&world.cx, 1000).await;
}

#[tokio::test]
async fn a_repeated_id_is_the_same_event_or_a_conflict() {
    let world = World::default();
    let first = format!(r#"{{"action":"a","at":"2026-11-01T00:00:00Z","id":"{ID}"}}"#);
    let other = format!(r#"{{"action":"b","at":"2026-11-01T00:00:00Z","id":"{ID}"}}"#);
    post(&world, &first).await.unwrap();
    // Not chained yet: both are accepted, and the appender settles it.
    post(&world, &other).await.unwrap();
    drain(&world).await;
    assert_eq!(post(&world, &first).await.unwrap(), [ID]);
    assert!(matches!(post(&world, &other).await, Err(RecordError::Conflict { index: 0, .. })));
    let array = format!("[{first},{other}]");
    assert!(matches!(post(&world, &array).await, Err(RecordError::Conflict { .. })));
    drain(&world).await;
    let lines = lines(&world.cx).await;
    assert_eq!(lines.len(), 2, "the event and the answer to the other");
    let answer = Event::from_line(&lines[1]).unwrap().draft;
    assert_eq!((answer.action().as_str(), answer.source().as_str()), ("audit.event_rejected", "audit"));
    let metadata = String::from_utf8(answer.metadata().canonical()).unwrap();
    assert!(metadata.contains(r#""existingSeq":1"#) && metadata.contains(r#""reason":"id-conflict""#), "{metadata}");
}

/// Whatever lies in the queue is answered in the chain, once, and none of its text stands there.
#[tokio::test]
async fn messages_that_cannot_be_chained_are_answered_once() {
    let world = World::default();
    let good = String::from_utf8(support::draft(1).canonical()).unwrap();
    let bad = good.replace("\"outcome\":\"", "\"outcome\":\"leaked-secret");
    let bodies = [
        "not json, leaked-secret".to_owned(),
        "{\"v\":2,\"events\":[]}".to_owned(),
        format!("{{\"v\":1,\"events\":[{bad},{good}]}}"),
    ];
    for _ in 0..2 {
        world.cx.events.send_batch(&bodies).await.unwrap();
        drain(&world).await;
    }
    let lines = lines(&world.cx).await;
    let actions: Vec<_> =
        lines.iter().map(|l| Event::from_line(l).unwrap().draft.action().as_str().to_owned()).collect();
    assert_eq!(actions.iter().filter(|a| *a == "audit.event_rejected").count(), 3, "{actions:?}");
    assert_eq!(lines.len(), 4);
    assert!(!lines.iter().any(|l| String::from_utf8_lossy(l).contains("leaked-secret")));
    world.clock.advance_millis(600_000);
    assert!(world.cx.events.receive(10).await.unwrap().is_empty(), "poison is acknowledged after its answer is stored");
}

#[tokio::test]
async fn dead_letters_go_back_and_are_chained() {
    let world = World::default();
    post(&world, r#"{"action":"a","at":"2026-11-01T00:00:00Z"}"#).await.unwrap();
    for _ in 0..6 {
        world.cx.events.receive(10).await.unwrap();
        world.clock.advance_millis(60_000);
    }
    assert_eq!(services::redrive::redrive(&world.cx, 100).await.unwrap(), 1);
    drain(&world).await;
    assert_intact(&world.cx, 1).await;
    assert_eq!(services::redrive::redrive(&world.cx, 100).await.unwrap(), 0);
}

/// No producer may speak as the log itself, so that nobody can accept a break by posting.
#[tokio::test]
async fn the_logs_own_words_cannot_be_posted() {
    let world = World::default();
    for text in [
        r#"{"action":"audit.break_accepted","at":"2026-11-01T00:00:00Z"}"#,
        r#"{"action":"x","at":"2026-11-01T00:00:00Z","source":"audit"}"#,
    ] {
        assert!(matches!(post(&world, text).await, Err(RecordError::Refused(_))));
    }
}
