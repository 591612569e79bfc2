//! The use cases on memory ports.

mod append;
mod archive;
mod archive_bad_days;
mod bad_days;
mod breaks;
mod ingest;
mod list;
mod races;
mod record;
mod sign;
mod verify;

use domain::line::LineView;
use domain::verify::{BreakKind, Report, Status};
use services::Context;
use services::append::{Appended, Appender};
use services::verify::{Request, verify};
use support::draft;

/// Appends events `from` to `to` (excluded), `per_block` at a time.
async fn append(cx: &Context, from: u64, to: u64, per_block: u64) -> Vec<Appended> {
    let appender = Appender::new(cx.clone());
    let mut all = Vec::new();
    let mut i = from;
    while i < to {
        let end = to.min(i + per_block);
        all.extend(appender.append((i..end).map(draft).collect()).await.unwrap());
        i = end;
    }
    all
}

/// The stored lines, by a full export.
async fn lines(cx: &Context) -> Vec<Vec<u8>> {
    let mut export = services::export::Export::start(cx, 1, None).await.unwrap();
    let mut all = Vec::new();
    while let Some(some) = export.next().await.unwrap() {
        all.extend(some.split_inclusive(|b| *b == b'\n').map(|l| l[..l.len() - 1].to_vec()));
    }
    all
}

/// How often each of the events 0 to `count` stands in the chain.
async fn times_chained(cx: &Context, count: u64) -> Vec<usize> {
    let lines = lines(cx).await;
    let ids: Vec<Vec<u8>> = lines.iter().map(|l| LineView::of(l).unwrap().id.to_vec()).collect();
    let quoted = |i| format!("\"{}\"", draft(i).id()).into_bytes();
    (0..count).map(|i| ids.iter().filter(|id| **id == quoted(i)).count()).collect()
}

async fn report(cx: &Context) -> Report {
    verify(cx, Request { index: true, ..Request::with_threads(0) }, |_, _| ()).await.unwrap()
}

async fn assert_intact(cx: &Context, events: u64) -> Report {
    let report = report(cx).await;
    assert_eq!(report.status(), Status::Intact, "{:?}", report.breaks);
    assert_eq!((report.events_verified, report.events_total), (events, events));
    report
}

/// The kind and place of the first break.
async fn first_break(cx: &Context) -> (BreakKind, Option<u64>) {
    let found = report(cx).await.first_break.expect("something is broken");
    (found.kind, found.seq.or(found.head_seq))
}
