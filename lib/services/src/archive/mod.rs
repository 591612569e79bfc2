//! Archiving: old blocks move into the cold store, in an order in which no crash loses anything.
//!
//! The claim of a batch decides everything that follows, so that anybody may go on with it: object,
//! read back; manifest, signed once, its hash in the claim; its copies; the event that names it,
//! committed; stubs instead of blocks; entries dropped; done. The next batch starts only then.

pub mod check;
pub mod claims;
pub mod expire;
mod place;
pub mod rebuild;
pub mod schedule;
mod stubs;

use crate::append::{AppendError, Appended, Appender};
use crate::blocks::{ReadError, find_head, get_block, get_event, get_stored, read_row};
use crate::guard::{self, GuardError, Rollback};
use crate::layout::archives::{self, Claim, Signed, State, Stored};
use crate::layout::rows::{self, SCHEMA};
use crate::planted::{Bug, limit, planted};
use crate::sign::SignError;
use crate::view::View;
use crate::{Context, checkpoints, derive, sign};
use domain::archive::{Base, Batch, Manifest, Range};
use domain::block::{self, Head, Header};
use domain::checkpoint::Reason;
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Object, Value};
use domain::line::LineView;
use domain::names::ActorType;
use domain::time::Timestamp;
use domain::verify::Break;
use ports::{BucketError, Condition, KeyRange, Order, SignerError, TableError, Version};

/// The action of the event that names a manifest.
pub const ARCHIVED: &str = "audit.archived";
/// How far a clock may lie behind what others wrote before nothing is archived by it.
const CLOCK_TOLERANCE_MILLIS: i64 = 5 * 60 * 1000;
/// Blocks that are looked at together.
const AT_ONCE: u64 = 8;
/// Blocks of a batch in runs of the simulator that ask for few.
const LOW_BLOCKS: u64 = 3;
/// Rounds before races are left to the next run.
const MAX_ROUNDS: u32 = 8;

/// What is to be archived.
#[derive(Debug, Clone)]
pub struct Request {
    /// Blocks that were recorded up to here.
    pub cutoff: Timestamp,
    /// Who asks; `None` for the schedule.
    pub by: Option<String>,
    /// No batch is begun after this.
    pub until: Option<Timestamp>,
}

/// What was archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Batches that were finished, in order.
    pub batches: Vec<Claim>,
    /// Whether nothing is left to do.
    pub complete: bool,
}

/// Nothing more was archived. What was begun is finished by the next run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The chain.
    #[error("read the chain")]
    Read(#[from] ReadError),
    /// The chain, its checkpoints or their copies.
    #[error("compare the chain with its checkpoints")]
    Guard(#[source] GuardError),
    /// The table has lost history.
    #[error(transparent)]
    Rollback(#[from] Rollback),
    /// No checkpoint covers what is to be archived.
    #[error("sign a checkpoint over what is to be archived")]
    Sign(#[from] SignError),
    /// The key.
    #[error("sign the manifest")]
    Signer(#[from] SignerError),
    /// The event that names the manifest.
    #[error("chain the event that names the manifest")]
    Append(#[from] AppendError),
    /// The cold store.
    #[error("the {place} did not take an archive; everything is still hot. key=`{key}`")]
    Bucket {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// Why.
        #[source]
        error: BucketError,
    },
    /// It did not give back what was put.
    #[error("the {place} does not give back what was put: {what}; everything is still hot. key=`{key}`")]
    ReadBack {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// What it gave.
        what: String,
    },
    /// It does not give back what was archived before.
    #[error(
        "the {place} does not give back what was archived: {what}; `verify` says whether it is broken. key=`{key}`"
    )]
    Fetch {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// What it gave, or why not.
        what: String,
    },
    /// It did not delete what expired.
    #[error("the {place} did not delete what expired; the next run tries again. key=`{key}`")]
    Delete {
        /// Which place.
        place: &'static str,
        /// Of the object.
        key: String,
        /// Why.
        #[source]
        error: BucketError,
    },
    /// A block does not hold.
    #[error("block {block} does not hold ({found}) and is not archived; run `verify`")]
    Broken {
        /// Its number.
        block: u64,
        /// The break, as JSON.
        found: String,
    },
    /// What is there is not what the claim says.
    #[error("the batch of events {range} cannot be finished: {what}; run `verify`")]
    Batch {
        /// Its events.
        range: Range,
        /// What does not fit.
        what: String,
    },
    /// The clock.
    #[error(
        "this machine's clock says {now}, but {what} at {there}: one of the clocks is wrong; set it right, then archive"
    )]
    Clock {
        /// What it says.
        now: Timestamp,
        /// What speaks against it.
        what: &'static str,
        /// When that was.
        there: Timestamp,
    },
}

impl From<TableError> for ArchiveError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

impl From<GuardError> for ArchiveError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Rollback(rollback) => Self::Rollback(rollback),
            GuardError::Read(error) => Self::Read(error),
            error => Self::Guard(error),
        }
    }
}

