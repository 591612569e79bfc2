//! What a million events come to on each cloud port, counted on a hub in memory.

use crate::draft;
use crate::world::World;
use domain::event::Draft;
use ports::counting::{Counting, Counts, Tally};
use ports::{Bucket, Queue, Table};
use services::Context;
use services::append::Appender;
use services::cold::Cold;
use services::layout::rows::SCHEMA;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Events per block that are counted.
pub const BLOCKS: [usize; 3] = [1, 64, 1000];

/// A price: per million units, in US dollars. AWS list prices in Frankfurt (eu-central-1) as of November
/// 2026, without tax, free tiers and storage.
struct Price {
    operations: &'static [&'static str],
    what: &'static str,
    per_million: f64,
}

const PRICES: [Price; 5] = [
    Price {
        operations: &["table put", "table put many", "table delete"],
        what: "rows written, per KiB",
        per_million: 0.7625,
    },
    Price {
        operations: &["table get", "table get many", "table query"],
        what: "rows read, per 4 KiB",
        per_million: 0.1525,
    },
    Price {
        operations: &["queue send", "queue receive", "queue delete"],
        what: "queue requests, per 64 KiB",
        per_million: 0.40,
    },
    Price { operations: &["bucket put", "bucket list"], what: "objects written or listed", per_million: 5.40 },
    Price { operations: &["bucket get", "bucket head"], what: "objects read", per_million: 0.43 },
];

/// Tallies of a million events in blocks of one size, scaled from fewer.
pub struct Million(BTreeMap<&'static str, [f64; 4]>);

/// Queues, appends, derives and signs events in blocks of `block`, as the functions do: a batch is queued
/// and drained, then entries are derived and what was asked for is signed.
pub async fn million(block: usize) -> Million {
    let batches = (20_000 / block).clamp(20, 2_000);
    let world = World::default();
    let counts = Counts::default();
    let cx = counted(&world.cx, &counts);
    let appender = Appender::new(cx.clone());
    // What a first start costs is not what an event costs.
    round(&cx, &appender, &drafts(0, block)).await;
    counts.clear();
    for batch in 1..=batches {
        round(&cx, &appender, &drafts(batch, block)).await;
    }
    let events = u32::try_from(batches * block).expect("few events");
    let scaled = |n: u64| f64::from(u32::try_from(n).expect("few")) * 1_000_000.0 / f64::from(events);
    let scale = |t: Tally| [t.requests, t.items, t.bytes, t.units].map(scaled);
    Million(counts.tallies().into_iter().map(|(operation, tally)| (operation, scale(tally))).collect())
}

fn drafts(batch: usize, block: usize) -> Vec<Draft> {
    let first = u64::try_from(batch * block).expect("few events") + 1;
    (first..first + u64::try_from(block).expect("few events")).map(draft).collect()
}

fn counted(cx: &Context, counts: &Counts) -> Context {
    let queue = |queue: &Arc<dyn Queue>| Arc::new(Counting::new(Arc::clone(queue), counts)) as Arc<dyn Queue>;
    Context {
        table: Arc::new(Counting::<dyn Table>::new(Arc::clone(&cx.table), counts)),
        bucket: Arc::new(Counting::<dyn Bucket>::new(Arc::clone(&cx.bucket), counts)),
        cold: Cold::plain(Arc::new(Counting::<dyn Bucket>::new(Arc::clone(&cx.cold.bucket), counts)), "audit"),
        events: queue(&cx.events),
        checkpoint_requests: queue(&cx.checkpoint_requests),
        ..cx.clone()
    }
}

async fn round(cx: &Context, appender: &Appender, drafts: &[Draft]) {
    services::record::queue(cx, drafts).await.expect("queued");
    while services::drain::append_events(cx, appender).await.expect("appended") > 0 {}
    services::derive::derive(cx, SCHEMA, u64::MAX).await.expect("derived");
    services::drain::sign_requested(cx).await.expect("signed");
}

impl Million {
    /// US dollars in all.
    pub fn price(&self) -> f64 {
        PRICES.iter().map(|price| self.units(price.operations) * price.per_million / 1_000_000.0).sum()
    }

    /// US dollars of the same rows where each is an object (`TABLE_URL=s3:`): every row written is a PUT,
    /// every row read a GET, every query a LIST and its rows.
    fn price_as_objects(&self) -> f64 {
        const OBJECTS: [(&str, f64, f64); 6] = [
            ("table put", 0.0, 5.40),
            ("table put many", 0.0, 5.40),
            ("table delete", 0.0, 5.40),
            ("table get", 0.0, 0.43),
            ("table get many", 0.0, 0.43),
            ("table query", 5.40, 0.43),
        ];
        let cost = |(operation, request, item): &(&str, f64, f64)| {
            self.0.get(operation).map_or(0.0, |tally| tally[0] * request + tally[1] * item) / 1_000_000.0
        };
        OBJECTS.iter().map(cost).sum()
    }

    fn units(&self, operations: &[&str]) -> f64 {
        operations.iter().filter_map(|operation| self.0.get(operation)).map(|tally| tally[3]).sum()
    }
}

/// The tables of docs/cost.md.
pub async fn tables() -> String {
    let mut millions = Vec::new();
    for block in BLOCKS {
        millions.push(million(block).await);
    }
    let mut text = String::from(
        "| per million events | requests, 1 a block | 64 | 1,000 | MB, 1 a block | 64 | 1,000 |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut operations: Vec<&str> = millions.iter().flat_map(|m| m.0.keys().copied()).collect();
    operations.sort_unstable();
    operations.dedup();
    for operation in operations {
        let _ = write!(text, "| {operation} ");
        let cell = |m: &Million, at: usize| m.0.get(operation).map_or(0.0, |tally| tally[at]);
        for million in &millions {
            let _ = write!(text, "| {} ", thousands(cell(million, 0)));
        }
        for million in &millions {
            let _ = write!(text, "| {} ", thousands(cell(million, 2) / 1_000_000.0));
        }
        text += "|\n";
    }
    text += "\n| billed | US dollars per million | 1 a block | 64 | 1,000 |\n| --- | --- | --- | --- | --- |\n";
    for price in &PRICES {
        let _ = write!(text, "| {} | {} ", price.what, price.per_million);
        for million in &millions {
            let _ = write!(text, "| {:.2} ", million.units(price.operations) * price.per_million / 1_000_000.0);
        }
        text += "|\n";
    }
    let _ = write!(text, "| the rows as objects instead, `TABLE_URL=s3:` | ");
    for million in &millions {
        let _ = write!(text, "| {:.2} ", million.price_as_objects());
    }
    text += "|\n";
    let _ = write!(text, "| **all, rows in DynamoDB** | ");
    for million in &millions {
        let _ = write!(text, "| **{:.2}** ", million.price());
    }
    text + "|\n"
}

/// Whole numbers with commas.
fn thousands(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
