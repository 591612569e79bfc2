//! Is this table still the one that the checkpoints speak of?
//!
//! A table restored from a backup is a true log, only an older one: nothing inside it shows that.
//! What shows it are its own leftovers (the watermark, a marker) and above all the checkpoint
//! copies in the bucket. A writer compares at its start, a signer before each signature; both refuse
//! until an operator accepts the break.

use crate::blocks::{ReadError, find_block_of, find_head, get_event};
use crate::checkpoints::{self, CheckpointError};
use crate::layout::rows;
use crate::planted::{Bug, planted};
use crate::{Context, cold, derive};
use domain::block::{Head, Stored};
use domain::checkpoint::Checkpoint;
use domain::derived::AcceptedBreak;
use domain::hash::Hash;
use domain::line::LineView;
use domain::names::ChainName;
use ports::{BucketError, KeyRange, Order, TableError};

/// The table has lost history, or holds another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the table of chain `{chain}` ends at event {head_seq} (block {head_block}), but {evidence}; restore the newer \
     table, or accept the break with `dezky accept-break --operator NAME`, which records it for ever"
)]
pub struct Rollback {
    /// The chain.
    pub chain: String,
    /// Where the table ends.
    pub head_seq: u64,
    /// Its newest block.
    pub head_block: u64,
    /// What speaks against it.
    pub evidence: String,
    /// The head that is lost, where a checkpoint names one.
    pub lost: Option<(u64, Hash)>,
}

impl Rollback {
    fn new(chain: &ChainName, head: &Head, evidence: String, lost: Option<(u64, Hash)>) -> Self {
        Self { chain: chain.to_string(), head_seq: head.seq, head_block: head.block, evidence, lost }
    }

    pub(crate) fn marker(chain: &ChainName, head: Head, block: u64) -> Self {
        Self::new(chain, &head, format!("a marker names block {block}"), None)
    }
}

/// The comparison found something, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The chain or its checkpoints.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The copies.
    #[error("read the checkpoint copies")]
    Bucket(#[from] BucketError),
    /// It found something.
    #[error(transparent)]
    Rollback(#[from] Rollback),
}

impl From<TableError> for GuardError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

impl From<CheckpointError> for GuardError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Table(error) => error.into(),
            CheckpointError::Damaged { n, refusal } => {
                Self::Read(TableError::Rejected(format!("checkpoint {n} is damaged; run `verify`. {refusal}")).into())
            }
        }
    }
}

/// Compares the table's head with the watermark and with the newest checkpoint, in the table or the
/// bucket. `undeclared` are accepted breaks in blocks that have no derived rows yet.
///
/// # Errors
/// A rollback that nobody accepted, or whatever keeps the comparison from being made.
pub async fn compare(cx: &Context, undeclared: &[AcceptedBreak]) -> Result<(), GuardError> {
    // The evidence first: others go on meanwhile, and whatever a checkpoint or the watermark names
    // was committed before it.
    let mut early = None;
    if planted(Bug::HeadBeforeEvidence) {
        early = Some(find_head(cx, 0).await?);
    }
    let evidence = newest_evidence(cx).await?;
    let (watermark, _) = derive::watermark(cx, rows::SCHEMA).await?;
    let head = &match early {
        Some(head) => head,
        None => find_head(cx, watermark).await?,
    };
    if watermark > head.block {
        let evidence = format!("derived rows exist up to block {watermark}");
        return Err(Rollback::new(&cx.chain, head, evidence, None).into());
    }
    for (place, checkpoint) in evidence {
        if holds(cx, &checkpoint, head).await? {
            continue;
        }
        let lost = (checkpoint.head_seq, checkpoint.head_hash);
        let in_memory = undeclared.iter().any(|a| a.lost == Some(lost));
        if in_memory || is_accepted(cx, lost).await? {
            continue;
        }
        let evidence = format!(
            "checkpoint {} in the {place} vouches for event {} with hash {}",
            checkpoint.n, checkpoint.head_seq, checkpoint.head_hash
        );
        return Err(Rollback::new(&cx.chain, head, evidence, Some(lost)).into());
    }
    Ok(())
}

