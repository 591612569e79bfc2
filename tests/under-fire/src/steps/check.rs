//! What must be true of archived and hot events at every step, and when the work is done.

use super::work::{Work, claims};
use crate::{Finding, text};
use domain::archive::Range;
use domain::hash::Hash;
use domain::line::LineView;
use domain::verify::{Report, Status};
use ports::{KeyRange, Order};
use services::Context;
use services::archive::{ARCHIVED, announcement, expire};
use services::blocks::{ReadError, find_event, get_stored};
use services::layout::archives::{Claim, State};
use services::layout::rows;
use services::verify::{Request, Tiers, verify_tiers};
use std::collections::BTreeSet;

/// Rows that one look takes; there are fewer.
const ALL: usize = 10_000;

/// All lines, oldest first, each with its LF.
///
/// # Errors
/// Whatever keeps them from being read.
pub async fn lines(cx: &Context) -> Result<Vec<Vec<u8>>, Finding> {
    let mut export = services::export::Export::start(cx, 1, None).await.map_err(|e| text(&e))?;
    let mut lines = Vec::new();
    while let Some(some) = export.next().await.map_err(|e| text(&e))? {
        lines.extend(some.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec));
    }
    Ok(lines)
}

async fn verified(cx: &Context) -> Result<Report, Finding> {
    let request = Request { index: true, tiers: Tiers::All, ..Request::with_threads(0) };
    let report = verify_tiers(cx, request, |_, _| ()).await.map_err(|e| text(&e))?.report;
    match report.status() {
        Status::Intact => Ok(report),
        status => Err(format!("{status:?}: {:?} {:?}", report.breaks, report.missing)),
    }
}

/// A process died at any step of this: nothing is lost.
///
/// # Errors
/// What is.
pub async fn at_once(cx: &Context, work: Work, before: &[Vec<u8>]) -> Result<(), Finding> {
    if work == Work::Rebuild {
        // A table that is not whole yet is for nobody to read.
        return Ok(());
    }
    verified(cx).await?;
    let claims = claims(cx).await?;
    if work != Work::Expire && !lines(cx).await?.starts_with(before) {
        return Err("LOST: the export does not begin with the lines before".to_owned());
    }
    for (seq, line) in (1..).zip(before) {
        read_back(cx, &claims, seq, line).await?;
    }
    for claim in &claims {
        in_the_cold_store(cx, claim).await?;
    }
    Ok(())
}

/// The event is read as it was, or it expired and the chain says so.
async fn read_back(cx: &Context, claims: &[Claim], seq: u64, line: &[u8]) -> Result<(), Finding> {
    match find_event(cx, seq).await {
        Ok(Some(found)) if Some(&found.line[..]) == line.strip_suffix(b"\n") => Ok(()),
        Ok(_) => Err(format!("LOST: event {seq} is not there, or another")),
        Err(ReadError::Expired { archive, .. }) => {
            let claim = claims.iter().find(|claim| claim.range == archive && archive.holds(seq));
            let Some(State::Deleting(_) | State::Expired(_)) = claim.map(|claim| claim.state) else {
                return Err(format!("event {seq} is said to be expired, its batch does not: {claim:?}"));
            };
            Ok(())
        }
        Err(error) => Err(format!("LOST: event {seq}: {}", text(&error))),
    }
}

/// Whatever of a batch is a stub has its archive, in both places; what expired is gone as a whole.
async fn in_the_cold_store(cx: &Context, claim: &Claim) -> Result<(), Finding> {
    let range = claim.range;
    let mut stubs = false;
    for n in claim.first_block..=claim.last_block {
        let stored = get_stored(cx, n).await.map_err(|e| text(&e))?;
        stubs |= matches!(stored, Some(domain::block::Stored::Cold(stub)) if stub.archive == range);
    }
    if !stubs {
        return Ok(());
    }
    let signed = claim.signed.as_ref().ok_or_else(|| format!("events {range} have stubs and no manifest"))?;
    let goes = matches!(claim.state, State::Deleting(_) | State::Expired(_));
    for (place, bucket) in cx.cold.places() {
        let get = async |name: String| bucket.get(&cx.cold.key(&cx.chain, &name)).await.map_err(|e| text(&e));
        let manifest = get(range.manifest()).await?.unwrap_or_default();
        if Hash::of(&manifest) != signed.manifest {
            return Err(format!("events {range} have stubs, and the {place} has no such manifest"));
        }
        let manifest = domain::archive::Manifest::from_bytes(&manifest).map_err(|e| e.to_string())?;
        match get(range.object()).await? {
            Some(object) if Hash::of(&object) == manifest.gzip_sha256 => {}
            None if goes => {}
            _ => return Err(format!("events {range} have stubs, and the {place} has no such object")),
        }
    }
    Ok(())
}

