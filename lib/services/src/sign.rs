//! Signing checkpoints: numbered slots, each created once.
//!
//! The signer reads every line since the last checkpoint in full before it vouches for it, and
//! refuses a history that does not extend the one it vouched for last.

use crate::blocks::{ReadError, find_head, get_block};
use crate::checkpoints::{self, CheckpointError, Stored};
use crate::guard::{self, GuardError, Rollback};
use crate::layout::rows;
use crate::planted::{Bug, planted};
use crate::tiles::{self, Tiles};
use crate::view::View;
use crate::{Context, derive};
use domain::block::Head;
use domain::checkpoint::{Checkpoint, Reason};
use domain::hash::Hash;
use domain::json::Refusal;
use domain::merkle::{Edge, leaf};
use ports::{BucketError, Condition, SignerError, TableError};

/// Attempts before a race or an unknown outcome is left to the next tick.
const MAX_ATTEMPTS: u32 = 8;

/// No checkpoint was made, or it is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The chain, the checkpoints or their copies.
    #[error("sign a checkpoint")]
    Guard(#[source] GuardError),
    /// The table has lost history.
    #[error(transparent)]
    Rollback(#[from] Rollback),
    /// The key.
    #[error("sign a checkpoint")]
    Signer(#[from] SignerError),
    /// The chain does not extend what the last checkpoint vouches for.
    #[error("the chain does not extend checkpoint {n}: {what}; run `verify` for the exact place")]
    DoesNotExtend {
        /// The last checkpoint.
        n: u64,
        /// What is wrong.
        what: String,
    },
}

impl From<GuardError> for SignError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Rollback(rollback) => Self::Rollback(rollback),
            error => Self::Guard(error),
        }
    }
}

impl From<ReadError> for SignError {
    fn from(error: ReadError) -> Self {
        Self::Guard(error.into())
    }
}

impl From<TableError> for SignError {
    fn from(error: TableError) -> Self {
        Self::Guard(error.into())
    }
}

impl From<BucketError> for SignError {
    fn from(error: BucketError) -> Self {
        Self::Guard(error.into())
    }
}

impl From<CheckpointError> for SignError {
    fn from(error: CheckpointError) -> Self {
        Self::Guard(error.into())
    }
}

/// Makes a checkpoint of the head; `None` if the newest one vouches for it already.
///
/// # Errors
/// See [`SignError`]; nothing is lost, the next tick tries again.
pub async fn sign(cx: &Context, reason: Reason) -> Result<Option<Checkpoint>, SignError> {
    let mut last = TableError::Unavailable("other signers were faster every time".to_owned());
    for _ in 0..MAX_ATTEMPTS {
        bring_back_rows(cx).await?;
        let previous = checkpoints::latest(cx).await?;
        // Whoever makes the next one first makes sure that this one's copy is there.
        if let Some(previous) = &previous
            && !planted(Bug::CopyIsForgotten)
        {
            tiles::ensure_published(cx, previous).await?;
        }
        let view = View::load(cx).await?;
        if !planted(Bug::SignsDespiteRollback) {
            guard::compare(cx, &view.accepted).await?;
        }
        // Behind an accepted break the head may lie before what was vouched for. It is signed once it
        // lies beyond, as `headSeq` grows with `n` whatever happened.
        let vouched = previous.as_ref().map_or(0, |p| p.checkpoint.head_seq);
        let vouched = if planted(Bug::SignsBehind) && vouched != view.head.seq { 0 } else { vouched };
        if view.head.seq <= vouched && !(view.head.seq > 0 && planted(Bug::SignsTheSameHead)) {
            return Ok(None);
        }
        let (edge, tiles) = extend(cx, previous.as_ref(), &view.head).await?;
        let checkpoint = statement(cx, previous.as_ref(), &view.head, &edge, reason).await?;
        let line = checkpoint.line();
        let by_head = planted(Bug::CheckpointsByHead);
        let key = rows::checkpoint(&cx.chain, if by_head { checkpoint.head_seq } else { checkpoint.n });
        if planted(Bug::CopyBeforeCommit) {
            tiles::put_copy(cx, &checkpoint).await?;
        }
        let edge_key = rows::edge(&cx.chain, checkpoint.n, &checkpoint.head_hash);
        cx.table.put(&edge_key, rows::edge_value(view.head.block, &edge), Condition::Any).await?;
        match cx.table.put(&key, line.clone(), Condition::Absent).await {
            Ok(_) => {}
            Err(TableError::Conflict(_)) if planted(Bug::LoserHandsOut) => return Ok(Some(checkpoint)),
            Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => {
                let there = cx.table.get(&key).await?;
                if there.is_none_or(|row| row.value != line) {
                    // Another's, or not there yet: read again and sign only what lies beyond.
                    last = error;
                    continue;
                }
            }
            Err(error) => return Err(error.into()),
        }
        tiles.publish(cx, &checkpoint).await?;
        tracing::info!(chain = %cx.chain, n = checkpoint.n, seq = checkpoint.head_seq, "signed checkpoint");
        return Ok(Some(checkpoint));
    }
    Err(last.into())
}

