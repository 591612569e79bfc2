//! Bringing a batch back for reading: its blocks and entries, in partitions of a lease's own, so that
//! neither the chain nor another restore is ever touched. A lease ends, and its rows are swept.

mod lease;

pub use lease::{Lease, Progress, leases};

use crate::Context;
use crate::archive::{ArchiveError, claims, fetch};
use crate::blocks::{ReadError, get_stored};
use crate::layout::archives::{Claim, State as BatchState, lease, restored_entry_partition, restored_partition};
use crate::layout::rows;
use crate::planted::{Bug, limit, planted};
use domain::archive::{Manifest, Range};
use domain::block::Block;
use domain::derived::{derive as derive_block, derive_lines};
use domain::hash::hex;

use lease::read;
use ports::{Condition, KeyRange, Order, TableError, Version};

/// Days that a restored batch stays where nobody says for how long.
pub const DEFAULT_DAYS: u32 = 7;
/// Most days.
pub const MAX_DAYS: u32 = 365;
/// Batches that may be restored at once: each of them is one more place in which a list looks.
pub const MAX_RESTORED: usize = 20;
/// Leases that one read takes.
const LEASES: usize = 100;
/// Rows that a sweep reads at once.
const PAGE: usize = 200;
/// Blocks that are written in one call.
const BLOCKS_AT_ONCE: usize = 16;
/// For how long a swept lease is remembered, to sweep what somebody wrote late.
const REMEMBERED_MILLIS: i64 = 86_400_000;
const MILLIS_PER_DAY: i64 = 86_400_000;

/// Nothing was restored, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The chain.
    #[error("read the chain")]
    Read(#[from] ReadError),
    /// No such batch.
    #[error("no archive starts with event {0}; GET /audit/archives lists them")]
    NoSuchBatch(u64),
    /// It is on its way.
    #[error("events {0} are still being archived, so they are hot; try again when the batch is done")]
    NotDone(Range),
    /// The number of days.
    #[error("days is 1 to {MAX_DAYS}. days=`{0}`")]
    Days(u32),
    /// Too many.
    #[error("{MAX_RESTORED} archives are restored already; wait until one of them expires")]
    TooMany,
    /// The archive is not what the manifest says, or cannot be read.
    #[error("read the archive")]
    Archive(#[from] ArchiveError),
    /// The manifest.
    #[error("events {range} are not restored: {what}; run `verify --cold`")]
    Manifest {
        /// The events.
        range: Range,
        /// What is wrong.
        what: String,
    },
}

impl From<TableError> for RestoreError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The lease.
    pub lease: Lease,
    /// Whether it was readable before.
    pub was_ready: bool,
}

/// Brings a batch back, or goes on with it. A restore that is there already is left as it is, or made to
/// stay longer where `days` says so.
///
/// # Errors
/// See [`RestoreError`]; what was written so far is not seen by anybody.
pub async fn restore(cx: &Context, start: u64, days: Option<u32>, by: &str) -> Result<Restored, RestoreError> {
    if let Some(days) = days.filter(|days| !(1..=MAX_DAYS).contains(days)) {
        return Err(RestoreError::Days(days));
    }
    let claim = claims::get(cx, start).await?.ok_or(RestoreError::NoSuchBatch(start))?.claim;
    match claim.state {
        BatchState::Claimed => return Err(RestoreError::NotDone(claim.range)),
        BatchState::Deleting(at) | BatchState::Expired(at) => {
            return Err(ReadError::Expired { archive: claim.range, at }.into());
        }
        BatchState::Done | BatchState::Expiring(_) => {}
    }
    // Before a lease is taken: what cannot be restored must not hold one.
    let contents = match read(cx, start).await? {
        Some((lease, _)) if lease.is_readable(cx.clock.now()) => None,
        _ => Some(contents(cx, &claim).await?),
    };
    let (lease, version) = take(cx, &claim, days, by).await?;
    if lease.progress == Progress::Ready {
        return Ok(Restored { lease, was_ready: true });
    }
    let contents = match contents {
        Some(contents) => contents,
        None => self::contents(cx, &claim).await?,
    };
    let lease = fill(cx, &contents, lease, version).await?;
    Ok(Restored { lease, was_ready: false })
}

