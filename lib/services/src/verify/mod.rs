//! Verifying the stored chain: every block, every checkpoint, and their copies outside the table.
//! Of what is archived, the hot tier has the headers and the manifests; the rest is read if asked for.

mod archives;
mod place;

pub(crate) use archives::one_batch;
pub use place::Place;

use crate::archive::claims;
use crate::blocks::{ReadError, find_head};
use crate::index::Archived;
use crate::layout::archives::Claim;
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, limit, planted};
use crate::{Context, checkpoints, derive, index};
use archives::{Archives, Next};
use domain::block::{Stored, is_stub};
use domain::json::{Object, Value};
use domain::time::Timestamp;
use domain::verify::{Break, Checked, Chunk, Evidence, Options, Pool, Report, Scratch, Start, Status, Walk};
use ports::{BucketError, KeyRange, Order, TableError};

/// Blocks that one query reads: at most 6 MiB of rows.
const PAGE: usize = 16;
/// Stubs that one query reads.
const STUBS: usize = 256;

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
    /// What is read.
    pub tiers: Tiers,
    /// Where a verification before this one stopped.
    pub from: Option<Place>,
    /// No archive is begun after this.
    pub until: Option<Timestamp>,
}

/// What a verification reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiers {
    /// The table: blocks, stubs, manifests, checkpoints.
    Hot,
    /// Archives, too.
    All,
}

/// What a verification found, and where it stopped if that was not at the end.
pub struct Verification {
    /// What was found.
    pub report: Report,
    /// What was read.
    pub tiers: Tiers,
    /// First event of the hot store.
    pub oldest_hot: Option<u64>,
    /// Last event of the cold store.
    pub highest_archived: Option<u64>,
    /// Where the next one goes on.
    pub stopped: Option<Place>,
}

impl Request {
    /// Everything but the derived rows, on this many threads.
    pub fn with_threads(threads: usize) -> Self {
        let (index, anchors, scratch) = (false, Vec::new(), None);
        Self { threads, index, anchors, scratch, tiers: Tiers::Hot, from: None, until: None }
    }
}

