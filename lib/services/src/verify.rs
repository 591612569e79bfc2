//! Verifying the stored chain: every block, every checkpoint, and their copies outside the table.

use crate::blocks::{ReadError, find_head};
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, limit, planted};
use crate::{Context, checkpoints, derive, index};
use domain::json::{Object, Value};
use domain::verify::{Chunk, Evidence, Options, Pool, Report, Scratch, Start, Status, Walk};
use ports::{BucketError, KeyRange, Order, TableError};

/// Blocks that one query reads: at most 6 MiB of rows.
const PAGE: usize = 16;

/// What a caller decides.
pub struct Request {
    /// Threads that check blocks; 0 checks on the caller's.
    pub threads: usize,
    /// Whether to hold the derived rows against the blocks, too.
    pub index: bool,
    /// Checkpoint lines that the caller kept elsewhere.
    pub anchors: Vec<Vec<u8>>,
    /// Room for the repeat check; in memory without one.
    pub scratch: Option<Box<dyn Scratch>>,
}

impl Request {
    /// Everything but the derived rows, on this many threads.
    pub fn with_threads(threads: usize) -> Self {
        Self { threads, index: false, anchors: Vec::new(), scratch: None }
    }
}

/// The chain could not be read to its end. What is wrong with it is never an error.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The table.
    #[error("read the chain")]
    Read(#[from] ReadError),
    /// The scratch.
    #[error("put aside what the repeat check needs")]
    Scratch(#[from] std::io::Error),
}

impl From<TableError> for VerifyError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

/// Verifies the chain as it was when this began. `progress` is told the last `seq` that was joined,
/// and the one to reach.
///
/// # Errors
/// Only what keeps the chain from being read.
pub async fn verify(cx: &Context, request: Request, mut progress: impl FnMut(u64, u64)) -> Result<Report, VerifyError> {
    // Copies first, then checkpoints, then the head: each was made after what it vouches for, so
    // that nothing newer than the head is held against it.
    let early = match planted(Bug::VerifiesHeadFirst) {
        true => find_head(cx, 0).await.ok(),
        false => None,
    };
    let known = checkpoints::latest(cx).await.ok().flatten().map_or(0, |stored| stored.checkpoint.n);
    let copies = checkpoints::copies_from(cx, known).await;
    let last_checkpoint = newest_key(cx).await?;
    let (watermark, _) = derive::watermark(cx, SCHEMA).await.unwrap_or_default();
    let head = match early.map_or(find_head(cx, watermark).await, Ok) {
        Ok(head) => head,
        // The newest block is damaged; the walk says where.
        Err(ReadError::Damaged { block, .. }) => domain::block::Head { block, ..domain::block::Head::EMPTY },
        Err(error) => return Err(error.into()),
    };
    let signed_up_to = checkpoints::latest(cx).await.ok().flatten().map_or(0, |s| s.checkpoint.head_seq);
    let options = Options {
        ring: cx.ring.clone(),
        start: Start::Genesis,
        end: None,
        parse_after: signed_up_to,
        all_checkpoints: true,
        repeat_key: cx.ids.nonce(),
        threads: request.threads,
    };
    let mut walk = Walk::new(options.clone(), Some(cx.chain.clone()), request.scratch);
    take_anchors(&mut walk, copies, &request.anchors);
    let mut feed = Feed { cx, after: String::new(), last: last_checkpoint };
    let mut pool = Pool::new(&options);
    for partition in 0..=head.block / rows::blocks_per_partition() {
        let name = rows::block_partition(&cx.chain, partition);
        let mut range = KeyRange::all();
        loop {
            let page = cx.table.query(&name, &range, Order::Ascending, limit(PAGE, 2)).await?;
            let full = page.len() == limit(PAGE, 2);
            range = page.last().map_or(range, |row| KeyRange::after(row.key.sort.clone()));
            for row in page {
                let n = row.key.sort.parse().unwrap_or_default();
                if n > head.block {
                    continue;
                }
                if let Some(run) = pool.submit(Chunk::Block { n, row: row.value }) {
                    progress(run.greatest_seq(), head.seq);
                    feed.up_to(&mut walk, run.greatest_seq()).await?;
                    walk.run(run)?;
                }
            }
            if !full {
                break;
            }
        }
    }
    while let Some(run) = pool.receive() {
        progress(run.greatest_seq(), head.seq);
        feed.up_to(&mut walk, run.greatest_seq()).await?;
        walk.run(run)?;
    }
    feed.up_to(&mut walk, u64::MAX).await?;
    if watermark > head.block {
        walk.derived_beyond_the_end();
    }
    for left_seq in crate::guard::unvouched_losses(cx).await? {
        walk.index_mismatch(left_seq + 1);
    }
    if request.index {
        index::check(cx, head.block, &mut walk).await?;
    }
    Ok(walk.finish()?)
}

fn take_anchors(walk: &mut Walk, copies: Result<Vec<(u64, Vec<u8>)>, BucketError>, given: &[Vec<u8>]) {
    match copies {
        Ok(copies) => copies.iter().for_each(|(_, line)| walk.checkpoint(line, Evidence::Anchor)),
        Err(error) => walk.missing(format!("the checkpoint copies could not be read: {error}")),
    }
    given.iter().for_each(|line| walk.checkpoint(line, Evidence::Anchor));
}

async fn newest_key(cx: &Context) -> Result<String, TableError> {
    let partition = rows::checkpoint_partition(&cx.chain);
    let rows = cx.table.query(&partition, &KeyRange::all(), Order::Descending, 1).await?;
    Ok(rows.into_iter().next().map(|row| row.key.sort).unwrap_or_default())
}

/// Hands over checkpoints just ahead of the walk, so that memory holds a page of them.
struct Feed<'a> {
    cx: &'a Context,
    /// Key of the last checkpoint that was handed over.
    after: String,
    /// Key of the last that is to be.
    last: String,
}

