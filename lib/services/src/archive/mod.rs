//! Archiving: old blocks move into the cold store, in an order in which no crash loses anything.
//!
//! The claim of a batch decides everything that follows, so that anybody may go on with it: object,
//! read back; manifest, signed once, its hash in the claim; its copies; the event that names it,
//! committed; stubs instead of blocks; entries dropped; done. The next batch starts only then.

mod announce;
mod asked;
pub mod check;
pub mod claims;
mod error;
pub mod expire;
mod place;
mod plan;
pub mod rebuild;
pub mod schedule;
mod stubs;

pub use announce::{announcement, manifest_named_by};
pub use asked::REQUESTED;
pub use error::ArchiveError;

use crate::append::Appender;
use crate::blocks::{get_block, get_stored};
use crate::guard;
use crate::layout::archives::{self, Claim, Signed, State, Stored};
use crate::layout::rows::SCHEMA;
use crate::planted::{Bug, planted};
use crate::view::View;
use crate::{Context, derive};
use announce::announce;
use domain::archive::{Base, Batch, Manifest};
use domain::hash::Hash;
use domain::time::Timestamp;
use error::{broken, stuck};
use plan::{Plan, Planned, claim, covering, last_block, plan};
use ports::{Condition, TableError};

/// The action of the event that names a manifest.
pub const ARCHIVED: &str = "audit.archived";
/// Rounds before races are left to the next run.
const MAX_ROUNDS: u32 = 8;

/// What is to be archived.
#[derive(Debug, Clone)]
pub struct Request {
    /// Blocks that were recorded up to here.
    pub cutoff: Timestamp,
    /// Who asks; `None` for the schedule. An operator's run is said in the log first, and so the newest
    /// block goes, too.
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

/// Archives what is due, batch after batch, beginning with one that somebody left unfinished.
///
/// # Errors
/// See [`ArchiveError`]; whatever was not finished is still hot, or on its way under its claim.
pub async fn archive(cx: &Context, appender: &Appender, request: &Request) -> Result<Run, ArchiveError> {
    let mut run = Run { batches: Vec::new(), complete: false };
    let view = View::load(cx).await?;
    guard::compare(cx, &view.accepted).await?;
    derive::derive(cx, SCHEMA, u64::MAX).await?;
    asked::say(cx, appender, request).await?;
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
        run.batches.push(finish(cx, appender, stored, planned, last.0).await?);
    }
}

/// Does what is left to do of a batch. Everybody who does it does the same.
async fn finish(
    cx: &Context,
    appender: &Appender,
    mut stored: Stored,
    planned: Option<Planned>,
    last: u64,
) -> Result<Claim, ArchiveError> {
    let range = stored.claim.range;
    let mut parts = None;
    if stored.claim.signed.is_none() {
        let Planned { batch, rows, checkpoint, .. } = match planned {
            Some(planned) => planned,
            None => Planned::again(gather(cx, &stored.claim, last).await?),
        };
        let copies = place::put(cx, &range.object(), batch.object()).await?;
        stored = sign_once(cx, stored, &batch, checkpoint, copies).await?;
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
async fn gather(cx: &Context, claim: &Claim, last: u64) -> Result<Batch, ArchiveError> {
    let before = claims::before(cx, Some(claim.range.start), 1).await?.pop().map(|stored| stored.claim);
    let (seq, block) = before.map_or((1, 1), |before| (before.range.end + 1, before.last_block + 1));
    // Whoever claimed it may have seen a longer chain than this run did when it began.
    let stays_hot = claim.last_block > last && claim.last_block > last_block(cx).await?.0;
    if claim.range.start != seq || claim.first_block != block || stays_hot {
        return Err(stuck(claim.range, "its record does not follow the one before, or names blocks that stay hot"));
    }
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
async fn sign_once(
    cx: &Context,
    stored: Stored,
    batch: &Batch,
    checkpoint: Option<u64>,
    copies: u64,
) -> Result<Stored, ArchiveError> {
    let Stored { claim, version } = stored;
    let previous = claims::before(cx, Some(claim.range.start), 1).await?.pop().and_then(|s| s.claim.signed);
    let head_hash = batch.last().map_or(Hash::ZERO, |last| last.head_hash);
    let checkpoint = match checkpoint {
        None => covering(cx, claim.range, claim.last_block, head_hash).await?,
        covered => covered,
    };
    let checkpoint =
        checkpoint.ok_or_else(|| stuck(claim.range, "no checkpoint of this history covers it; sign one"))?;
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