/// Of lines that are in no tier, such as those of a file.
impl From<Report> for Verification {
    fn from(report: Report) -> Self {
        Self { oldest_hot: report.first_seq, report, tiers: Tiers::Hot, highest_archived: None, stopped: None }
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
pub async fn verify(cx: &Context, request: Request, progress: impl FnMut(u64, u64)) -> Result<Report, VerifyError> {
    Ok(verify_tiers(cx, request, progress).await?.report)
}

/// The same, with what is known of the tiers.
///
/// # Errors
/// Only what keeps the chain from being read.
pub async fn verify_tiers(
    cx: &Context,
    request: Request,
    progress: impl FnMut(u64, u64),
) -> Result<Verification, VerifyError> {
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
    let archived = newest_archived(cx).await?;
    let signed_up_to = checkpoints::latest(cx).await.ok().flatten().map_or(0, |s| s.checkpoint.head_seq);
    let from = request.from.as_ref();
    let options = Options {
        ring: cx.ring.clone(),
        start: from.map_or(Start::Genesis, |from| Start::At { seq: from.seq, prev_hash: from.prev_hash }),
        end: None,
        parse_after: signed_up_to,
        all_checkpoints: true,
        repeat_key: cx.ids.nonce(),
        threads: request.threads,
    };
    let mut walk = Walk::new(options.clone(), Some(cx.chain.clone()), request.scratch);
    take_anchors(&mut walk, copies, &request.anchors);
    if let Some(edge) = from.and_then(|from| from.edge.clone()) {
        walk.resume(edge);
    }
    let first_block = from.map_or(1, |from| from.block);
    let archives = match &archived {
        Some(_) => Some(Archives::new(cx, &options, request.tiers == Tiers::All, first_block == 1).await),
        None => None,
    };
    let feed = Feed { cx, after: String::new(), last: last_checkpoint };
    let last_archived = archived.as_ref().map_or(0, |claim| claim.last_block);
    let mut blocks = Blocks {
        cx,
        walk,
        feed,
        pool: Pool::new(&options),
        archives,
        head,
        last_archived,
        oldest_hot: None,
        until: request.until,
        begun: false,
        behind_stubs: false,
        progress,
    };
    let stopped = blocks.go(first_block).await?;
    let Blocks { mut walk, mut feed, oldest_hot, .. } = blocks;
    let highest_archived = archived.map(|claim| claim.range.end);
    if let Some(place) = stopped {
        let last = place.seq - 1;
        walk.missing(format!("stopped behind event {last} to stay within its time; go on with the cursor"));
        let report = walk.stop()?;
        return Ok(Verification { report, tiers: request.tiers, oldest_hot, highest_archived, stopped: Some(place) });
    }
    feed.up_to(&mut walk, u64::MAX).await?;
    if watermark > head.block {
        walk.derived_beyond_the_end();
    }
    for left_seq in crate::guard::unvouched_losses(cx).await? {
        walk.index_mismatch(left_seq + 1);
    }
    if request.index {
        let archived = Archived { last_block: last_archived, read: request.tiers == Tiers::All };
        index::check(cx, head.block, archived, &mut walk).await?;
    }
    Ok(Verification { report: walk.finish()?, tiers: request.tiers, oldest_hot, highest_archived, stopped: None })
}

/// The newest batch of which blocks may be stubs.
async fn newest_archived(cx: &Context) -> Result<Option<Claim>, TableError> {
    let newest = match claims::before(cx, None, 2).await {
        Ok(newest) => newest,
        // The walk finds what is wrong with it.
        Err(TableError::Rejected(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(newest.into_iter().map(|stored| stored.claim).find(|claim| claim.signed.is_some()))
}

/// The walk over the rows of blocks.
struct Blocks<'a, P> {
    cx: &'a Context,
    walk: Walk,
    feed: Feed<'a>,
    pool: Pool,
    archives: Option<Archives<'a>>,
    head: domain::block::Head,
    last_archived: u64,
    oldest_hot: Option<u64>,
    until: Option<Timestamp>,
    /// Whether an archive was begun: every call gets one further at least.
    begun: bool,
    /// Whether the last block joined was a stub of which only the header was looked at.
    behind_stubs: bool,
    progress: P,
}

impl<P: FnMut(u64, u64)> Blocks<'_, P> {
    /// Joins all of them; where it stopped, if its time was over.
    async fn go(&mut self, first_block: u64) -> Result<Option<Place>, VerifyError> {
        let per_partition = rows::blocks_per_partition();
        let mut range = first_block.checked_sub(1).map_or_else(KeyRange::all, |n| KeyRange::after(rows::number(n)));
        for partition in first_block / per_partition..=self.head.block / per_partition {
            let name = rows::block_partition(&self.cx.chain, partition);
            let mut next = partition * per_partition;
            loop {
                // Stubs are small.
                let most = limit(if next < self.last_archived { STUBS } else { PAGE }, 2);
                let page = self.cx.table.query(&name, &range, Order::Ascending, most).await?;
                let full = page.len() == most;
                range = page.last().map_or(range, |row| KeyRange::after(row.key.sort.clone()));
                for row in page {
                    let n = row.key.sort.parse().unwrap_or_default();
                    next = n + 1;
                    if n > self.head.block {
                        continue;
                    }
                    if let Some(place) = self.row(n, row.value).await? {
                        return Ok(Some(place));
                    }
                }
                if !full {
                    break;
                }
            }
            range = KeyRange::all();
        }
        self.drain().await?;
        Ok(None)
    }

    async fn row(&mut self, n: u64, row: Vec<u8>) -> Result<Option<Place>, VerifyError> {
        let stub = match is_stub(&row).then(|| Stored::from_row(&row)) {
            Some(Ok(Stored::Cold(stub))) => stub,
            _ => {
                if self.oldest_hot.is_none() {
                    self.oldest_hot = Stored::from_row(&row).ok().map(|stored| stored.header().first_seq);
                }
                self.submit(Chunk::Block { n, row }).await?;
                return Ok(None);
            }
        };
        // Without a record of any batch, every stub is one too many.
        let Some(archives) = &mut self.archives else {
            self.drain().await?;
            self.walk.archive(Break::of_manifest(stub.archive));
            self.walk.stub(n, &stub.header);
            return Ok(None);
        };
        if archives.begins(&stub) {
            drain(&mut self.pool, &mut self.walk, &mut self.feed, &mut self.progress, self.head.seq).await?;
            if let (Some(until), Some((seq, prev_hash))) = (self.until, self.walk.place())
                && self.begun
                && self.cx.clock.now() >= until
            {
                return Ok(Some(Place { block: n, seq, prev_hash, edge: self.walk.edge().cloned() }));
            }
        }
        self.begun = true;
        match archives.stub(n, &stub, &mut self.walk).await? {
            Next::Run(chunk) => self.submit(chunk).await?,
            Next::Header => {
                self.drain().await?;
                self.feed.up_to(&mut self.walk, stub.header.last_seq()).await?;
                self.walk.stub(n, &stub.header);
                self.behind_stubs = true;
            }
        }
        Ok(None)
    }

    async fn submit(&mut self, chunk: Chunk) -> Result<(), VerifyError> {
        if std::mem::take(&mut self.behind_stubs) {
            // The tree of what was passed over is what the signer of the next checkpoint left.
            let next = self.walk.next_checkpoint().cloned();
            if let Some(checkpoint) = next
                && let Ok(Some((_, edge))) = checkpoints::edge(self.cx, &checkpoint).await
            {
                self.walk.offer(edge);
            }
        }
        if let Some(run) = self.pool.submit(chunk) {
            join(run, &mut self.walk, &mut self.feed, &mut self.progress, self.head.seq).await?;
        }
        Ok(())
    }

    async fn drain(&mut self) -> Result<(), VerifyError> {
        drain(&mut self.pool, &mut self.walk, &mut self.feed, &mut self.progress, self.head.seq).await
    }
}

async fn drain(
    pool: &mut Pool,
    walk: &mut Walk,
    feed: &mut Feed<'_>,
    progress: &mut impl FnMut(u64, u64),
    head: u64,
) -> Result<(), VerifyError> {
    while let Some(run) = pool.receive() {
        join(run, walk, feed, progress, head).await?;
    }
    Ok(())
}

async fn join(
    run: Checked,
    walk: &mut Walk,
    feed: &mut Feed<'_>,
    progress: &mut impl FnMut(u64, u64),
    head: u64,
) -> Result<(), VerifyError> {
    progress(run.greatest_seq(), head);
    feed.up_to(walk, run.greatest_seq()).await?;
    Ok(walk.run(run)?)
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
pub fn report_value(verification: &Verification) -> Value {
    let report = &verification.report;
    let number = |n: u64| Value::integer(n).unwrap_or(Value::Null);
    let maybe = |n: Option<u64>| n.map_or(Value::Null, number);
    let head =
        report.head.map(|(seq, hash)| Value::from(Object::of([("seq", number(seq)), ("hash", hash.to_hex().into())])));
    let range = |r: &domain::archive::Range| {
        Value::from(Object::of([("startSeq", number(r.start)), ("endSeq", number(r.end))]))
    };
    let tiers = match verification.tiers {
        Tiers::Hot => "hot",
        Tiers::All => "all",
    };
    Object::of([
        ("status", report.status().as_str().into()),
        ("ok", (report.status() == Status::Intact).into()),
        ("tiers", tiers.into()),
        ("anchored", report.anchored.into()),
        ("eventsVerified", number(report.events_verified)),
        ("eventsTotal", number(report.events_total)),
        ("eventsArchived", number(report.events_archived)),
        ("archivesVerified", number(report.archives_verified)),
        ("checkpointsVerified", number(report.checkpoints_verified)),
        ("head", head.unwrap_or(Value::Null)),
        ("unsignedTail", number(report.unsigned_tail)),
        ("oldestHotSeq", maybe(verification.oldest_hot)),
        ("highestArchivedSeq", maybe(verification.highest_archived)),
        ("expiredRanges", Value::Array(report.expired.iter().map(range).collect())),
        ("missing", Value::Array(report.missing.iter().map(|what| what.as_str().into()).collect())),
        ("break", report.first_break.as_ref().map_or(Value::Null, |found| found.to_value())),
    ])
    .into()
}
