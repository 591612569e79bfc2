//! What is due, and who archives it.

use super::asked::is_of_runs_only;
use super::error::{broken, stuck};
use super::{ArchiveError, Request, claims};
use crate::blocks::{find_head, get_block, get_stored, read_row};
use crate::guard::{self, GuardError};
use crate::layout::archives::{self, Claim, State, Stored};
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, limit, planted};
use crate::{Context, checkpoints, derive, sign};
use domain::archive::{Batch, Range};
use domain::block::{self, Head, Header};
use domain::checkpoint::Reason;
use domain::hash::Hash;
use domain::verify::check_and_keep;
use ports::{Condition, KeyRange, Order, TableError, Version};

/// How far a clock may lie behind what others wrote before nothing is archived by it.
const CLOCK_TOLERANCE_MILLIS: i64 = 5 * 60 * 1000;
/// Blocks that are looked at together.
const AT_ONCE: u64 = 4;
/// Blocks of a batch in runs of the simulator that ask for few.
const LOW_BLOCKS: u64 = 3;
/// The last block that a run may archive, and the head: neither the newest block nor one without derived
/// rows leaves. Told once, or a run would archive the events that it makes itself.
pub(super) async fn last_block(cx: &Context) -> Result<(u64, Head), ArchiveError> {
    let (hint, _) = derive::watermark(cx, SCHEMA).await?;
    let head = find_head(cx, hint).await?;
    let (watermark, _) = derive::watermark(cx, SCHEMA).await?;
    let last = if planted(Bug::ArchivesTheHead) { head.block } else { watermark.min(head.block.saturating_sub(1)) };
    Ok((last, head))
}

/// What one batch is to hold.
pub(super) enum Plan {
    /// Nothing is due.
    Nothing,
    /// Somebody archived more since the newest claim was read.
    Outrun,
    /// These blocks.
    Batch(Box<Planned>),
}

/// Puts together what is due and fits one archive.
pub(super) async fn plan(
    cx: &Context,
    previous: Option<&Claim>,
    request: &Request,
    (last, head): (u64, Head),
) -> Result<Plan, ArchiveError> {
    let (mut n, start, prev_hash) = match previous {
        None => (1, 1, Hash::ZERO),
        Some(claim) => {
            let gone = || stuck(claim.range, format!("its last block {} is gone", claim.last_block));
            let before = get_stored(cx, claim.last_block).await?.ok_or_else(gone)?;
            (claim.last_block + 1, claim.range.end + 1, before.header().head_hash)
        }
    };
    let mut planned = Planned {
        batch: Batch::new(&cx.chain, start, prev_hash),
        rows: Vec::new(),
        checkpoint: None,
        of_runs_only: true,
    };
    let mut covered = None;
    let mut read = read_rows(cx, n, last).await?;
    loop {
        let mut due = Vec::new();
        let room = limit(AT_ONCE, LOW_BLOCKS.saturating_sub(planned.batch.blocks()));
        for (block, version) in read.into_iter().take(usize::try_from(room).unwrap_or_default()) {
            let header = block.header();
            if header.recorded_at > request.cutoff {
                break;
            }
            if covered.is_none() {
                check_clock(cx, &head)?;
            }
            if covered.is_none_or(|covered| header.last_seq() > covered) {
                covered = Some(cover(cx, header.last_seq()).await?);
                if covered.is_some_and(|covered| header.last_seq() > covered) {
                    break;
                }
            }
            let (range, n) = (Range { start, end: header.last_seq() }, header.n);
            let block::Stored::Hot(block) = block else {
                if claims::newest(cx).await?.map(|stored| stored.claim.range) != previous.map(|claim| claim.range) {
                    return Ok(Plan::Outrun);
                }
                return Err(stuck(range, format!("block {n} is a stub that no batch holds")));
            };
            planned.rows.push((block.header.clone(), version));
            planned.of_runs_only &= is_of_runs_only(&block)?;
            due.push(block);
        }
        n += due.len() as u64;
        // While these are looked at, the table reads the next.
        let following = async { if due.is_empty() { Ok(Vec::new()) } else { read_rows(cx, n, last).await } };
        let (following, taken) = tokio::join!(following, async { planned.batch.add_all(&due, cx.threads) });
        let (taken, full) = match taken {
            Ok(taken) => (taken, room == 0 || taken < due.len()),
            Err(unfit) if planned.batch.range().is_none() => return Err(broken(&unfit.0)),
            // What holds goes; the next run says what does not.
            Err(_) => (0, false),
        };
        if due.is_empty() || taken < due.len() {
            let blocks = usize::try_from(planned.batch.blocks()).unwrap_or(usize::MAX);
            planned.rows.truncate(blocks);
            if let (Some(range), Some(last)) = (planned.batch.range(), planned.batch.last()) {
                planned.checkpoint = covering(cx, range, last.n, last.head_hash).await?;
            }
            // Behind an accepted loss none covers it, until the chain is longer than what was vouched for. A
            // full archive is a reason by itself, or what stands behind it would never be reached.
            let goes = planned.checkpoint.is_some() && (full || !planned.of_runs_only);
            return Ok(if goes { Plan::Batch(Box::new(planned)) } else { Plan::Nothing });
        }
        read = following?;
    }
}

/// A batch that is not claimed yet, and the rows that its blocks were read from.
pub(super) struct Planned {
    pub(super) batch: Batch,
    pub(super) rows: Vec<(Header, Version)>,
    /// The checkpoint that covers it, once that was looked at.
    pub(super) checkpoint: Option<u64>,
    /// Whether its blocks hold nothing but what earlier runs said.
    of_runs_only: bool,
}