fn broken(found: &Break) -> ArchiveError {
    let text = String::from_utf8_lossy(&found.to_value().canonical()).into_owned();
    ArchiveError::Broken { block: found.block.unwrap_or_default(), found: text }
}

fn stuck(range: Range, what: impl Into<String>) -> ArchiveError {
    ArchiveError::Batch { range, what: what.into() }
}

/// Archives what is due, batch after batch, beginning with one that somebody left unfinished.
///
/// # Errors
/// See [`ArchiveError`]; whatever was not finished is still hot, or on its way under its claim.
pub async fn archive(cx: &Context, appender: &Appender, request: &Request) -> Result<Run, ArchiveError> {
    let mut run = Run { batches: Vec::new(), complete: false };
    let view = View::load(cx).await?;
    guard::compare(cx, &view.accepted).await?;
    derive::derive(cx, SCHEMA, u64::MAX).await?;
    let last = last_block(cx).await?;
    let mut lost = 0;
    loop {
        let newest = claims::first_unfinished(cx).await?;
        let (stored, planned) = match newest {
            Some(stored) if !stored.claim.is_finished() && !planted(Bug::NextBatchBeforeDone) => (stored, None),
            newest => {
                let late = request.until.is_some_and(|until| cx.clock.now() >= until);
                if late && !run.batches.is_empty() {
                    return Ok(run);
                }
                let previous = newest.map(|stored| stored.claim);
                let claimed = match plan(cx, previous.as_ref(), request, last).await? {
                    Plan::Nothing => {
                        run.complete = true;
                        return Ok(run);
                    }
                    Plan::Outrun => None,
                    Plan::Batch(planned) => claim(cx, &planned.batch, previous.as_ref(), request)
                        .await?
                        .map(|stored| (stored, Some(*planned))),
                };
                match claimed {
                    Some(claimed) => claimed,
                    // Somebody else's, or nobody knows: what is there says.
                    None if lost < MAX_ROUNDS => {
                        lost += 1;
                        continue;
                    }
                    None => return Err(TableError::Unavailable("other archivers were faster every time".into()).into()),
                }
            }
        };
        run.batches.push(finish(cx, appender, stored, planned).await?);
    }
}

/// The last block that a run may archive, and the head: neither the newest block nor one without derived
/// rows leaves. Told once, or a run would archive the events that it makes itself.
async fn last_block(cx: &Context) -> Result<(u64, Head), ArchiveError> {
    let (hint, _) = derive::watermark(cx, SCHEMA).await?;
    let head = find_head(cx, hint).await?;
    let (watermark, _) = derive::watermark(cx, SCHEMA).await?;
    let last = if planted(Bug::ArchivesTheHead) { head.block } else { watermark.min(head.block.saturating_sub(1)) };
    Ok((last, head))
}

/// What one batch is to hold.
enum Plan {
    /// Nothing is due.
    Nothing,
    /// Somebody archived more since the newest claim was read.
    Outrun,
    /// These blocks.
    Batch(Box<Planned>),
}