/// The work is done: everything is there, once.
///
/// # Errors
/// What is not.
pub async fn finished(cx: &Context, work: Work, before: &[Vec<u8>]) -> Result<(), Finding> {
    let claims = claims(cx).await?;
    let report = verified(cx).await?;
    if work == Work::Expire {
        let ranges: Vec<Range> = claims.iter().map(|claim| claim.range).collect();
        if report.expired != ranges || !claims.iter().all(|claim| matches!(claim.state, State::Expired(_))) {
            return Err(format!("not all expired: {:?} of {claims:?}", report.expired));
        }
    } else if !claims.iter().all(|claim| claim.state == State::Done) {
        return Err(format!("a batch is not done: {claims:?}"));
    }
    at_once(cx, work, before).await?;
    let mut next = 1;
    for claim in &claims {
        if claim.range.start != next {
            return Err(format!("there is no batch that starts with event {next}: {claims:?}"));
        }
        next = claim.range.end + 1;
    }
    one_event_each(cx, &claims, work == Work::Expire).await?;
    one_manifest_each(cx, &claims).await?;
    objects(cx, &claims, work == Work::Expire).await?;
    no_entries(cx, &claims).await?;
    if work == Work::Restore { listed(cx, &claims, before).await } else { Ok(()) }
}

async fn one_event_each(cx: &Context, claims: &[Claim], expired: bool) -> Result<(), Finding> {
    let mut found = [Vec::new(), Vec::new()];
    let last = match services::blocks::find_head(cx, 0).await {
        Ok(head) => head.seq,
        Err(error) => return Err(text(&error)),
    };
    for seq in 1..=last {
        let line = match find_event(cx, seq).await {
            Ok(found) => found.map(|found| found.line).unwrap_or_default(),
            // Events of others.
            Err(ReadError::Expired { .. }) => continue,
            Err(error) => return Err(text(&error)),
        };
        let view = LineView::of(&line).ok_or_else(|| format!("event {seq} is no line"))?;
        for (action, digests) in [ARCHIVED, expire::EXPIRED].iter().zip(&mut found) {
            if view.action == action.as_bytes() {
                digests.push(view.draft_digest());
            }
        }
    }
    let archived: Vec<_> = claims.iter().filter_map(announcement).map(|event| event.digest()).collect();
    let gone: Vec<_> = claims.iter().filter_map(expire::announcement).map(|event| event.digest()).collect();
    if found != [archived, gone] || expired && found[1].len() != claims.len() {
        return Err(format!("{} events name {} batches, {} their end", found[0].len(), claims.len(), found[1].len()));
    }
    Ok(())
}

/// In the table, the manifests that the batches name, and no other.
async fn one_manifest_each(cx: &Context, claims: &[Claim]) -> Result<(), Finding> {
    let named: Vec<_> = claims.iter().filter_map(|claim| claim.signed.as_ref()).map(|signed| signed.manifest).collect();
    let partition = format!("manifest#{}", cx.chain);
    let rows = cx.table.query(&partition, &KeyRange::all(), Order::Ascending, ALL).await.map_err(|e| text(&e))?;
    let there: Vec<_> = rows.iter().map(|row| Hash::of(&row.value)).collect();
    if there == named { Ok(()) } else { Err(format!("{} manifests for {} batches", there.len(), named.len())) }
}

/// In both places, what belongs to the batches, and nothing else.
async fn objects(cx: &Context, claims: &[Claim], expired: bool) -> Result<(), Finding> {
    let names = |range: Range| [if expired { range.kept() } else { range.object() }, range.manifest()];
    let wanted: BTreeSet<String> =
        claims.iter().flat_map(|claim| names(claim.range)).map(|name| cx.cold.key(&cx.chain, &name)).collect();
    for (place, bucket) in cx.cold.places() {
        let there = bucket.list("", None, ALL).await.map_err(|e| text(&e))?;
        let there: BTreeSet<String> = there.into_iter().map(|meta| meta.key).collect();
        if there != wanted {
            return Err(format!("the {place} holds {there:?}"));
        }
    }
    Ok(())
}

async fn no_entries(cx: &Context, claims: &[Claim]) -> Result<(), Finding> {
    let last = claims.last().map_or(0, |claim| claim.last_block);
    let partition = rows::entry_partition(&cx.chain, rows::SCHEMA);
    let all = cx.table.query(&partition, &KeyRange::all(), Order::Ascending, ALL).await.map_err(|e| text(&e))?;
    let left = all.iter().find(|row| rows::entry_parts(&row.key.sort).is_none_or(|(_, block)| block <= last));
    left.map_or(Ok(()), |row| Err(format!("the entry {} of a stub was left", row.key)))
}

/// A list includes the restored batch, once, and is no longer complete without the other.
async fn listed(cx: &Context, claims: &[Claim], before: &[Vec<u8>]) -> Result<(), Finding> {
    let query = services::list::Query { limit: 500, before: None, cursor: None, caller: "anna".to_owned() };
    let page = services::list::list(cx, &query).await.map_err(|e| text(&e))?;
    let leases = services::restore::leases(cx).await.map_err(|e| text(&e))?;
    let [other, restored, ..] = claims else { return Err("there are no two batches".to_owned()) };
    let cold = page.cold.map(|cold| cold.archives).unwrap_or_default();
    if page.restored != [restored.range] || leases.len() != 1 || cold != [other.range] {
        return Err(format!("restored: {:?}, cold: {cold:?}, leases: {leases:?}", page.restored));
    }
    let mut listed = page.lines;
    listed.sort_by_key(|line| LineView::of(line).map(|view| view.seq));
    let wanted = (1..).zip(before).filter(|(seq, _)| *seq >= restored.range.start).map(|(_, line)| line);
    let same = wanted.clone().count() == listed.len()
        && wanted.zip(&listed).all(|(line, listed)| line.strip_suffix(b"\n") == Some(&listed[..]));
    if same { Ok(()) } else { Err("the list is not what was there before".to_owned()) }
}
