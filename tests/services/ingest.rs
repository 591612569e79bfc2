//! Following a log file: every complete line once, whatever grows, breaks or is repeated.

use super::lines;
use adapters_local::MemoryLog;
use domain::event::Event;
use domain::json::Value;
use ports::faults::{Fate, FaultyTable};
use ports::{KeyRange, LogFile, LogFileError, Order};
use services::Context;
use services::append::Appender;
use services::drain::append_events;
use services::ingest::tail::{TailError, Tailed, tail};
use sources::ocis::ExtraActions;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::world::World;

const LOG: &[u8] = include_bytes!("../../docs/samples/ocis-audit.log");

fn expected() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/ocis/ocis-audit.expected.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Verbs of the core events, in the order of the log.
fn core_verbs() -> Vec<String> {
    let expected = expected();
    let lines = expected["lines"].as_array().unwrap().iter().filter(|l| l["kind"] == "event" && l["tier"] == "core");
    lines.map(|l| l["verb"].as_str().unwrap().to_owned()).collect()
}

async fn once(cx: &Context, log: &dyn LogFile) -> Result<Tailed, TailError> {
    tail(cx, log, &ExtraActions::default()).await
}

/// Chains what is queued; the events of the chain.
async fn chained(cx: &Context) -> Vec<Event> {
    let appender = Appender::new(cx.clone());
    while append_events(cx, &appender).await.unwrap() > 0 {}
    lines(cx).await.iter().map(|line| Event::from_line(line).unwrap()).collect()
}

fn verbs(events: &[Event]) -> Vec<String> {
    events.iter().map(|e| e.draft.action().as_str().to_owned()).collect()
}

/// Every event stands once: no verb is missing, none is doubled, no place of the log repeats.
async fn assert_all_once(cx: &Context, why: &str) {
    let events = chained(cx).await;
    let mut found = verbs(&events);
    let mut wanted = core_verbs();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted, "{why}");
    let places: std::collections::BTreeSet<_> =
        events.iter().map(|e| e.draft.external_id().unwrap().to_owned()).collect();
    assert_eq!(places.len(), events.len(), "{why}");
}

#[tokio::test]
async fn the_sample_log_becomes_exactly_its_core_events_in_order() {
    let world = World::default();
    let log = MemoryLog::default();
    log.append(LOG);
    let tailed = once(&world.cx, &log).await.unwrap();
    assert_eq!((tailed.lines, tailed.events, tailed.more), (67, 43, false));
    let kept =
        BTreeMap::from([("foreign", 1), ("no-action", 1), ("not-an-object", 1), ("not-json", 3), ("unmappable", 1)]);
    assert_eq!(tailed.kept, kept);
    assert_eq!(once(&world.cx, &log).await.unwrap(), Tailed::default(), "nothing is left");
    let events = chained(&world.cx).await;
    assert_eq!(verbs(&events), core_verbs());
    assert!(events.iter().all(|e| e.draft.source().as_str() == "ocis"));
}

#[tokio::test]
async fn what_cannot_be_used_is_kept_with_its_place_reason_and_bytes() {
    let world = World::default();
    let log = MemoryLog::default();
    log.append(LOG);
    log.append(b"not json at all\n");
    once(&world.cx, &log).await.unwrap();
    let rows = world.cx.table.query("kept#test.chain#ocis", &KeyRange::all(), Order::Ascending, 100).await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 8);
    let last = rows.last().unwrap();
    assert!(last.key.sort.ends_with(&format!("-{:020}", LOG.len())), "{}", last.key);
    let row: serde_json::Value = serde_json::from_slice(&last.value).unwrap();
    assert_eq!((row["reason"].as_str(), row["bytes"].as_u64()), (Some("not-json"), Some(16)));
    let key = format!("kept/test.chain/ocis/{}", row["sha256"].as_str().unwrap());
    assert_eq!(world.cx.bucket.get(&key).await.unwrap().unwrap(), b"not json at all\n");
}

/// The log grows by pieces that end anywhere; after each, everything complete is read.
#[tokio::test]
async fn a_log_that_grows_by_any_pieces_is_read_once() {
    for step in [1, 7, 100, 333, 1024, 4999] {
        let world = World::default();
        let log = MemoryLog::default();
        for piece in LOG.chunks(step) {
            log.append(piece);
            once(&world.cx, &log).await.unwrap();
        }
        assert_all_once(&world.cx, &format!("pieces of {step}")).await;
    }
}

