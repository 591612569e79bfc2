//! A table made anew, where it is lost, from what the cold store and the bucket have: stubs, markers,
//! the batches' records, checkpoints. Whatever was hot only is lost, and the checkpoints say so.

use super::{ARCHIVED, check, expire::EXPIRED};
use crate::Context;
use crate::blocks::ReadError;
use crate::checkpoints;
use crate::cold::MAX_KEPT_BYTES;
use crate::layout::archives::{self, Claim, Signed, State};
use crate::layout::rows::{self, SCHEMA};
use domain::archive::{Kept, Manifest, Range, faults, rebuilt};
use domain::block::{Stub, views};
use domain::checkpoint::Checkpoint;
use domain::derived::{derive as derive_block, derive_lines};
use domain::event::Event;
use domain::hash::Hash;
use domain::json::Value;
use domain::merkle::{Edge, leaf};
use domain::names::Source;
use domain::time::Timestamp;
use domain::verify::check_and_keep;
use ports::{BucketError, Condition, Key, TableError};
use std::collections::{BTreeMap, BTreeSet};

/// Objects that one call lists.
const PAGE: usize = 500;
/// More than any manifest has.
const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Archives that were read, expired ones included.
    pub archives: u64,
    /// The last event that there is.
    pub head_seq: u64,
    /// Checkpoints that came back.
    pub checkpoints: u64,
    /// The last event that a checkpoint vouches for: what lies behind `head_seq` is lost.
    pub vouched_seq: u64,
}

/// The table was not, or not wholly, made. It may be run again after whatever was mended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// The table.
    #[error("write the table")]
    Table(#[from] TableError),
    /// The chain.
    #[error("read the chain")]
    Read(#[from] ReadError),
    /// The cold store.
    #[error("read the cold store. key=`{key}`")]
    Bucket {
        /// Of the object.
        key: String,
        /// Why not.
        #[source]
        error: BucketError,
    },
    /// No archives.
    #[error(
        "there are no archives of chain `{chain}` under `{prefix}`; check AUDIT_COLD_BUCKET, AUDIT_COLD_PREFIX and AUDIT_CHAIN"
    )]
    Nothing {
        /// The chain.
        chain: String,
        /// Where they were looked for.
        prefix: String,
    },
    /// One is missing.
    #[error(
        "no archive that can be believed starts with event {0}, and later ones are there; bring it back, then run this again"
    )]
    Gap(u64),
    /// One is damaged.
    #[error("the archive of events {range} is not what its manifest says ({what}); bring it back, then run this again")]
    Damaged {
        /// Its events.
        range: Range,
        /// What is wrong.
        what: String,
    },
    /// Lines are gone, and nobody said so.
    #[error(
        "the lines of events {0} are gone, something was kept of them, and no archived event says that they expired: it \
         may be lost with the table. If you know that they expired, run this again with --accept-gone"
    )]
    Unannounced(Range),
    /// The table has something else.
    #[error(
        "the table already holds another {what} than the archives; a table is made anew in an empty one. key=`{key}`"
    )]
    NotEmpty {
        /// Of the row.
        key: String,
        /// What the row is.
        what: &'static str,
    },
}

/// What the lines say of archives: who asked for each, and which expired.
#[derive(Default)]
struct Said {
    archived: BTreeMap<(Range, Hash), Option<String>>,
    expired: BTreeMap<(Range, Hash), (Timestamp, Option<Hash>)>,
}

struct Work<'a> {
    cx: &'a Context,
    said: Said,
    edge: Option<Edge>,
    checkpoints: BTreeMap<u64, Checkpoint>,
    claims: Vec<(Claim, Hash)>,
    /// Archives whose lines are gone, and what was kept of them.
    gone: Vec<(Range, Hash)>,
    next_block: u64,
    seq: u64,
    hash: Hash,
}

