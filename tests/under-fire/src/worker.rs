//! One process of a hub on the embedded adapters, for loops that start many and kill them.
//!
//! `worker DATA append|record|pump FROM TO BATCH`, `worker DATA sign|put FROM TO`, `worker DATA life|prepare`,
//! `worker DATA archives WORK`, `worker DATA WORK LINE` (see [`crate::steps`]);
//! `CLOCK_SHIFT_MILLIS` moves its clock. Says on stdout what it was acknowledged, see [`crate::acks`].

use crate::acks::{say, say_numbers};
use crate::steps::work::{self, Work};
use crate::{check, life, text};
use adapters_local::{DirectoryBucket, ShiftedClock};
use domain::checkpoint::Reason;
use domain::json::{Limits, Value, parse};
use domain::names::Source;
use ports::Bucket;
use services::Context;
use services::append::Appender;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use support::draft;

/// Does what these arguments ask for.
pub fn run(arguments: &[String]) -> ExitCode {
    let number = |i: usize| arguments.get(i).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let [data, mode, ..] = arguments else { return ExitCode::from(2) };
    let (data, from, to) = (Path::new(data), number(2), number(3));
    let batch = usize::try_from(number(4)).unwrap_or_default().max(1);
    let batches = || (from..to).step_by(batch).map(|start| (start..to.min(start + batch as u64)).collect::<Vec<_>>());
    let done = crate::block_on(async {
        match mode.as_str() {
            "append" => append(&hub(data), batches()).await,
            "record" => record(&hub(data), batches()).await,
            "pump" => pump(&hub(data), batches()).await,
            "sign" => sign(&hub(data), from, to).await,
            "put" => put(data, from, to).await,
            "life" => life::live(data).await,
            "prepare" => life::prepare(data).await,
            "archives" => match arguments.get(2).and_then(|work| Work::of(work)) {
                Some(work) => work::prepare(data, work).await,
                None => Err("unknown work".to_owned()),
            },
            other => match Work::of(other) {
                Some(work) => work::told(data, work, from).await,
                None => Err(format!("unknown mode {other}")),
            },
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed {mode}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn hub(data: &Path) -> Context {
    #[expect(clippy::disallowed_methods, reason = "the one place of this program that reads settings")]
    let shift = std::env::var("CLOCK_SHIFT_MILLIS");
    let shift = shift.ok().and_then(|text| text.parse().ok()).unwrap_or_default();
    support::world::embedded_at(data, Arc::new(ShiftedClock(shift)))
}

async fn append(cx: &Context, batches: impl Iterator<Item = Vec<u64>>) -> Result<(), String> {
    let appender = Appender::new(cx.clone());
    for events in batches {
        append_one(&appender, &events).await?;
        say_numbers("ack", events);
    }
    Ok(())
}

/// Appends these events in one call.
pub(crate) async fn append_one(appender: &Appender, events: &[u64]) -> Result<(), String> {
    appender.append(events.iter().map(|i| draft(*i)).collect()).await.map(drop).map_err(|e| text(&e))
}

async fn record(cx: &Context, batches: impl Iterator<Item = Vec<u64>>) -> Result<(), String> {
    for events in batches {
        record_one(cx, &events).await?;
        say_numbers("queued", events);
    }
    Ok(())
}

/// Records these events in one call.
pub(crate) async fn record_one(cx: &Context, events: &[u64]) -> Result<(), String> {
    let sources = ["platform-api", "ocis"].map(|s| Source::new(s).expect("a source"));
    let posted = events.iter().map(|i| posted(*i)).collect();
    services::record::record(cx, posted, &sources).await.map(drop).map_err(|e| text(&e))
}

/// As a producer would send it: with the id that is its own.
fn posted(i: u64) -> Value {
    let value = parse(&draft(i).canonical(), Limits::FORMAT).expect("a draft");
    let mut object = value.as_object().expect("an object").clone();
    if draft(i).external_id().is_some() {
        object.remove("id");
    }
    object.into()
}

/// Chains what is queued, its own batches and whatever others left there.
async fn pump(cx: &Context, batches: impl Iterator<Item = Vec<u64>>) -> Result<(), String> {
    let appender = Appender::new(cx.clone());
    for events in batches {
        record_one(cx, &events).await?;
        say_numbers("queued", events);
        loop {
            let count = services::drain::append_events(cx, &appender).await.map_err(|e| text(&e))?;
            if count == 0 {
                break;
            }
            say(&format!("pumped {count}"));
            derive(cx).await?;
        }
    }
    Ok(())
}

/// Writes the derived rows of a few blocks.
pub(crate) async fn derive(cx: &Context) -> Result<(), String> {
    services::derive::derive(cx, services::layout::rows::SCHEMA, 8).await.map(drop).map_err(|e| text(&e))
}

/// An event and a checkpoint over it, again and again.
async fn sign(cx: &Context, from: u64, to: u64) -> Result<(), String> {
    let appender = Appender::new(cx.clone());
    for event in from..to {
        append_one(&appender, &[event]).await?;
        say_numbers("ack", [event]);
        say_numbers("signed", sign_one(cx).await?);
    }
    Ok(())
}

/// Signs what is not signed; says the checkpoint's number.
pub(crate) async fn sign_one(cx: &Context) -> Result<Option<u64>, String> {
    let signed = services::sign::sign(cx, Reason::Interval).await.map_err(|e| text(&e))?;
    Ok(signed.map(|checkpoint| checkpoint.n))
}

/// Objects, each under the hash of its bytes. Goes on after a failure, as any caller of a store may.
async fn put(data: &Path, from: u64, to: u64) -> Result<(), String> {
    let bucket = DirectoryBucket::open(&data.join(check::OBJECTS)).map_err(|e| e.to_string())?;
    let mut failed = 0;
    for i in from..to {
        let (key, bytes) = check::object(i);
        match bucket.put(&key, &bytes).await {
            Ok(()) => say(&format!("put {key}")),
            Err(error) => {
                failed += 1;
                say(&format!("failed put {key}: {error}"));
            }
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} objects were not stored")) }
}
