//! An operator's run: said in the log first, so that what was the newest block until then may go, too.

use super::plan::check_clock;
use super::{ARCHIVED, ArchiveError, Request, claims};
use crate::Context;
use crate::append::Appender;
use crate::blocks::{ReadError, find_head, get_stored};
use crate::derive;
use crate::layout::rows::SCHEMA;
use domain::block::{Block, Stored, views};
use domain::event::Draft;
use domain::hash::hex;
use domain::json::Object;
use domain::names::{ActorType, Source};

/// The action of the event by which an operator's run is said.
pub const REQUESTED: &str = "audit.archive_requested";
/// Events that one run of its own chains, at most: a block of more is no block of only these.
const OWN_EVENTS: u64 = 4;

/// Chains that an operator asks, where the newest block is due and there is anything to archive but what
/// earlier runs said.
pub(super) async fn say(cx: &Context, appender: &Appender, request: &Request) -> Result<(), ArchiveError> {
    let Some(by) = &request.by else { return Ok(()) };
    let (watermark, _) = derive::watermark(cx, SCHEMA).await?;
    let head = find_head(cx, watermark).await?;
    if head.recorded_at.is_none_or(|recorded_at| recorded_at > request.cutoff) {
        return Ok(());
    }
    let newest = claims::newest(cx).await?.map(|stored| stored.claim);
    let mut n = newest.as_ref().map_or(1, |claim| claim.last_block + 1);
    while n <= head.block {
        match get_stored(cx, n).await? {
            Some(Stored::Hot(block)) if !is_of_runs_only(&block)? => break,
            _ => n += 1,
        }
    }
    if n > head.block {
        return Ok(());
    }
    check_clock(cx, &head, newest.as_ref())?;
    let metadata = Object::of([("cutoff", request.cutoff.to_string().into())]);
    let name = format!("archive-requested:{}", hex(&cx.ids.nonce()));
    let event = Draft::internal(REQUESTED, name, cx.clock.now(), metadata).expect("the action is one of the log's own");
    appender.append(vec![event.by(ActorType::User, Some(by.clone()))]).await?;
    derive::derive(cx, SCHEMA, u64::MAX).await?;
    Ok(())
}

/// Whether a block holds nothing but what runs of the archiver said: by itself, that is no reason for
/// another archive, or each run would make work for the next.
pub(super) fn is_of_runs_only(block: &Block) -> Result<bool, ReadError> {
    if block.header.count > OWN_EVENTS {
        return Ok(false);
    }
    let plain = block.lines().map_err(ReadError::damaged(block.header.n))?;
    let own = |action: &[u8]| [ARCHIVED, REQUESTED].iter().any(|own| own.as_bytes() == action);
    Ok(views(&plain).all(|view| view.source == Source::AUDIT.as_bytes() && own(view.action)))
}