/// Each write of a tick meets each fate; the tick after goes on.
#[tokio::test]
async fn a_failure_at_any_write_loses_and_doubles_nothing() {
    for fate in [Fate::Throttled, Fate::Lost, Fate::AppliedButUnknown, Fate::AppliedLater] {
        for at in 0..14 {
            let world = World::default();
            let log = MemoryLog::default();
            let plan = std::iter::repeat_n(Fate::Fine, at).chain([fate]);
            let cx = world.over(Arc::new(FaultyTable::new(world.cx.table.clone(), plan)));
            for piece in LOG.chunks(9000) {
                log.append(piece);
                // Whatever it says, the next tick must make good.
                let _ = once(&cx, &log).await;
            }
            once(&cx, &log).await.unwrap();
            once(&cx, &log).await.unwrap();
            assert_all_once(&world.cx, &format!("{fate:?} at write {at}")).await;
        }
    }
}

/// Two processes that follow the same log, each at its own pace, from the first byte on.
#[tokio::test]
async fn two_readers_of_one_log_double_nothing() {
    let world = World::default();
    let log = MemoryLog::default();
    for piece in LOG.chunks(3001) {
        log.append(piece);
        let (one, two) = tokio::join!(once(&world.cx, &log), once(&world.cx, &log));
        one.unwrap();
        two.unwrap();
    }
    assert_all_once(&world.cx, "two readers").await;
}

#[tokio::test]
async fn a_renamed_log_is_finished_before_the_new_one_is_begun() {
    let world = World::default();
    let log = MemoryLog::default();
    let (first, rest) = LOG.split_at(20_000);
    log.append(first);
    once(&world.cx, &log).await.unwrap();
    // Grown, renamed and begun anew between two ticks, in the middle of a line.
    let (more, rest) = rest.split_at(rest[3000..].iter().position(|b| *b == b'\n').unwrap() + 3001);
    log.append(more);
    log.rename();
    log.append(rest);
    once(&world.cx, &log).await.unwrap();
    assert_all_once(&world.cx, "renamed").await;
}

#[tokio::test]
async fn a_log_that_was_cut_to_nothing_begins_anew() {
    let world = World::default();
    let log = MemoryLog::default();
    let end = LOG[..20_000].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    log.append(&LOG[..end]);
    once(&world.cx, &log).await.unwrap();
    log.truncate();
    log.append(&LOG[end..]);
    once(&world.cx, &log).await.unwrap();
    assert_all_once(&world.cx, "cut").await;
    // The same bytes at the same places once more are other events: the file's life is another.
    let before = chained(&world.cx).await.len();
    log.truncate();
    once(&world.cx, &log).await.unwrap();
    log.append(&LOG[end..]);
    once(&world.cx, &log).await.unwrap();
    assert!(chained(&world.cx).await.len() > before);
}

#[tokio::test]
async fn a_line_is_read_when_it_is_complete_and_a_giant_one_is_kept_aside() {
    let world = World::default();
    let log = MemoryLog::default();
    let line = &LOG[..LOG.iter().position(|b| *b == b'\n').unwrap()];
    log.append(line);
    assert_eq!(once(&world.cx, &log).await.unwrap().lines, 0);
    log.append(b"\n");
    assert_eq!(once(&world.cx, &log).await.unwrap().events, 1);
    for length in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
        log.append(&vec![b'x'; length]);
        assert_eq!(once(&world.cx, &log).await.unwrap().lines, 0, "{length} without an end");
        assert_eq!(once(&world.cx, &log).await.unwrap(), Tailed::default(), "{length}: nothing is read twice");
        log.append(b"\n");
        log.append(line);
        log.append(b"\n");
        let tailed = once(&world.cx, &log).await.unwrap();
        assert_eq!((tailed.lines, tailed.events), (2, 1), "{length}");
        let reason = if length < 1 << 20 { "not-json" } else { "line-too-long" };
        assert_eq!(tailed.kept, BTreeMap::from([(reason, 1)]), "{length}");
    }
    assert_eq!(chained(&world.cx).await.len(), 5);
}

