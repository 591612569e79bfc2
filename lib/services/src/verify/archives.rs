//! The archived part of a chain: stubs against their batch's manifest, and, where that is asked for,
//! everything in the cold store against both.

use crate::Context;
use crate::archive::{self, claims, expire};
use crate::blocks::{ReadError, get_event};
use crate::layout::archives::{Claim, State};
use crate::view::View;
use domain::archive::{Manifest, Range, faults};
use domain::block::Stub;
use domain::derived::Marker;
use domain::event::{Draft, Identity};
use domain::hash::Hash;
use domain::time::Timestamp;
use domain::verify::{Break, BreakKind, Chunk, Options, Walk};
use ports::{Bucket, TableError};
use std::sync::Arc;

/// Follows the batches along a walk over blocks.
pub(super) struct Archives<'a> {
    cx: &'a Context,
    options: &'a Options,
    /// Whether the cold store is read.
    read: bool,
    /// What is chained, as far as markers do not say yet; `None` where the chain's end cannot be read.
    view: Option<View>,
    current: Option<Current>,
    /// Last event of the batch before, and SHA-256 of its manifest; `None` where that is not known.
    previous: (u64, Option<Hash>),
}

struct Current {
    range: Range,
    /// Its last block, and when that was recorded, as its record says.
    last: u64,
    recorded_at: Timestamp,
    manifest: Option<Manifest>,
    /// The object, where it was read and holds.
    object: Option<Vec<u8>>,
}

/// What becomes of a block whose row is a stub.
pub(super) enum Next {
    /// Only its header is there to be looked at.
    Header,
    /// The block, from its archive.
    Run(Chunk),
}

/// Whether the chain says something.
enum Named {
    Yes,
    No,
    /// It cannot be told now, and why.
    Unknown(String),
}

impl<'a> Archives<'a> {
    /// `first` says whether the walk begins with the first batch.
    pub(super) async fn new(cx: &'a Context, options: &'a Options, read: bool, first: bool) -> Self {
        let view = View::load(cx).await.ok();
        Self { cx, options, read, view, current: None, previous: (0, first.then_some(Hash::ZERO)) }
    }

    /// Whether this stub belongs to another batch than the one before.
    pub(super) fn begins(&self, stub: &Stub) -> bool {
        self.current.as_ref().is_none_or(|current| current.range != stub.archive)
    }

    /// Looks at the stub of block `n`. The walk has joined everything before it if the stub
    /// [begins](Self::begins) a batch.
    pub(super) async fn stub(&mut self, n: u64, stub: &Stub, walk: &mut Walk) -> Result<Next, ReadError> {
        if self.begins(stub) {
            self.begin(stub, walk).await?;
        }
        let Some(Current { range, last, recorded_at, manifest: Some(manifest), object }) = &self.current else {
            return Ok(Next::Header);
        };
        let header = &stub.header;
        let first = manifest.blocks.first().map_or(0, |block| block.n);
        let place = n.checked_sub(first).and_then(|i| manifest.blocks.get(usize::try_from(i).ok()?));
        let agrees = place.is_some_and(|place| {
            (place.n, place.first_seq, place.count, place.offset, place.length)
                == (header.n, header.first_seq, header.count, stub.offset, stub.length)
        });
        let agrees = agrees && (n < *last || header.recorded_at == *recorded_at);
        if !agrees {
            let found = Break { seq: Some(header.first_seq), ..Break::of_manifest(*range) };
            walk.archive(Break { block: Some(n), ..found });
            return Ok(Next::Header);
        }
        let bytes = object.as_ref().and_then(|object| {
            let start = usize::try_from(stub.offset).ok()?;
            object.get(start..start.checked_add(usize::try_from(stub.length).ok()?)?)
        });
        let Some(bytes) = bytes else { return Ok(Next::Header) };
        if Hash::of(bytes) != stub.sha256 {
            let found = Break::at_event(BreakKind::BlockHeaderMismatch, header.first_seq);
            walk.archive(Break { block: Some(n), member: Some("sha256"), ..found });
        }
        Ok(Next::Run(Chunk::Block { n, row: stub.row_with(bytes) }))
    }

    async fn begin(&mut self, stub: &Stub, walk: &mut Walk) -> Result<(), ReadError> {
        let range = stub.archive;
        let recorded_at = stub.header.recorded_at;
        self.current = Some(Current { range, last: 0, recorded_at, manifest: None, object: None });
        let previous = match std::mem::replace(&mut self.previous, (range.end, None)) {
            (end, previous) if end + 1 == range.start => previous,
            // Its blocks were hot still when the walk came by.
            _ => self.manifest_before(range.start).await?,
        };
        let Some((claim, bytes)) = self.record(range).await? else {
            walk.archive(Break::of_manifest(range));
            return Ok(());
        };
        let Ok(manifest) = claims::believed(self.cx, &claim, &bytes) else {
            walk.archive(Break::of_manifest(range));
            return Ok(());
        };
        self.previous = (range.end, Some(Hash::of(&bytes)));
        // Blocks before this one may have been hot still when the walk came by.
        let is_first = manifest.blocks.first().is_none_or(|first| first.n >= stub.header.n);
        let begins = stub.header.first_seq == range.start && stub.header.prev_hash == manifest.prev_hash;
        let follows = previous.is_none_or(|previous| previous == manifest.prev_manifest) && (begins || !is_first);
        if !follows {
            walk.archive(Break::of_manifest(range));
        }
        let gone = self.words(&claim, walk).await?;
        let object = match self.read && !gone {
            true => self.contents(&claim, &manifest, &bytes, walk).await?,
            false => None,
        };
        let (last, recorded_at) = (claim.last_block, claim.recorded_at);
        self.current = Some(Current { range, last, recorded_at, manifest: Some(manifest), object });
        Ok(())
    }