impl Feed<'_> {
    async fn up_to(&mut self, walk: &mut Walk, seq: u64) -> Result<(), TableError> {
        while !walk.has_checkpoints_beyond(seq) && self.after < self.last {
            let page = checkpoints::lines_after(self.cx, &self.after).await?;
            let Some((newest, _)) = page.last() else { break };
            self.after.clone_from(newest);
            for (_, line) in page.iter().filter(|(key, _)| *key <= self.last) {
                walk.checkpoint(line, Evidence::Chained);
            }
        }
        Ok(())
    }
}

/// The body of GET /audit/verify where the chain could not be read at all.
pub fn report_of_nothing() -> Value {
    Object::of([("status", Status::Incomplete.as_str().into()), ("ok", false.into()), ("break", Value::Null)]).into()
}

/// The body of GET /audit/verify.
pub fn report_value(report: &Report) -> Value {
    let number = |n: u64| Value::integer(n).unwrap_or(Value::Null);
    let head =
        report.head.map(|(seq, hash)| Value::from(Object::of([("seq", number(seq)), ("hash", hash.to_hex().into())])));
    Object::of([
        ("status", report.status().as_str().into()),
        ("ok", (report.status() == Status::Intact).into()),
        ("anchored", report.anchored.into()),
        ("eventsVerified", number(report.events_verified)),
        ("eventsTotal", number(report.events_total)),
        ("checkpointsVerified", number(report.checkpoints_verified)),
        ("head", head.unwrap_or(Value::Null)),
        ("unsignedTail", number(report.unsigned_tail)),
        ("oldestHotSeq", report.first_seq.map_or(Value::Null, number)),
        ("highestArchivedSeq", Value::Null),
        ("expiredRanges", Value::Array(Vec::new())),
        ("break", report.first_break.as_ref().map_or(Value::Null, |found| found.to_value())),
    ])
    .into()
}