impl Planned {
    /// A batch that somebody claimed, of blocks that were read again.
    pub(super) fn again(batch: Batch) -> Self {
        Self { batch, rows: Vec::new(), checkpoint: None, of_runs_only: false }
    }
}

/// The rows of some blocks from number `n` on, as far as they follow each other.
async fn read_rows(cx: &Context, n: u64, last: u64) -> Result<Vec<(block::Stored, Version)>, ArchiveError> {
    if n > last {
        return Ok(Vec::new());
    }
    let partition = rows::block_partition(&cx.chain, n / rows::blocks_per_partition());
    let range = KeyRange { after: n.checked_sub(1).map(rows::number), before: Some(rows::number(last + 1)) };
    let most = usize::try_from(AT_ONCE).unwrap_or_default();
    let found = cx.table.query(&partition, &range, Order::Ascending, most).await?;
    let mut read = Vec::with_capacity(found.len());
    for (n, row) in (n..).zip(found) {
        let block = read_row(cx, n, &row.value)?;
        read.push((block, row.version));
    }
    Ok(read)
}

/// A clock that went back would say that nothing is due, or that something was archived before it happened.
pub(super) fn check_clock(cx: &Context, head: &Head) -> Result<(), ArchiveError> {
    let now = cx.clock.now();
    match head.recorded_at.filter(|there| now.plus_millis(CLOCK_TOLERANCE_MILLIS) < *there) {
        Some(there) => Err(ArchiveError::Clock { now, what: "the newest event was recorded", there }),
        None => Ok(()),
    }
}

/// The event up to which a checkpoint covers the chain; makes one, if that is needed to reach `seq`.
async fn cover(cx: &Context, seq: u64) -> Result<u64, ArchiveError> {
    let covered = newest_checkpoint(cx).await?.map_or(0, |(_, head_seq)| head_seq);
    if covered >= seq {
        return Ok(covered);
    }
    sign::sign(cx, Reason::Interval).await?;
    Ok(newest_checkpoint(cx).await?.map_or(0, |(_, head_seq)| head_seq))
}

/// The number of a checkpoint that covers these events: signed, of this chain, and reached from the last of
/// them by blocks of which every line was looked at again. The nearest one, so that this is a short way.
/// `None` where no checkpoint of this history reaches so far.
pub(super) async fn covering(
    cx: &Context,
    range: Range,
    last_block: u64,
    head_hash: Hash,
) -> Result<Option<u64>, ArchiveError> {
    let Some((newest, _)) = newest_checkpoint(cx).await? else { return Ok(None) };
    let get = async |n: u64| {
        let stored = checkpoints::get(cx, n).await.map_err(GuardError::from)?;
        stored.map(|stored| stored.checkpoint).ok_or_else(|| stuck(range, format!("checkpoint {n} is gone")))
    };
    let (mut low, mut high) = (1, newest);
    while low < high {
        let middle = low + (high - low) / 2;
        if get(middle).await?.head_seq < range.end { low = middle + 1 } else { high = middle }
    }
    let (mut seq, mut hash, mut n) = (range.end, head_hash, last_block);
    for number in low..=newest {
        let checkpoint = get(number).await?;
        while seq < checkpoint.head_seq {
            let Some(block) = get_block(cx, n + 1).await? else { break };
            let header = &block.header;
            check_and_keep(&block, &Batch::options()).map_err(|found| broken(&found))?;
            if header.first_seq != seq + 1 || header.prev_hash != hash {
                return Err(stuck(range, format!("block {} does not follow it", header.n)));
            }
            (seq, hash, n) = (header.last_seq(), header.head_hash, header.n);
        }
        let vouches = checkpoint.head_seq == seq && checkpoint.head_hash == hash;
        if vouches && checkpoint.chain == cx.chain && checkpoint.is_signed_by(&cx.ring) {
            return Ok(Some(number));
        }
        // One over history that was lost, and whose loss was accepted, covers nothing.
        if !guard::is_accepted(cx, (checkpoint.head_seq, checkpoint.head_hash)).await? {
            return Err(stuck(range, format!("its events do not lead to what checkpoint {number} vouches for")));
        }
    }
    Ok(None)
}

pub(super) async fn newest_checkpoint(cx: &Context) -> Result<Option<(u64, u64)>, ArchiveError> {
    let latest = checkpoints::latest(cx).await.map_err(GuardError::from)?;
    Ok(latest.map(|stored| (stored.checkpoint.n, stored.checkpoint.head_seq)))
}

/// Claims a batch; `None` where it cannot be told, or is another's.
pub(super) async fn claim(
    cx: &Context,
    batch: &Batch,
    previous: Option<&Claim>,
    request: &Request,
) -> Result<Option<Stored>, ArchiveError> {
    let (Some(range), Some(last), Some(first_block)) = (batch.range(), batch.last(), batch.first_block()) else {
        return Ok(None);
    };
    let now = cx.clock.now();
    let claim = Claim {
        range,
        first_block,
        last_block: last.n,
        archived_at: previous.map_or(now, |previous| previous.archived_at.max(now)),
        recorded_at: last.recorded_at,
        by: request.by.clone(),
        state: State::Claimed,
        signed: None,
        kept: None,
    };
    let condition = if planted(Bug::ClaimIsOverwritten) { Condition::Any } else { Condition::Absent };
    match cx.table.put(&archives::claim(&cx.chain, range.start), claim.to_value(), condition).await {
        Ok(version) => Ok(Some(Stored { claim, version })),
        Err(TableError::Conflict(_) | TableError::Unavailable(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
