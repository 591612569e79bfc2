//! Verifying the stored chain: every block, every checkpoint, and their copies outside the table.
//! Of what is archived, the hot tier has the headers and the manifests; the rest is read if asked for.

mod answer;
mod archives;
mod blocks;
mod place;

pub use answer::{report_of_nothing, report_value};
pub(crate) use archives::one_batch;
pub use place::Place;

use crate::archive::claims;
use crate::blocks::{ReadError, find_head};
use crate::index::Archived;
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, planted};
use crate::{Context, checkpoints, derive, index};

use blocks::{Blocks, Feed};
use domain::time::Timestamp;
use domain::verify::{Evidence, Options, Pool, Report, Scratch, Start, Walk};
use ports::{BucketError, KeyRange, Order, TableError};

/// How `missing` begins to say that a verification ended early, and that another may go on there.
pub const STOPPED: &str = "stopped behind event";

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
    let archived = claims::newest_signed(cx).await?;
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
    let read = request.tiers == Tiers::All;
    let feed = Feed { cx, after: String::new(), last: last_checkpoint };
    let last_archived = archived.as_ref().map_or(0, |claim| claim.last_block);
    let mut blocks = Blocks {
        cx,
        walk,
        feed,
        pool: Pool::new(&options),
        archives: None,
        options: &options,
        read,
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
        walk.missing(format!("{STOPPED} {last} to stay within its time; go on with the cursor"));
        let report = walk.stop()?;
        return Ok(Verification { report, tiers: request.tiers, oldest_hot, highest_archived, stopped: Some(place) });
    }
    feed.up_to(&mut walk, u64::MAX).await?;
    if watermark > head.block {
        walk.derived_beyond_the_end();
    }
    let (losses, unread) = crate::guard::unvouched_losses(cx).await?;
    losses.into_iter().for_each(|left_seq| walk.index_mismatch(left_seq + 1));
    unread.into_iter().for_each(|what| walk.missing(what));
    if request.index {
        let archived = Archived { last_block: last_archived, read: request.tiers == Tiers::All };
        index::check(cx, head.block, archived, &mut walk).await?;
    }
    Ok(Verification { report: walk.finish()?, tiers: request.tiers, oldest_hot, highest_archived, stopped: None })
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