/// Makes the rows of a chain from its archives. `progress` is told how many were read, and how many there
/// are. With `accept_gone`, lines that are gone count as expired although no archived event says so: it may
/// have been lost with the table.
///
/// # Errors
/// See [`RebuildError`].
pub async fn rebuild(
    cx: &Context,
    accept_gone: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Rebuilt, RebuildError> {
    let names = list(cx).await?;
    if names.is_empty() {
        return Err(RebuildError::Nothing { chain: cx.chain.to_string(), prefix: cx.cold.archives(&cx.chain) });
    }
    let copies = checkpoints::copies_from(cx, 1).await;
    let copies = copies.map_err(|error| RebuildError::Bucket { key: "checkpoints".to_owned(), error })?;
    let believed: Vec<(Checkpoint, Vec<u8>)> = copies
        .into_iter()
        .filter_map(|(n, line)| {
            let checkpoint = Checkpoint::from_line(&line).ok()?;
            let ours = checkpoint.n == n && checkpoint.chain == cx.chain && checkpoint.is_signed_by(&cx.ring);
            ours.then_some((checkpoint, line))
        })
        .collect();
    let by_head = believed.iter().map(|(checkpoint, _)| (checkpoint.head_seq, checkpoint.clone())).collect();
    let mut work = Work {
        cx,
        said: Said::default(),
        edge: Some(Edge::default()),
        checkpoints: by_head,
        claims: Vec::new(),
        gone: Vec::new(),
        next_block: 1,
        seq: 0,
        hash: Hash::ZERO,
    };
    let total = names.len() as u64;
    let mut previous = Hash::ZERO;
    let mut last_start = 0;
    while let Some((manifest, bytes)) = next(cx, &names, work.seq + 1, previous).await? {
        previous = Hash::of(&bytes);
        last_start = manifest.range.start;
        work.archive(&manifest, &bytes).await?;
        progress(work.claims.len() as u64, total);
    }
    if names.iter().any(|range| range.start > last_start.max(work.seq)) || work.claims.is_empty() {
        return Err(RebuildError::Gap(work.seq + 1));
    }
    for (checkpoint, line) in &believed {
        put(cx, rows::checkpoint(&cx.chain, checkpoint.n), line.clone(), "checkpoint").await?;
    }
    let (archives, head_seq, last_block) = (work.claims.len() as u64, work.seq, work.next_block - 1);
    work.records(accept_gone).await?;
    // Last: nothing counts as derived before it is.
    put(cx, rows::watermark(&cx.chain, SCHEMA), last_block.to_string().into_bytes(), "watermark").await?;
    let vouched_seq = believed.last().map_or(0, |(checkpoint, _)| checkpoint.head_seq);
    Ok(Rebuilt { archives, head_seq, checkpoints: believed.len() as u64, vouched_seq })
}

/// The ranges of all manifests, in any place. A place that is gone is why there is another.
async fn list(cx: &Context) -> Result<BTreeSet<Range>, RebuildError> {
    let prefix = cx.cold.archives(&cx.chain);
    let (mut ranges, mut failed) = (BTreeSet::new(), None);
    for (_, bucket) in cx.cold.places() {
        let mut after = None::<String>;
        loop {
            let page = match bucket.list(&prefix, after.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    failed = Some(RebuildError::Bucket { key: prefix.clone(), error });
                    break;
                }
            };
            let manifests = page.iter().filter_map(|meta| meta.key.strip_prefix(&prefix));
            ranges.extend(manifests.filter(|name| name.ends_with(".manifest.json")).filter_map(Range::of_name));
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                _ => break,
            }
        }
    }
    match failed {
        Some(error) if ranges.is_empty() => Err(error),
        _ => Ok(ranges),
    }
}

