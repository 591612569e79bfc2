//! One whole life of a process on an installation: opened, appended, derived, recorded, pumped, signed,
//! and closed thread by thread, so that the same system calls come from the same threads every time.

use crate::acks::{say, say_numbers};
use crate::{text, worker};
use installation::{Installation, Makes, Settings};
use services::Context;
use services::append::Appender;
use std::ops::Range;
use std::path::Path;

/// The numbers of the events in a life that were appended, batch by batch.
pub const APPENDED: [Range<u64>; 3] = [1000..1005, 1005..1009, 1012..1014];
/// The numbers of those that were recorded.
pub const RECORDED: Range<u64> = 1009..1012;

/// The numbers of the events that an installation holds before: more than a full tile of leaves.
pub const FOUNDED: Range<u64> = 0..300;

/// Opens the installation in this directory, and makes it at first use.
///
/// # Errors
/// Whatever keeps it from being opened.
pub async fn open(data: &Path) -> Result<Installation, String> {
    let settings = Settings::read(Some(data), |_| None).map_err(|e| text(&e))?;
    let mut embedded = installation::open(&settings, Makes::Log).await.map_err(|e| text(&e))?;
    // Blocks are packed and checked on the caller's thread.
    embedded.hub.cx.threads = 0;
    Ok(embedded)
}

/// Lives it. What fails is said, and life goes on, on the same connections.
///
/// # Errors
/// Says how many steps failed.
pub async fn live(data: &Path) -> Result<(), String> {
    let embedded = open(data).await?;
    let cx = embedded.hub.cx.clone();
    drop(embedded);
    let mut failed = 0;
    let mut step = |name: &str, done: Result<(), String>| {
        if let Err(error) = done {
            failed += 1;
            say(&format!("failed {name}: {error}"));
        }
    };
    let appender = Appender::new(cx.clone());
    step("append", append(&appender, APPENDED[0].clone()).await);
    step("derive", worker::derive(&cx).await);
    step("append", append(&appender, APPENDED[1].clone()).await);
    step("record", record(&cx).await);
    step("pump", pump(&cx, &appender).await);
    step("sign", sign(&cx).await);
    step("append", append(&appender, APPENDED[2].clone()).await);
    step("sign", sign(&cx).await);
    drop(appender);
    close(cx);
    if failed == 0 { Ok(()) } else { Err(format!("{failed} steps failed")) }
}

/// Makes an installation with some content, closed.
///
/// # Errors
/// Whatever failed.
pub async fn prepare(data: &Path) -> Result<(), String> {
    let cx = open(data).await?.hub.cx.clone();
    let appender = Appender::new(cx.clone());
    for batch in FOUNDED.collect::<Vec<_>>().chunks(60) {
        worker::append_one(&appender, batch).await?;
        worker::derive(&cx).await?;
        worker::sign_one(&cx).await?;
    }
    drop(appender);
    close(cx);
    Ok(())
}

async fn append(appender: &Appender, events: Range<u64>) -> Result<(), String> {
    worker::append_one(appender, &events.clone().collect::<Vec<_>>()).await?;
    say_numbers("ack", events);
    Ok(())
}

async fn record(cx: &Context) -> Result<(), String> {
    worker::record_one(cx, &RECORDED.collect::<Vec<_>>()).await?;
    say_numbers("queued", RECORDED);
    Ok(())
}

/// Chains what is queued, and derives.
pub(crate) async fn pump(cx: &Context, appender: &Appender) -> Result<(), String> {
    while services::drain::append_events(cx, appender).await.map_err(|e| text(&e))? > 0 {
        worker::derive(cx).await?;
    }
    Ok(())
}

async fn sign(cx: &Context) -> Result<(), String> {
    if let Some(n) = worker::sign_one(cx).await? {
        say_numbers("signed", [n]);
    }
    Ok(())
}

/// Whoever closes a database last copies its log back; which thread that is would be chance.
fn close(cx: Context) {
    let Context { checkpoint_requests, events, dead_letters, table, bucket, cold, .. } = cx;
    let threads = threads();
    drop(checkpoint_requests);
    wait_for(threads - 1);
    drop((events, dead_letters));
    wait_for(threads - 2);
    drop(table);
    wait_for(threads - 3);
    drop((bucket, cold));
    wait_for(threads - 4);
}

fn wait_for(number: usize) {
    while threads() > number {
        // Not by system calls: each of them stops a traced process twice.
        (0..100_000).for_each(|_| std::hint::spin_loop());
        std::thread::yield_now();
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