/// The lease of this batch, made if there is none.
async fn take(cx: &Context, claim: &Claim, days: Option<u32>, by: &str) -> Result<(Lease, Version), RestoreError> {
    let now = cx.clock.now();
    let key = lease(&cx.chain, claim.range.start);
    let until = |days: u32| now.plus_millis(i64::from(days) * limit(MILLIS_PER_DAY, 3000));
    let there = read(cx, claim.range.start).await?;
    let mut former = Vec::new();
    let condition = match there {
        Some((lease, version)) if lease.is_under_way(now) => {
            let longer = days.map(until).filter(|until| *until > lease.expires_at);
            let Some(expires_at) = longer else { return Ok((lease, version)) };
            let lease = Lease { expires_at, ..lease };
            return write(cx, lease, version).await;
        }
        // Over: its rows go before another may come.
        Some((lease, version)) => {
            let (lease, version) = sweep_one(cx, lease, version).await?;
            former = lease.former;
            former.extend(match lease.progress {
                Progress::Swept(since) => Some((lease.id, since)),
                _ => None,
            });
            former.retain(|(_, since)| since.plus_millis(REMEMBERED_MILLIS) >= now);
            Condition::Unchanged(version)
        }
        None => Condition::Absent,
    };
    let all = leases(cx).await?;
    if all.iter().filter(|(lease, _)| lease.is_under_way(now)).count() >= MAX_RESTORED {
        return Err(RestoreError::TooMany);
    }
    let lease = Lease {
        id: hex(&cx.ids.nonce()),
        range: claim.range,
        progress: Progress::Restoring,
        expires_at: until(days.unwrap_or(DEFAULT_DAYS)),
        restored_at: now,
        by: by.to_owned(),
        former,
    };
    match cx.table.put(&key, lease.to_value(), condition).await {
        Ok(version) => Ok((lease, version)),
        Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => {
            // Another's, or ours without an answer: either will do.
            let there = read(cx, claim.range.start).await?;
            there.filter(|(lease, _)| lease.is_under_way(now)).ok_or_else(|| error.into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn write(cx: &Context, lease_now: Lease, version: Version) -> Result<(Lease, Version), RestoreError> {
    let key = lease(&cx.chain, lease_now.range.start);
    match cx.table.put(&key, lease_now.to_value(), Condition::Unchanged(version)).await {
        Ok(version) => Ok((lease_now, version)),
        Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => {
            let there = read(cx, lease_now.range.start).await?;
            there
                .filter(|(there, _)| there.id == lease_now.id && there.progress == lease_now.progress)
                .ok_or_else(|| error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The manifest of a batch and its object, both as they were archived.
async fn contents(cx: &Context, claim: &Claim) -> Result<(Manifest, Vec<u8>), RestoreError> {
    let wrong = |what: String| RestoreError::Manifest { range: claim.range, what };
    let bytes = claims::manifest_bytes(cx, claim).await?;
    let bytes = bytes.ok_or_else(|| wrong("the row of its manifest is gone".to_owned()))?;
    let manifest = claims::believed(cx, claim, &bytes).map_err(|refusal| wrong(refusal.to_string()))?;
    check_copy(cx, &manifest, &bytes).await?;
    let object = fetch(cx, &manifest).await?;
    Ok((manifest, object))
}

/// Writes the rows of a lease, and makes them count.
async fn fill(
    cx: &Context,
    (manifest, object): &(Manifest, Vec<u8>),
    lease: Lease,
    version: Version,
) -> Result<Lease, RestoreError> {
    let range = manifest.range;
    let wrong = |what: String| RestoreError::Manifest { range, what };
    let blocks = restored_partition(&cx.chain, range.start, &lease.id);
    let entries = restored_entry_partition(&cx.chain, range.start, &lease.id);
    for places in manifest.blocks.chunks(limit(BLOCKS_AT_ONCE, 1)) {
        let mut rows = Vec::new();
        for place in places {
            let gone = || wrong(format!("block {} is gone", place.n));
            let header = get_stored(cx, place.n).await?.ok_or_else(gone)?.header().clone();
            let bytes = usize::try_from(place.offset).ok().zip(usize::try_from(place.offset + place.length).ok());
            let body = bytes.and_then(|(start, end)| object.get(start..end)).ok_or_else(gone)?.to_vec();
            if header.computed_digest(&body) != header.digest && !planted(Bug::RestoresUnchecked) {
                return Err(wrong(format!("the stub of block {} is not that of the archived bytes", place.n)));
            }
            let block = Block { header, body };
            let derived = match derive_block(&block) {
                // Whoever does not look at hashes does not look at this.
                Err(_) if planted(Bug::RestoresUnchecked) => derive_lines(&block.header, &[]),
                derived => derived.map_err(ReadError::damaged(place.n))?,
            };
            rows.push((ports::Key::new(&blocks, rows::number(place.n)), block.to_row()));
            rows.extend(rows::entries(&entries, place.n, &derived));
        }
        cx.table.put_many(rows).await?;
    }
    let (lease, _) = write(cx, Lease { progress: Progress::Ready, ..lease }, version).await?;
    tracing::info!(chain = %cx.chain, events = %range, expires = %lease.expires_at, "restored events {range}");
    Ok(lease)
}

/// The manifest in the cold store is the one that the table has.
async fn check_copy(cx: &Context, manifest: &Manifest, bytes: &[u8]) -> Result<(), RestoreError> {
    let key = cx.cold.key(&cx.chain, &manifest.range.manifest());
    let wrong = |what: String| RestoreError::Manifest { range: manifest.range, what };
    let mut failed = wrong("there is no cold store".to_owned());
    for (place, bucket) in cx.cold.places() {
        failed = match bucket.get_range(&key, 0, bytes.len() as u64 + 1).await {
            Ok(Some(copy)) if copy == bytes => return Ok(()),
            Ok(Some(_)) => wrong(format!("the manifest in the {place} is another. key=`{key}`")),
            Ok(None) => wrong(format!("the manifest in the {place} is gone. key=`{key}`")),
            Err(error) => ArchiveError::Fetch { place, key: key.clone(), what: error.to_string() }.into(),
        };
    }
    Err(failed)
}

/// Takes away the rows of leases that are over, and goes on with restores that somebody left unfinished.
/// How many leases it swept.
///
/// # Errors
/// The table, or an archive that cannot be read.
pub async fn sweep(cx: &Context) -> Result<u64, RestoreError> {
    let now = cx.clock.now();
    let (mut swept, mut failed) = (0, None);
    for (lease, version) in leases(cx).await? {
        for (id, _) in &lease.former {
            sweep_rows(cx, lease.range.start, id).await?;
        }
        if lease.is_under_way(now) {
            // What cannot be restored keeps nothing else from being swept.
            if lease.progress == Progress::Restoring
                && let Err(error) = restore(cx, lease.range.start, None, &lease.by).await
            {
                failed.get_or_insert(error);
            }
            continue;
        }
        swept += u64::from(!matches!(lease.progress, Progress::Swept(_)));
        let (lease, version) = sweep_one(cx, lease, version).await?;
        if let Progress::Swept(since) = lease.progress
            && since.plus_millis(REMEMBERED_MILLIS) < now
        {
            match cx.table.delete(&crate::layout::archives::lease(&cx.chain, lease.range.start), &version).await {
                Ok(()) | Err(TableError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    failed.map_or(Ok(swept), Err)
}

/// Ends the restore of a batch, if there is one.
///
/// # Errors
/// The table.
pub(crate) async fn end(cx: &Context, start: u64) -> Result<(), ArchiveError> {
    let Some((lease, version)) = read(cx, start).await? else { return Ok(()) };
    match sweep_one(cx, lease, version).await {
        Ok(_) => Ok(()),
        Err(RestoreError::Read(error)) => Err(error.into()),
        Err(RestoreError::Archive(error)) => Err(error),
        Err(error) => Err(TableError::Unavailable(error.to_string()).into()),
    }
}

/// First nobody reads the lease any more, then its rows go, each by its version.
async fn sweep_one(cx: &Context, lease: Lease, version: Version) -> Result<(Lease, Version), RestoreError> {
    let (lease, version) = match lease.progress {
        Progress::Swept(_) => (lease, version),
        _ => write(cx, Lease { progress: Progress::Swept(cx.clock.now()), ..lease }, version).await?,
    };
    sweep_rows(cx, lease.range.start, &lease.id).await?;
    if planted(Bug::SweepsAnothersLease)
        && let Some((there, _)) = read(cx, lease.range.start).await?
    {
        sweep_rows(cx, lease.range.start, &there.id).await?;
    }
    Ok((lease, version))
}

async fn sweep_rows(cx: &Context, start: u64, id: &str) -> Result<(), TableError> {
    for partition in [restored_entry_partition(&cx.chain, start, id), restored_partition(&cx.chain, start, id)] {
        loop {
            let page = cx.table.query(&partition, &KeyRange::all(), Order::Ascending, limit(PAGE, 3)).await?;
            let last = page.len() < limit(PAGE, 3);
            cx.table.delete_many(page.into_iter().map(|row| (row.key, row.version)).collect()).await?;
            if last {
                break;
            }
        }
    }
    Ok(())
}