/// Puts together what is due and fits one archive.
async fn plan(
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
    let mut planned = Planned { batch: Batch::new(&cx.chain, start, prev_hash), rows: Vec::new() };
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
                check_clock(cx, &head, previous)?;
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
            due.push(block);
        }
        n += due.len() as u64;
        // While these are looked at, the table reads the next.
        let following = async { if due.is_empty() { Ok(Vec::new()) } else { read_rows(cx, n, last).await } };
        let (following, taken) = tokio::join!(following, async { planned.batch.add_all(&due, cx.threads) });
        let taken = match taken {
            Ok(taken) => taken,
            Err(unfit) if planned.batch.range().is_none() => return Err(broken(&unfit.0)),
            // What holds goes; the next run says what does not.
            Err(_) => 0,
        };
        if due.is_empty() || taken < due.len() {
            let blocks = usize::try_from(planned.batch.blocks()).unwrap_or(usize::MAX);
            planned.rows.truncate(blocks);
            return Ok(if blocks > 0 { Plan::Batch(Box::new(planned)) } else { Plan::Nothing });
        }
        read = following?;
    }
}

/// A batch that is not claimed yet, and the rows that its blocks were read from.
struct Planned {
    batch: Batch,
    rows: Vec<(Header, Version)>,
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
fn check_clock(cx: &Context, head: &Head, previous: Option<&Claim>) -> Result<(), ArchiveError> {
    let now = cx.clock.now();
    let recorded = head.recorded_at.map(|at| ("the newest event was recorded", at));
    let archived = previous.map(|claim| ("the last batch was archived", claim.archived_at));
    match recorded.into_iter().chain(archived).find(|(_, there)| now.plus_millis(CLOCK_TOLERANCE_MILLIS) < *there) {
        Some((what, there)) => Err(ArchiveError::Clock { now, what, there }),
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

async fn newest_checkpoint(cx: &Context) -> Result<Option<(u64, u64)>, ArchiveError> {
    let latest = checkpoints::latest(cx).await.map_err(GuardError::from)?;
    Ok(latest.map(|stored| (stored.checkpoint.n, stored.checkpoint.head_seq)))
}

/// Claims a batch; `None` where it cannot be told, or is another's.
async fn claim(
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

/// Does what is left to do of a batch. Everybody who does it does the same.
async fn finish(
    cx: &Context,
    appender: &Appender,
    mut stored: Stored,
    planned: Option<Planned>,
) -> Result<Claim, ArchiveError> {
    let range = stored.claim.range;
    let mut parts = None;
    if stored.claim.signed.is_none() {
        let Planned { batch, rows } = match planned {
            Some(planned) => planned,
            None => Planned { batch: gather(cx, &stored.claim).await?, rows: Vec::new() },
        };
        let copies = place::put(cx, &range.object(), batch.object()).await?;
        stored = sign_once(cx, stored, &batch, copies).await?;
        if stored.claim.is_finished() {
            // Others did all of it meanwhile, and what came of it since is not to be undone.
            return Ok(stored.claim);
        }
        parts = Some((batch.into_parts(), rows));
    }
    let bytes = claims::manifest_bytes(cx, &stored.claim).await?;
    let bytes = bytes.ok_or_else(|| stuck(range, "the row of its manifest is gone"))?;
    let manifest = claims::believed(cx, &stored.claim, &bytes).map_err(|refusal| stuck(range, refusal.to_string()))?;
    let (object, entries, rows) = match parts {
        Some(((object, entries), rows)) if Hash::of(&object) == manifest.gzip_sha256 => (object, Some(entries), rows),
        _ => (fetch(cx, &manifest).await?, None, Vec::new()),
    };
    if planted(Bug::StubsBeforeTheManifest) {
        stubs::replace(cx, &manifest, &object, &rows).await?;
    }
    place::put(cx, &range.manifest(), &bytes).await?;
    announce(cx, appender, &stored.claim).await?;
    stubs::replace(cx, &manifest, &object, &rows).await?;
    stubs::drop_entries(cx, &manifest, &object, entries.as_deref()).await?;
    let done = Claim { state: State::Done, ..stored.claim };
    settle(cx, done, stored.version).await
}

/// The blocks of a batch that somebody claimed; all of them are hot still.
async fn gather(cx: &Context, claim: &Claim) -> Result<Batch, ArchiveError> {
    let before = match claim.first_block {
        1 => Hash::ZERO,
        first => get_stored(cx, first - 1).await?.map_or(Hash::ZERO, |before| before.header().head_hash),
    };
    let mut batch = Batch::new(&cx.chain, claim.range.start, before);
    for n in claim.first_block..=claim.last_block {
        let block = get_block(cx, n).await?.ok_or_else(|| stuck(claim.range, format!("block {n} is gone")))?;
        batch.add(&block).map_err(|unfit| broken(&unfit.0))?;
    }
    if batch.range() == Some(claim.range) {
        return Ok(batch);
    }
    Err(stuck(claim.range, "its blocks hold other events than its record says"))
}

/// Signs the manifest, unless somebody has: there is one for a range, and its hash is in the claim.
async fn sign_once(cx: &Context, stored: Stored, batch: &Batch, copies: u64) -> Result<Stored, ArchiveError> {
    let Stored { claim, version } = stored;
    let previous = claims::before(cx, Some(claim.range.start), 1).await?.pop().and_then(|s| s.claim.signed);
    let (checkpoint, head_seq) =
        newest_checkpoint(cx).await?.ok_or_else(|| stuck(claim.range, "no checkpoint covers it"))?;
    if head_seq < claim.range.end {
        return Err(stuck(claim.range, "the checkpoints that covered it are gone"));
    }
    let base = Base {
        jsonl_key: cx.cold.key(&cx.chain, &claim.range.object()),
        archived_at: claim.archived_at,
        prev_manifest: previous.as_ref().map_or(Hash::ZERO, |signed| signed.manifest),
        checkpoint,
        sig_alg: cx.signer.algorithm().as_str().to_owned(),
        key_id: cx.signer.verify_key().key_id(),
    };
    let mut manifest = batch.manifest(base).ok_or_else(|| stuck(claim.range, "it holds nothing"))?;
    manifest.signature = cx.signer.sign(&manifest.signed_bytes()).await?;
    let bytes = manifest.bytes();
    let sha256 = Hash::of(&bytes);
    cx.table.put(&archives::manifest(&cx.chain, claim.range.start, &sha256), bytes, Condition::Any).await?;
    let until = |days: u32| cx.clock.now().plus_millis(i64::from(days) * 86_400_000);
    let signed = Signed {
        manifest: sha256,
        first_at: manifest.first_at,
        last_at: manifest.last_at,
        complete_after: previous.map_or(manifest.last_at, |signed| signed.complete_after.max(manifest.last_at)),
        bytes: manifest.bytes_compressed,
        bytes_uncompressed: manifest.bytes_uncompressed,
        copies,
        lock: cx.cold.lock.map(|lock| (lock.mode.to_owned(), until(lock.days))),
    };
    let claim = Claim { signed: Some(signed), ..claim };
    let key = archives::claim(&cx.chain, claim.range.start);
    let condition = if planted(Bug::ManifestIsSignedTwice) { Condition::Any } else { Condition::Unchanged(version) };
    match cx.table.put(&key, claim.to_value(), condition).await {
        Ok(version) => Ok(Stored { claim, version }),
        Err(TableError::Conflict(_) | TableError::Unavailable(_)) => {
            let there = claims::get(cx, claim.range.start).await?;
            there
                .filter(|there| there.claim.signed.is_some())
                .ok_or_else(|| TableError::Unavailable("whether the manifest is signed is not known".into()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The object of a batch, from any place that has it as it was.
pub(crate) async fn fetch(cx: &Context, manifest: &Manifest) -> Result<Vec<u8>, ArchiveError> {
    let key = cx.cold.key(&cx.chain, &manifest.range.object());
    let mut last = None;
    for (place, bucket) in cx.cold.places() {
        match bucket.get_range(&key, 0, manifest.bytes_compressed + 1).await {
            Ok(Some(object)) if Hash::of(&object) == manifest.gzip_sha256 || planted(Bug::RestoresUnchecked) => {
                return Ok(object);
            }
            Ok(found) => {
                let what = found.map_or("it is not there".to_owned(), |_| "its hash is another".to_owned());
                last = Some(ArchiveError::Fetch { place, key: key.clone(), what });
            }
            Err(error) => last = Some(ArchiveError::Fetch { place, key: key.clone(), what: error.to_string() }),
        }
    }
    Err(last.unwrap_or_else(|| stuck(manifest.range, "there is no cold store")))
}

/// Commits the event that names the manifest. It was chained before, or is now; nothing else will do.
async fn announce(cx: &Context, appender: &Appender, claim: &Claim) -> Result<(), ArchiveError> {
    let event = announcement(claim).ok_or_else(|| stuck(claim.range, "it has no manifest"))?;
    let expected = event.digest();
    if planted(Bug::EventIsOnlyQueued) {
        let _ = crate::record::queue(cx, &[event]).await;
        return Ok(());
    }
    let appended = appender.append(vec![event]).await?;
    if let Some(Appended::Known(seq) | Appended::Conflicts(seq)) = appended.first() {
        let line = get_event(cx, *seq).await?.unwrap_or_default();
        if LineView::of(&line).is_none_or(|view| view.draft_digest() != expected) {
            return Err(stuck(claim.range, format!("event {seq} names another manifest for it")));
        }
    }
    Ok(())
}

/// The event that names the manifest of a batch: a pure function of its claim.
pub fn announcement(claim: &Claim) -> Option<Draft> {
    let signed = claim.signed.as_ref()?;
    let event = about(ARCHIVED, "archived", claim.range, signed.manifest, claim.archived_at, None);
    Some(match &claim.by {
        Some(by) => event.by(ActorType::User, Some(by.clone())),
        None => event,
    })
}

/// An event about the archive of these events.
pub(crate) fn about(
    action: &str,
    name: &str,
    range: Range,
    manifest: Hash,
    at: Timestamp,
    kept: Option<Hash>,
) -> Draft {
    let number = |n| Value::integer(n).expect("a chain has fewer than 2^53 events");
    let mut metadata = Object::of([
        ("startSeq", number(range.start)),
        ("endSeq", number(range.end)),
        ("eventCount", number(range.end + 1 - range.start)),
        ("manifestSha256", manifest.to_hex().into()),
    ]);
    if let Some(kept) = kept {
        metadata.insert("keptSha256", kept.to_hex().into());
    }
    Draft::internal(action, format!("{name}:{range}"), at, metadata).expect("the action is one of the log's own")
}

/// The manifest that an `audit.archived` event names.
pub fn manifest_named_by(line: &[u8]) -> Option<Hash> {
    let view = LineView::of(line)?;
    if view.action != ARCHIVED.as_bytes() || view.source != domain::names::Source::AUDIT.as_bytes() {
        return None;
    }
    let value = domain::json::parse(line, domain::json::Limits::FORMAT).ok()?;
    let metadata = value.as_object()?.get("metadata")?.as_object()?;
    Hash::from_hex(metadata.get("manifestSha256")?.as_str()?.as_bytes())
}

/// Writes how far a batch is; somebody who went on with it meanwhile will have written the same.
async fn settle(cx: &Context, claim: Claim, version: ports::Version) -> Result<Claim, ArchiveError> {
    let key = archives::claim(&cx.chain, claim.range.start);
    match cx.table.put(&key, claim.to_value(), Condition::Unchanged(version)).await {
        Ok(_) => {
            tracing::info!(chain = %cx.chain, events = %claim.range, "archived events {}", claim.range);
            Ok(claim)
        }
        Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => {
            let there = claims::get(cx, claim.range.start).await?.map(|stored| stored.claim);
            there.filter(Claim::is_finished).ok_or_else(|| error.into())
        }
        Err(error) => Err(error.into()),
    }
}