/// A line larger than an event may be is chained without its details, which the bucket has whole.
#[tokio::test]
async fn the_details_of_a_large_line_are_in_the_bucket() {
    let world = World::default();
    let log = MemoryLog::default();
    let path = "x".repeat(100_000);
    let line = format!(
        r#"{{"App":"admin_audit","Action":"file_delete","Time":"2026-05-18T07:31:00Z","Message":"user 'u' trashed file 'f'","Path":"./{path}","FileID":"a$b!c"}}"#
    );
    log.append(line.as_bytes());
    log.append(b"\n");
    once(&world.cx, &log).await.unwrap();
    let events = chained(&world.cx).await;
    let text = |name: &str| events[0].draft.metadata().get(name).cloned();
    assert_eq!(text("truncated"), Some(Value::Bool(true)));
    let sha256 = text("sha256").unwrap();
    let original = world.cx.bucket.get(&format!("originals/test.chain/{}.json", sha256.as_str().unwrap())).await;
    let original = original.unwrap().unwrap();
    assert_eq!(text("bytes").unwrap().as_u64(), Some(original.len() as u64));
    assert!(String::from_utf8(original).unwrap().contains(&path));
}

#[tokio::test]
async fn a_log_that_is_not_there_yet_is_waited_for() {
    let world = World::default();
    let log = MemoryLog::default();
    assert_eq!(once(&world.cx, &log).await.unwrap(), Tailed::default());
    let places = world.cx.table.query("ingest#test.chain", &KeyRange::all(), Order::Ascending, 9).await;
    assert_eq!(places, Ok(Vec::new()));
    log.append(b"");
    assert_eq!(once(&world.cx, &log).await.unwrap(), Tailed::default());
    log.append(LOG);
    assert_eq!(once(&world.cx, &log).await.unwrap().events, 43);
    log.delete();
    assert_eq!(once(&world.cx, &log).await.unwrap(), Tailed::default());
}

/// A log that comes back under another id (another disk, a backup) is the same log; one that starts
/// alike and goes on otherwise is not.
#[tokio::test]
async fn the_same_bytes_under_another_id_are_not_read_again() {
    let world = World::default();
    let log = MemoryLog::default();
    let end = LOG[..20_000].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    log.append(&LOG[..end]);
    once(&world.cx, &log).await.unwrap();
    log.reborn();
    assert_eq!(once(&world.cx, &log).await.unwrap(), Tailed::default());
    log.reborn();
    log.append(&LOG[end..]);
    once(&world.cx, &log).await.unwrap();
    assert_all_once(&world.cx, "reborn").await;
    log.delete();
    log.append(&LOG[..end]);
    log.append(b"\n");
    let tailed = once(&world.cx, &log).await.unwrap();
    assert!(tailed.events > 0, "a new log that starts like the old one");
}

/// Two logs of one kind have a place each, however their readers take turns.
#[tokio::test]
async fn two_logs_do_not_share_a_place() {
    struct Named(&'static str, MemoryLog);
    #[async_trait::async_trait]
    impl LogFile for Named {
        fn name(&self) -> String {
            self.0.to_owned()
        }
        async fn current(&self) -> Result<Option<String>, LogFileError> {
            self.1.current().await
        }
        async fn read(&self, id: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
            self.1.read(id, offset, limit).await
        }
    }
    let world = World::default();
    let logs = [Named("one", MemoryLog::default()), Named("two", MemoryLog::default())];
    logs.iter().for_each(|log| log.1.append(LOG));
    for _ in 0..3 {
        for log in &logs {
            once(&world.cx, log).await.unwrap();
        }
    }
    assert_eq!(chained(&world.cx).await.len(), 2 * 43);
}

/// Nobody who can name spaces can stop the log: what is remembered of them has its bounds.
#[tokio::test]
async fn names_of_spaces_never_outgrow_the_place() {
    let world = World::default();
    let log = MemoryLog::default();
    for i in 0..1500 {
        let name = "\\\"".repeat(250);
        let line = format!(
            r#"{{"App":"admin_audit","Action":"space_created","SpaceID":"s$space-{i}","Name":"{name}","Message":"","Time":""}}"#
        );
        log.append(line.as_bytes());
        log.append(b"\n");
    }
    assert_eq!(once(&world.cx, &log).await.unwrap().events, 1500);
    assert_eq!(once(&world.cx, &log).await.unwrap(), Tailed::default());
}

/// A file that is no audit log at all does not hold a tick for ever: the place is saved on the way.
#[tokio::test]
async fn a_file_full_of_strange_lines_is_dealt_with_in_steps() {
    let world = World::default();
    let log = MemoryLog::default();
    for i in 0..7000 {
        log.append(format!("Nov 25 12:00:00 host program[{i}]: hello\n").as_bytes());
    }
    let first = once(&world.cx, &log).await.unwrap();
    assert!(first.more && first.lines == 6400, "{first:?}");
    let second = once(&world.cx, &log).await.unwrap();
    assert_eq!((second.more, second.kept.get("not-json")), (false, Some(&600)));
}
