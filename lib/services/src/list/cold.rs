//! What a page lacks because it is archived, and what was restored for it.

use crate::Context;
use crate::archive::claims;
use crate::layout::archives::Claim;
use crate::restore::{self, Lease, Progress};
use domain::archive::Range;
use domain::time::Timestamp;
use ports::TableError;

/// Queries after which a page has looked for enough archives.
const MAX_PAGES: usize = 25;
/// Archives that a page names.
const MAX_NAMED: usize = 20;

/// Archived events that may belong on a page and are not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cold {
    /// Everything that happened after this is on the page, as far as the page goes.
    pub complete_after: Timestamp,
    /// The archives they are in, newest first; the first few of them.
    pub archives: Vec<Range>,
}

/// The newest batch whose blocks may be stubs.
pub(super) async fn newest_archived(cx: &Context) -> Result<Option<Claim>, TableError> {
    claims::newest_signed(cx).await
}

pub(super) async fn readable(cx: &Context) -> Result<Vec<Lease>, TableError> {
    let now = cx.clock.now();
    let leases = restore::leases(cx).await?;
    Ok(leases.into_iter().map(|(lease, _)| lease).filter(|lease| lease.is_readable(now)).collect())
}

/// Of these leases, those whose rows were all there until now: their sweep begins with another row.
pub(super) async fn still_there(cx: &Context, leases: &[Lease]) -> Result<Vec<Range>, TableError> {
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let now: Vec<Lease> = restore::leases(cx).await?.into_iter().map(|(lease, _)| lease).collect();
    let there = |lease: &&Lease| now.iter().any(|now| now.id == lease.id && now.progress == Progress::Ready);
    Ok(leases.iter().filter(there).map(|lease| lease.range).collect())
}

/// Which archives may hold events between `lowest` (or the beginning) and `highest`. Each batch knows the
/// greatest time of all batches before it, so that this looks only as far back as it must.
pub(super) async fn missing(
    cx: &Context,
    newest: Claim,
    lowest: Option<Timestamp>,
    highest: Timestamp,
    restored: &[Range],
) -> Result<Option<Cold>, TableError> {
    let (mut archives, mut complete_after) = (Vec::new(), None);
    let mut page = vec![newest];
    for _ in 0..MAX_PAGES {
        if page.is_empty() {
            break;
        }
        for claim in &page {
            let Some(signed) = &claim.signed else { continue };
            if lowest.is_some_and(|lowest| signed.complete_after < lowest) {
                return Ok(complete_after.map(|complete_after| Cold { complete_after, archives }));
            }
            let overlaps = signed.first_at <= highest && lowest.is_none_or(|lowest| signed.last_at >= lowest);
            if overlaps && !restored.contains(&claim.range) {
                complete_after = complete_after.max(Some(signed.last_at));
                archives.push(claim.range);
            }
            if archives.len() == MAX_NAMED {
                // The rest is no newer than this.
                let complete_after = complete_after.max(Some(signed.complete_after)).unwrap_or(signed.complete_after);
                return Ok(Some(Cold { complete_after, archives }));
            }
        }
        let before = page.last().map(|claim| claim.range.start);
        page = claims::before(cx, before, MAX_NAMED).await?.into_iter().map(|stored| stored.claim).collect();
    }
    if let Some(signed) = page.first().and_then(|claim| claim.signed.as_ref()) {
        // Enough was read for one page: what is older may lack events, too.
        complete_after = complete_after.max(Some(signed.complete_after));
    }
    Ok(complete_after.map(|complete_after| Cold { complete_after, archives }))
}
