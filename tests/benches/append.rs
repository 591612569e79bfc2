//! Appending through the service on SQLite beside one event per transaction on the same settings,
//! interleaved: events per second of wall time, best of several rounds. Every commit is synced.
//!
//! `cargo bench -p tests --bench append [-- EVENTS [TASK]]`; 60,000 events and all
//! five tasks by default.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "speed is measured here and nowhere else")]

use cpu_time::ProcessTime;
use domain::event::{Draft, Place};
use domain::hash::Hash;
use domain::time::Timestamp;
use rusqlite::{Connection, params};
use services::append::Appender;
use services::derive::derive;
use services::layout::rows::SCHEMA;
use std::time::{Duration, Instant};
use support::draft;
use support::world::embedded;

const ROUNDS: usize = 4;
const CALLERS: usize = 64;

/// Wall and CPU time.
type Times = (Duration, Duration);

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let events = numbers.first().copied().unwrap_or(60_000);
    let only = numbers.get(1).copied();
    let drafts: Vec<Draft> = (0..events as u64).map(draft).collect();
    let few = &drafts[..events / 20];
    let mut best = [(0.0f64, 0.0f64); 5];
    for _ in 0..ROUNDS {
        let tasks: [(&dyn Fn() -> Times, usize); 5] = [
            (&|| one_by_one(few, false), few.len()),
            (&|| one_by_one(few, true), few.len()),
            (&|| full_blocks(&drafts, false), events),
            (&|| full_blocks(&drafts, true), events),
            (&|| callers(few), few.len()),
        ];
        for (i, (best, (task, count))) in best.iter_mut().zip(tasks).enumerate() {
            if only.is_some_and(|only| only != i) {
                continue;
            }
            let (wall, cpu) = task();
            let rate = count as f64 / wall.as_secs_f64();
            if rate > best.0 {
                *best = (rate, cpu.as_secs_f64() * 1e6 / count as f64);
            }
        }
    }
    let names = [
        "one event per transaction: its line",
        "one event per transaction: its line and a unique key for its id",
        "through the service, blocks of 1,000, acknowledged",
        "through the service, blocks of 1,000, derived rows included",
        "through the service, 64 callers with one event at a time",
    ];
    for (name, (rate, cpu)) in names.iter().zip(best) {
        println!(
            "{rate:>9.0} events/s  {cpu:>6.1} us CPU  {:>5.1} x | {:>5.1} x  {name}",
            rate / best[0].0,
            rate / best[1].0
        );
    }
}

/// The baseline: hash and insert, one synced transaction an event.
fn one_by_one(drafts: &[Draft], with_key: bool) -> Times {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Connection::open(folder.path().join("baseline.db")).expect("a database");
    db.pragma_update(None, "journal_mode", "WAL").expect("a setting");
    db.pragma_update(None, "synchronous", "FULL").expect("a setting");
    db.execute_batch(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, line BLOB NOT NULL);
         CREATE TABLE ids (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;",
    )
    .expect("tables");
    let chain = domain::names::ChainName::new("bench").expect("a name");
    let recorded_at = Timestamp::from_unix_millis(support::EPOCH_MILLIS).expect("a time");
    let mut prev_hash = Hash::ZERO;
    measure(|| {
        for (seq, draft) in (1u64..).zip(drafts) {
            let (line, hash) = draft.seal(&Place { chain: &chain, seq, recorded_at, prev_hash });
            prev_hash = hash;
            db.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
            let mut insert = db.prepare_cached("INSERT INTO events (seq, line) VALUES (?1, ?2)").expect("SQL");
            insert.execute(params![seq.cast_signed(), line]).expect("a row");
            if with_key {
                let mut insert = db.prepare_cached("INSERT INTO ids (id, seq) VALUES (?1, ?2)").expect("SQL");
                let key = draft.identity(&chain).0.to_hex();
                insert.execute(params![key, seq.cast_signed()]).expect("a row");
            }
            db.execute_batch("COMMIT").expect("a commit");
        }
    })
}

fn full_blocks(drafts: &[Draft], derived: bool) -> Times {
    let folder = tempfile::tempdir().expect("a folder");
    let cx = embedded(folder.path());
    let batches: Vec<Vec<Draft>> = drafts.chunks(1000).map(<[Draft]>::to_vec).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let appender = Appender::new(cx.clone());
    measure(|| {
        runtime.block_on(async {
            for batch in batches {
                appender.append(batch).await.expect("appended");
            }
            if derived {
                derive(&cx, SCHEMA, u64::MAX).await.expect("derived");
            }
        });
    })
}

fn callers(drafts: &[Draft]) -> Times {
    let folder = tempfile::tempdir().expect("a folder");
    let appender = Appender::new(embedded(folder.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let share = drafts.len().div_ceil(CALLERS);
    measure(|| {
        runtime.block_on(futures_util::future::join_all(drafts.chunks(share).map(async |own| {
            for draft in own {
                appender.append(vec![draft.clone()]).await.expect("appended");
            }
        })));
    })
}

fn measure(task: impl FnOnce()) -> Times {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    task();
    (wall.elapsed(), cpu.elapsed())
}