/// Whether an operator accepted that this head is lost. The row only says where the event is that
/// says so; a row without its event is nobody's word.
pub(crate) async fn is_accepted(cx: &Context, lost: (u64, Hash)) -> Result<bool, GuardError> {
    let Some(row) = cx.table.get(&rows::accepted(&cx.chain, lost.0, &lost.1)).await? else { return Ok(false) };
    let Some(seq) = std::str::from_utf8(&row.value).ok().and_then(|seq| seq.parse().ok()) else { return Ok(false) };
    let line = get_event(cx, seq).await?;
    let accepted = line.as_deref().and_then(AcceptedBreak::of_line);
    Ok(accepted.is_some_and(|accepted| accepted.lost == Some(lost)))
}

/// Where the table ended when an operator accepted that events behind it are lost which no checkpoint
/// vouched for. Only the log's own word, found by the rows it left, says so; beside it, what could not be
/// read because its archive cannot.
pub(crate) async fn unvouched_losses(cx: &Context) -> Result<(Vec<u64>, Vec<String>), ReadError> {
    let partition = rows::accepted_partition(&cx.chain);
    let found = cx.table.query(&partition, &KeyRange::after(rows::UNVOUCHED), Order::Ascending, 1000).await?;
    let (mut losses, mut unread) = (Vec::new(), Vec::new());
    for row in found {
        let seq = std::str::from_utf8(&row.value).ok().and_then(|seq| seq.parse().ok()).unwrap_or_default();
        let line = match get_event(cx, seq).await {
            Ok(line) => line,
            Err(ReadError::Damaged { .. }) => None,
            // What the log says of itself is kept for ever: this is another event, and the row nobody's word.
            Err(ReadError::Expired { .. }) => None,
            Err(error @ ReadError::Cold { .. }) => {
                unread.push(format!("event {seq}, by which a loss was accepted: {error}"));
                None
            }
            Err(error) => return Err(error),
        };
        let accepted = line.as_deref().and_then(AcceptedBreak::of_line);
        losses.extend(accepted.filter(|accepted| accepted.lost.is_none()).map(|accepted| accepted.left_seq));
    }
    Ok((losses, unread))
}

/// The newest checkpoint of the table, and the newest copy if that is another one.
pub(crate) async fn newest_evidence(cx: &Context) -> Result<Vec<(&'static str, Checkpoint)>, GuardError> {
    // The bucket first: a copy is made after its row, so the row of every copy seen here is there.
    let from = checkpoints::newest_number(cx).await?;
    let copies = checkpoints::copies_from(cx, from).await?;
    let latest = match checkpoints::latest(cx).await {
        Ok(latest) => latest,
        Err(CheckpointError::Damaged { n, refusal }) => {
            tracing::error!(chain = %cx.chain, n, %refusal, "the newest checkpoint is damaged; run `verify`");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let mut evidence = Vec::new();
    // The newest that can be believed: whoever may only add objects must not hide it behind junk.
    let usable = copies.iter().rev().find_map(|(n, bytes)| {
        let copy = Checkpoint::from_line(bytes).ok()?;
        (copy.n == *n && copy.chain == cx.chain && copy.is_signed_by(&cx.ring)).then_some(copy)
    });
    if usable.is_none() && !copies.is_empty() {
        tracing::warn!(chain = %cx.chain, copies = copies.len(), "no checkpoint copy in the bucket can be believed");
    }
    evidence.extend(usable.map(|copy| ("bucket", copy)));
    if let Some(stored) = latest
        && evidence.iter().all(|(_, copy)| copy.digest() != stored.checkpoint.digest())
    {
        evidence.push(("table", stored.checkpoint));
    }
    Ok(evidence)
}

/// Whether the event that a checkpoint vouches for is in the table, with its hash.
pub(crate) async fn holds(cx: &Context, checkpoint: &Checkpoint, head: &Head) -> Result<bool, ReadError> {
    if checkpoint.head_seq > head.seq {
        return Ok(false);
    }
    Ok(hash_of(cx, checkpoint.head_seq, head).await? == Some(checkpoint.head_hash))
}

/// The hash of event `seq`, at or before the head.
async fn hash_of(cx: &Context, seq: u64, head: &Head) -> Result<Option<Hash>, ReadError> {
    if seq == head.seq {
        return Ok(Some(head.hash));
    }
    let Some(block) = find_block_of(cx, seq, head.block).await? else { return Ok(None) };
    if block.header().last_seq() == seq {
        return Ok(Some(block.header().head_hash));
    }
    let block = match block {
        Stored::Hot(block) => block,
        Stored::Cold(stub) => cold::read(cx, stub).await?,
    };
    let line = block.line(seq).map_err(ReadError::damaged(block.header.n))?;
    Ok(line.as_deref().and_then(LineView::of).map(|view| view.hash))
}