/// The archive that starts with this event and follows the manifest before. Where a table was rolled back
/// once, there may be two: the one that was archived last is of the chain that went on.
async fn next(
    cx: &Context,
    names: &BTreeSet<Range>,
    start: u64,
    previous: Hash,
) -> Result<Option<(Manifest, Vec<u8>)>, RebuildError> {
    let mut best: Option<(Manifest, Vec<u8>)> = None;
    for range in names.iter().filter(|range| range.start == start) {
        let signed = |bytes: &[u8]| Manifest::from_bytes(bytes).is_ok_and(|manifest| manifest.is_signed_by(&cx.ring));
        let Some(bytes) = get(cx, &range.manifest(), MAX_MANIFEST_BYTES, signed).await? else { continue };
        let Ok(manifest) = Manifest::from_bytes(&bytes) else { continue };
        let ours = manifest.chain == cx.chain && manifest.range == *range && manifest.prev_manifest == previous;
        if ours
            && manifest.is_signed_by(&cx.ring)
            && best.as_ref().is_none_or(|(other, _)| other.archived_at < manifest.archived_at)
        {
            best = Some((manifest, bytes));
        }
    }
    Ok(best)
}

/// The bytes of an object, at most so many, from the first place whose bytes are `good`; else from any.
async fn get(
    cx: &Context,
    name: &str,
    most: u64,
    good: impl Fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, RebuildError> {
    let key = cx.cold.key(&cx.chain, name);
    let (mut failed, mut other) = (None, None);
    for (_, bucket) in cx.cold.places() {
        match bucket.get_range(&key, 0, most).await {
            Ok(Some(bytes)) if good(&bytes) => return Ok(Some(bytes)),
            Ok(Some(bytes)) => other = other.or(Some(bytes)),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    match (other, failed) {
        (Some(bytes), _) => Ok(Some(bytes)),
        (None, Some(error)) => Err(RebuildError::Bucket { key, error }),
        (None, None) => Ok(None),
    }
}

/// Makes a row; it may be there already, as this would make it.
async fn put(cx: &Context, key: Key, value: Vec<u8>, what: &'static str) -> Result<(), RebuildError> {
    match cx.table.put(&key, value.clone(), Condition::Absent).await {
        Ok(_) => Ok(()),
        Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => match cx.table.get(&key).await? {
            Some(row) if row.value == value => Ok(()),
            Some(_) => Err(RebuildError::NotEmpty { key: key.to_string(), what }),
            None => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

impl Work<'_> {
    async fn archive(&mut self, manifest: &Manifest, bytes: &[u8]) -> Result<(), RebuildError> {
        let range = manifest.range;
        let damaged = |what: String| RebuildError::Damaged { range, what };
        if manifest.prev_hash != self.hash || manifest.blocks.first().map(|block| block.n) != Some(self.next_block) {
            return Err(damaged("it does not follow the one before".to_owned()));
        }
        let whole = |object: &[u8]| Hash::of(object) == manifest.gzip_sha256;
        let object = get(self.cx, &range.object(), manifest.bytes_compressed + 1, whole).await?;
        let recorded_at = match object {
            Some(object) => {
                if let Some(found) = faults(manifest, &object, &check::options(self.cx)).first() {
                    return Err(damaged(String::from_utf8_lossy(&found.to_value().canonical()).into_owned()));
                }
                self.blocks(manifest, &object).await?
            }
            None => self.kept(manifest).await?,
        };
        let sha256 = Hash::of(bytes);
        put(self.cx, archives::manifest(&self.cx.chain, range.start, &sha256), bytes.to_vec(), "manifest").await?;
        let before = self.claims.last().and_then(|(claim, _)| claim.signed.as_ref());
        let complete_after = before.map_or(manifest.last_at, |signed| signed.complete_after.max(manifest.last_at));
        let copies = self.cx.cold.places().count() as u64;
        let signed = Signed {
            manifest: sha256,
            first_at: manifest.first_at,
            last_at: manifest.last_at,
            complete_after,
            bytes: manifest.bytes_compressed,
            bytes_uncompressed: manifest.bytes_uncompressed,
            copies,
            lock: None,
        };
        let claim = Claim {
            range,
            first_block: manifest.blocks.first().map_or(0, |block| block.n),
            last_block: self.next_block - 1,
            archived_at: manifest.archived_at,
            recorded_at,
            by: None,
            state: State::Claimed,
            signed: Some(signed),
            kept: None,
        };
        self.claims.push((claim, sha256));
        Ok(())
    }

    /// Stubs and markers of an archive whose lines are there; when its last event was recorded.
    async fn blocks(&mut self, manifest: &Manifest, object: &[u8]) -> Result<Timestamp, RebuildError> {
        let damaged = |what: String| RebuildError::Damaged { range: manifest.range, what };
        let options = check::options(self.cx);
        let mut recorded_at = manifest.archived_at;
        for place in &manifest.blocks {
            let block = rebuilt(manifest, place, object).map_err(|refusal| damaged(refusal.to_string()))?;
            let plain = check_and_keep(&block, &options)
                .map(|kept| kept.plain)
                .map_err(|found| damaged(String::from_utf8_lossy(&found.to_value().canonical()).into_owned()))?;
            if block.header.first_seq != self.seq + 1 || block.header.prev_hash != self.hash {
                return Err(damaged(format!("block {} does not follow the one before", place.n)));
            }
            self.listen(&plain);
            for view in views(&plain) {
                if let Some(edge) = &mut self.edge {
                    edge.push(leaf(&view.hash));
                }
                self.leave_edge(view.seq, place.n).await?;
            }
            let derived = derive_block(&block).map_err(ReadError::damaged(place.n))?;
            self.cx.table.put_many(rows::lasting(&self.cx.chain, SCHEMA, &derived)).await?;
            let stub = Stub::of(&block, manifest.range, place.offset);
            self.stub(&stub).await?;
            recorded_at = block.header.recorded_at;
        }
        Ok(recorded_at)
    }

    /// Stubs of an archive whose lines expired, and the markers of what was kept of them.
    async fn kept(&mut self, manifest: &Manifest) -> Result<Timestamp, RebuildError> {
        let damaged = |what: String| RebuildError::Damaged { range: manifest.range, what };
        let bytes =
            get(self.cx, &manifest.range.kept(), MAX_KEPT_BYTES, |bytes| Kept::from_bytes(bytes).is_ok()).await?;
        let bytes = bytes.ok_or_else(|| damaged("its object is gone, and it did not expire".to_owned()))?;
        let kept = Kept::from_bytes(&bytes).map_err(|refusal| damaged(refusal.to_string()))?;
        self.gone.push((manifest.range, Hash::of(&bytes)));
        let mut recorded_at = manifest.archived_at;
        for (i, place) in manifest.blocks.iter().enumerate() {
            let header = kept.headers.get(i).filter(|header| {
                (header.n, header.first_seq, header.count) == (place.n, place.first_seq, place.count)
                    && header.prev_hash == self.hash
                    && header.chain == manifest.chain
            });
            let header = header.ok_or_else(|| damaged(format!("the header of block {} is not kept", place.n)))?.clone();
            let lines = kept.lines_of(&header);
            self.listen(&lines);
            let derived = derive_lines(&header, &lines);
            self.cx.table.put_many(rows::lasting(&self.cx.chain, SCHEMA, &derived)).await?;
            recorded_at = header.recorded_at;
            // Nobody can read the members any more, so nothing is held against their hash.
            let (offset, length, sha256) = (place.offset, place.length, Hash::ZERO);
            self.stub(&Stub { header, archive: manifest.range, offset, length, sha256 }).await?;
            self.edge = None;
            self.leave_edge(self.seq, place.n).await?;
        }
        if self.hash != manifest.head_hash {
            return Err(damaged("the headers that were kept do not end where it ends".to_owned()));
        }
        Ok(recorded_at)
    }

    async fn stub(&mut self, stub: &Stub) -> Result<(), RebuildError> {
        put(self.cx, rows::block(&self.cx.chain, stub.header.n), stub.to_row(), "block").await?;
        (self.next_block, self.seq) = (stub.header.n + 1, stub.header.last_seq());
        self.hash = stub.header.head_hash;
        Ok(())
    }

    /// What a signer leaves for the next, where a checkpoint ends with this event.
    async fn leave_edge(&mut self, seq: u64, block: u64) -> Result<(), RebuildError> {
        let Some(checkpoint) = self.checkpoints.get(&seq) else { return Ok(()) };
        if self.edge.is_none() {
            // Lines that expired left a tree that only its tiles know.
            self.edge = crate::tiles::edge_of(self.cx, checkpoint)
                .await
                .map_err(|error| RebuildError::Bucket { key: "tiles".to_owned(), error })?;
        }
        let Some(edge) = self.edge.as_ref().filter(|edge| edge.root() == checkpoint.root_hash) else { return Ok(()) };
        let key = rows::edge(&self.cx.chain, checkpoint.n, &checkpoint.head_hash);
        Ok(self.cx.table.put_many(vec![(key, rows::edge_value(block, edge))]).await?)
    }

    /// What do these lines say of archives?
    fn listen(&mut self, plain: &[u8]) {
        for (view, line) in views(plain).zip(plain.split(|b| *b == b'\n')) {
            let about = [ARCHIVED, EXPIRED].iter().any(|action| view.action == action.as_bytes());
            if !about || view.source != Source::AUDIT.as_bytes() {
                continue;
            }
            let Ok(event) = Event::from_line(line) else { continue };
            let metadata = event.draft.metadata();
            let number = |name: &str| metadata.get(name).and_then(Value::as_u64);
            let manifest = metadata.get("manifestSha256").and_then(|hash| Hash::from_hex(hash.as_str()?.as_bytes()));
            let Some(((start, end), manifest)) = number("startSeq").zip(number("endSeq")).zip(manifest) else {
                continue;
            };
            let key = (Range { start, end }, manifest);
            if event.draft.action().as_str() == ARCHIVED {
                self.said.archived.insert(key, event.draft.actor_id().map(str::to_owned));
            } else {
                let kept = metadata.get("keptSha256").and_then(|hash| Hash::from_hex(hash.as_str()?.as_bytes()));
                self.said.expired.insert(key, (event.draft.at(), kept));
            }
        }
    }

    /// The batches' records, now that all lines have been read. One whose event is lost is claimed, not
    /// done: the next archiver goes on with it, and names it again.
    async fn records(self, accept_gone: bool) -> Result<(), RebuildError> {
        let Work { cx, said, claims, gone, .. } = self;
        for (claim, sha256) in claims {
            let key = (claim.range, sha256);
            let (by, mut state) = match said.archived.get(&key) {
                Some(by) => (by.clone(), State::Done),
                None => (None, State::Claimed),
            };
            let kept = gone.iter().find(|(range, _)| *range == claim.range).map(|(_, kept)| *kept);
            match (said.expired.get(&key), kept) {
                (Some((at, said)), Some(kept)) if *said == Some(kept) => state = State::Expired(*at),
                (Some(_), Some(_)) => {
                    let what = "what was kept of it is not what the chain says".to_owned();
                    return Err(RebuildError::Damaged { range: claim.range, what });
                }
                // The event that announced it is lost with the hot events: whoever expires goes on here.
                (None, Some(_)) if accept_gone => state = State::Deleting(cx.clock.now()),
                (None, Some(_)) => return Err(RebuildError::Unannounced(claim.range)),
                (_, None) => {}
            }
            let claim = Claim { by, state, kept, ..claim };
            put(cx, archives::claim(&cx.chain, claim.range.start), claim.to_value(), "record of an archive").await?;
        }
        Ok(())
    }
}