/// A row that is gone while its copy speaks of an event that is here comes back: the number is taken,
/// and another checkpoint under it would contradict every copy that somebody kept.
async fn bring_back_rows(cx: &Context) -> Result<(), SignError> {
    checkpoints::mend_newest(cx).await?;
    let missing = checkpoints::missing_rows(cx).await?;
    if missing.is_empty() || planted(Bug::NumbersAreUsedAgain) {
        return Ok(());
    }
    let (watermark, _) = derive::watermark(cx, rows::SCHEMA).await?;
    let head = find_head(cx, watermark).await?;
    for (n, line, checkpoint) in missing {
        if !guard::holds(cx, &checkpoint, &head).await? {
            break;
        }
        tracing::warn!(chain = %cx.chain, n, "the row of a checkpoint was gone; its copy brought it back");
        checkpoints::bring_back(cx, n, line).await?;
    }
    Ok(())
}

async fn statement(
    cx: &Context,
    previous: Option<&Stored>,
    head: &Head,
    edge: &Edge,
    reason: Reason,
) -> Result<Checkpoint, SignError> {
    let now = cx.clock.now();
    let previous = previous.map(|p| &p.checkpoint);
    let mut checkpoint = Checkpoint {
        chain: cx.chain.clone(),
        n: previous.map_or(0, |p| p.n) + 1,
        head_seq: head.seq,
        head_hash: head.hash,
        root_hash: edge.root(),
        at: previous.filter(|_| !planted(Bug::CheckpointTimeFalls)).map_or(now, |p| p.at.max(now)),
        reason,
        prev_checkpoint: previous.map_or(Hash::ZERO, Checkpoint::digest),
        sig_alg: cx.signer.algorithm().as_str().to_owned(),
        key_id: cx.signer.verify_key().key_id(),
        signature: Vec::new(),
    };
    checkpoint.signature = cx.signer.sign(&checkpoint.signed_bytes()).await?;
    Ok(checkpoint)
}

/// Walks from the last checkpoint to the head, reading every line in full; the tree there, and the
/// tiles that grew.
async fn extend(cx: &Context, previous: Option<&Stored>, head: &Head) -> Result<(Edge, Tiles), SignError> {
    let newest = previous.map_or(0, |p| p.checkpoint.n);
    let (mut edge, mut next_block, mut hash) = match checkpoints::newest_state(cx, newest).await? {
        Some((checkpoint, block, edge)) => (edge, block + 1, checkpoint.head_hash),
        None => (Edge::default(), 1, Hash::ZERO),
    };
    let accepted = match previous {
        Some(p) => is_accepted(cx, &p.checkpoint, head).await?,
        None => false,
    };
    let mut tiles = Tiles::load(cx, &edge).await?;
    while next_block <= head.block {
        let block = get_block(cx, next_block).await?.ok_or_else(|| gap(previous, next_block))?;
        let fits = block.header.first_seq == edge.size() + 1 && block.header.prev_hash == hash;
        let checked = block
            .check_in_full(cx.threads)
            .map_err(|refusal: Refusal| does_not_extend(previous, refusal.to_string()))?;
        if !fits || block.header.chain != cx.chain {
            return Err(does_not_extend(previous, format!("block {next_block} does not follow the one before")));
        }
        for event_hash in &checked.hashes {
            edge.push(leaf(event_hash));
            tiles.push(cx, leaf(event_hash)).await?;
            if let Some(p) = previous
                && p.checkpoint.head_seq == edge.size()
                && !accepted
                && (p.checkpoint.head_hash != *event_hash || p.checkpoint.root_hash != edge.root())
            {
                return Err(does_not_extend(previous, format!("event {} is another", edge.size())));
            }
        }
        hash = block.header.head_hash;
        next_block += 1;
    }
    Ok((edge, tiles))
}

async fn is_accepted(cx: &Context, checkpoint: &Checkpoint, head: &Head) -> Result<bool, SignError> {
    // The guard let it pass: either the event is there, or an operator accepted that it is not.
    Ok(!guard::holds(cx, checkpoint, head).await?)
}

fn gap(previous: Option<&Stored>, block: u64) -> SignError {
    does_not_extend(previous, format!("block {block} is missing"))
}

fn does_not_extend(previous: Option<&Stored>, what: String) -> SignError {
    SignError::DoesNotExtend { n: previous.map_or(0, |p| p.checkpoint.n), what }
}