    /// The manifest of the batch before the one that starts here, as that batch's record names it.
    async fn manifest_before(&self, start: u64) -> Result<Option<Hash>, ReadError> {
        match claims::before(self.cx, Some(start), 1).await {
            Ok(mut before) => Ok(before.pop().and_then(|stored| stored.claim.signed).map(|signed| signed.manifest)),
            Err(TableError::Rejected(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The claim of a batch and its manifest's bytes, if there are such.
    async fn record(&self, range: Range) -> Result<Option<(Claim, Vec<u8>)>, ReadError> {
        let claim = match claims::get(self.cx, range.start).await {
            Ok(claim) => claim.map(|stored| stored.claim).filter(|claim| claim.range == range),
            Err(TableError::Rejected(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(claim) = claim else { return Ok(None) };
        let bytes = claims::manifest_bytes(self.cx, &claim).await?;
        Ok(bytes.map(|bytes| (claim, bytes)))
    }

    /// Whether the chain holds this event of ours, word for word. With `read`, the event itself is looked at,
    /// and not only its marker.
    async fn names(&self, event: Option<Draft>, read: bool) -> Result<Named, ReadError> {
        let Some(event) = event else { return Ok(Named::No) };
        let Some(view) = &self.view else {
            return Ok(Named::Unknown("the end of the chain cannot be read".to_owned()));
        };
        let identity = event.identity(&self.cx.chain);
        let marker = match marker_of(self.cx, view, &identity).await? {
            Some(marker) => Some(marker),
            // It may have been chained since the view was made.
            None => marker_of(self.cx, &View::load(self.cx).await?, &identity).await?,
        };
        let Some(marker) = marker else { return Ok(Named::No) };
        if !read {
            return Ok(if marker.digest == event.digest() { Named::Yes } else { Named::No });
        }
        let line = match get_event(self.cx, marker.seq).await {
            Ok(line) => line,
            // What the log says of archives is kept for ever: this is another event.
            Err(ReadError::Expired { .. }) => return Ok(Named::No),
            Err(error @ (ReadError::Damaged { .. } | ReadError::Cold { .. })) => {
                return Ok(Named::Unknown(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let found = line.as_deref().and_then(domain::line::LineView::of);
        let is_it = found.is_some_and(|view| view.identity() == identity && view.draft_digest() == event.digest());
        Ok(if is_it { Named::Yes } else { Named::No })
    }

    /// Lines are gone rightly only where the chain says so: whoever can write rows must not be believed.
    async fn is_expired(&self, claim: &Claim) -> Result<Named, ReadError> {
        self.names(expire::announcement(claim), true).await
    }

    /// Whether this claim's manifest is named, and if its lines may be gone, whether that is said.
    async fn words(&self, claim: &Claim, walk: &mut Walk) -> Result<bool, ReadError> {
        let range = claim.range;
        let unknown = |what: String| format!("whether an event names the archive of events {range}: {what}");
        match self.names(archive::announcement(claim), self.read).await? {
            Named::Yes => {}
            Named::Unknown(what) => walk.missing(unknown(what)),
            // In a table that was made anew, after the event that named it was lost.
            Named::No if claim.state == State::Claimed => {
                walk.missing(format!("no event names the manifest of events {range} yet; archive again"));
            }
            Named::No => walk.archive(Break::of_manifest(range)),
        }
        if !matches!(claim.state, State::Deleting(_) | State::Expired(_)) {
            return Ok(false);
        }
        match self.is_expired(claim).await? {
            Named::Yes => {
                walk.expired(range);
                if self.read {
                    self.kept(claim, walk).await?;
                }
            }
            Named::Unknown(what) => walk.missing(unknown(what)),
            // Announced first: until then the lines have to be there.
            Named::No if matches!(claim.state, State::Deleting(_)) => return Ok(false),
            Named::No => walk.archive(Break::of_archive(range, range.start)),
        }
        Ok(true)
    }

    /// What stays of lines that expired is where it was put.
    async fn kept(&self, claim: &Claim, walk: &mut Walk) -> Result<(), ReadError> {
        let Some(bytes) = claims::manifest_bytes(self.cx, claim).await? else { return Ok(()) };
        for (i, (place, bucket)) in self.cx.cold.places().enumerate() {
            let member = (i > 0).then_some("copy");
            let key = |name: &str| self.cx.cold.key(&self.cx.chain, name);
            let manifest = bucket.get_range(&key(&claim.range.manifest()), 0, bytes.len() as u64 + 1).await;
            let back = bucket.head(&key(&claim.range.object())).await;
            if matches!(back, Ok(Some(_))) && matches!(claim.state, State::Expired(_)) {
                let range = claim.range;
                walk.missing(format!("the lines of events {range} expired, and are in the {place} again: delete them"));
            }
            let kept = bucket.get_range(&key(&claim.range.kept()), 0, crate::cold::MAX_KEPT_BYTES).await;
            match (manifest, kept) {
                (Ok(manifest), Ok(kept)) => {
                    if manifest.as_deref() != Some(&bytes[..]) {
                        walk.archive(Break { member, ..Break::of_manifest(claim.range) });
                    }
                    // Put after the announcement: while it is being deleted it may still be on its way.
                    let there = kept.map(|kept| Hash::of(&kept)) == claim.kept;
                    if !there && matches!(claim.state, State::Expired(_)) {
                        walk.archive(Break { member, ..Break::of_archive(claim.range, claim.range.start) });
                    }
                }
                (Err(error), _) | (_, Err(error)) => {
                    walk.missing(format!("what was kept of events {} in the {place}: {error}", claim.range));
                }
            }
        }
        Ok(())
    }

    /// Reads everything of a batch that is in the cold store; its object, if it holds.
    async fn contents(
        &self,
        claim: &Claim,
        manifest: &Manifest,
        bytes: &[u8],
        walk: &mut Walk,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let (mut sound, mut holds) = (None, true);
        for (i, (place, bucket)) in self.cx.cold.places().enumerate() {
            // Which copy it is of which something does not hold.
            let member = (i > 0).then_some("copy");
            match self.one_copy(bucket, manifest, bytes).await {
                Ok((found, object)) => {
                    if !found.is_empty() && self.is_expired_now(claim).await? {
                        walk.expired(claim.range);
                        return Ok(None);
                    }
                    holds &= found.is_empty();
                    found.into_iter().for_each(|found| walk.archive(Break { member, ..found }));
                    sound = sound.or(object);
                }
                Err(what) => {
                    holds = false;
                    walk.missing(format!("the archive of events {} in the {place}: {what}", claim.range));
                }
            }
        }
        if holds {
            walk.archive_holds();
        }
        Ok(sound)
    }

    async fn one_copy(
        &self,
        bucket: &Arc<dyn Bucket>,
        manifest: &Manifest,
        bytes: &[u8],
    ) -> Result<(Vec<Break>, Option<Vec<u8>>), String> {
        let key = |name: &str| self.cx.cold.key(&self.cx.chain, name);
        let mut found = Vec::new();
        let limit = bytes.len() as u64 + 1;
        let copy = bucket.get_range(&key(&manifest.range.manifest()), 0, limit).await.map_err(|e| e.to_string())?;
        if copy.as_deref() != Some(bytes) {
            found.push(Break::of_manifest(manifest.range));
        }
        let limit = manifest.bytes_compressed + 1;
        let object = bucket.get_range(&key(&manifest.range.object()), 0, limit).await.map_err(|e| e.to_string())?;
        let object = object.unwrap_or_default();
        let faults = faults(manifest, &object, self.options);
        let object = faults.is_empty().then_some(object);
        found.extend(faults);
        Ok((found, object))
    }

    async fn is_expired_now(&self, claim: &Claim) -> Result<bool, ReadError> {
        match claims::get(self.cx, claim.range.start).await? {
            Some(now) if matches!(now.claim.state, State::Deleting(_) | State::Expired(_)) => {
                Ok(matches!(self.is_expired(&now.claim).await?, Named::Yes))
            }
            _ => Ok(false),
        }
    }
}

async fn marker_of(cx: &Context, view: &View, identity: &Identity) -> Result<Option<Marker>, ReadError> {
    match view.look_up(cx, std::slice::from_ref(identity)).await?.pop().flatten() {
        Some(marker) => Ok(Some(marker)),
        None => view.recall(cx, identity).await,
    }
}

/// Looks at one batch alone, as it is in the cold store. What does not hold, and what could not be read.
pub(crate) async fn one_batch(
    cx: &Context,
    claim: &Claim,
    options: &Options,
) -> Result<(Vec<Break>, Vec<String>), ReadError> {
    let mut walk = Walk::new(options.clone(), Some(cx.chain.clone()), None);
    let archives =
        Archives { cx, options, read: true, view: View::load(cx).await.ok(), current: None, previous: (0, None) };
    let manifest = match archives.record(claim.range).await? {
        Some((_, bytes)) => claims::believed(cx, claim, &bytes).ok().map(|manifest| (manifest, bytes)),
        None => None,
    };
    match manifest {
        None => walk.archive(Break::of_manifest(claim.range)),
        Some((manifest, bytes)) => {
            if !archives.words(claim, &mut walk).await? {
                archives.contents(claim, &manifest, &bytes, &mut walk).await?;
            }
        }
    }
    let report = walk.finish().map_err(|error| TableError::Unavailable(error.to_string()))?;
    Ok((report.breaks, report.missing))
}
