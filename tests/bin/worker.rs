//! One process of a hub on the embedded adapters, for tests that start many and kill them.
//!
//! `worker DATA append|record FROM TO BATCH`, `worker DATA pump|sign`; `CLOCK_SHIFT_MILLIS` moves its
//! clock. Says on stdout what it was acknowledged, one line each.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its parent reads both")]
#![expect(clippy::disallowed_methods, reason = "the one place of this program that reads settings")]

use adapters_local::ShiftedClock;
use domain::json::{Limits, Value, parse};
use domain::names::Source;
use services::Context;
use services::append::Appender;
use std::process::ExitCode;
use std::sync::Arc;
use support::draft;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let shift = std::env::var("CLOCK_SHIFT_MILLIS").ok().and_then(|s| s.parse().ok()).unwrap_or_default();
    let cx = support::world::embedded_at(arguments[0].as_ref(), Arc::new(ShiftedClock(shift)));
    let number = |i: usize| arguments[i].parse::<u64>().expect("a number");
    let done = match arguments[1].as_str() {
        "append" => append(&cx, number(2), number(3), number(4)).await,
        "record" => record(&cx, number(2), number(3), number(4)).await,
        "pump" => pump(&cx).await,
        "sign" => sign(&cx).await,
        other => Err(format!("unknown mode {other}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A range that passes its end goes on from 0: `TO` may be the number of all events plus some.
async fn append(cx: &Context, from: u64, to: u64, batch: u64) -> Result<(), String> {
    let appender = Appender::new(cx.clone());
    for start in (from..to).step_by(usize::try_from(batch).expect("small")) {
        let events: Vec<u64> = (start..to.min(start + batch)).collect();
        appender.append(events.iter().map(|i| draft(*i)).collect()).await.map_err(|e| text(&e))?;
        acknowledged(&events);
    }
    Ok(())
}

async fn record(cx: &Context, from: u64, to: u64, batch: u64) -> Result<(), String> {
    let sources = ["platform-api", "ocis"].map(|s| Source::new(s).expect("a source"));
    for start in (from..to).step_by(usize::try_from(batch).expect("small")) {
        let events: Vec<u64> = (start..to.min(start + batch)).collect();
        let posted = events.iter().map(|i| posted(*i)).collect();
        services::record::record(cx, posted, &sources).await.map_err(|e| text(&e))?;
        acknowledged(&events);
    }
    Ok(())
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

async fn pump(cx: &Context) -> Result<(), String> {
    let appender = Appender::new(cx.clone());
    loop {
        let count = services::drain::append_events(cx, &appender).await.map_err(|e| text(&e))?;
        if count == 0 {
            return Ok(());
        }
        println!("pumped {count}");
        services::derive::derive(cx, services::layout::rows::SCHEMA, 8).await.map_err(|e| text(&e))?;
    }
}

async fn sign(cx: &Context) -> Result<(), String> {
    let signed = services::sign::sign(cx, domain::checkpoint::Reason::Interval).await.map_err(|e| text(&e))?;
    if let Some(checkpoint) = signed {
        println!("signed {}", checkpoint.n);
    }
    Ok(())
}

fn acknowledged(events: &[u64]) {
    let list: Vec<String> = events.iter().map(u64::to_string).collect();
    println!("ack {}", list.join(" "));
}

/// An error with all its causes, on one line.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
