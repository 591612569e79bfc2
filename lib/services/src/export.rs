//! Exporting a range of the chain: plain lines, and a companion that describes them.

use crate::blocks::{ReadError, find_block_of, find_head, get_block};
use crate::layout::rows::SCHEMA;
use crate::{Context, checkpoints, derive};
use domain::hash::Hash;
use domain::json::{Limits, Object, Value, parse};
use domain::line::LineView;
use sha2::{Digest, Sha256};

/// The range cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The chain.
    #[error("read the chain")]
    Read(#[from] ReadError),
    /// The checkpoints.
    #[error("read the checkpoints")]
    Checkpoints(#[from] checkpoints::CheckpointError),
    /// There are no such events.
    #[error("the chain ends at event {head}; ask for a range within it. from=`{from}` to=`{to}`")]
    OutOfRange {
        /// First event asked for.
        from: u64,
        /// Last event asked for.
        to: u64,
        /// The newest event.
        head: u64,
    },
    /// A block is missing in the middle.
    #[error("block {0} is missing; run `verify`")]
    Gap(u64),
}

/// An export under way: lines block by block, then the companion.
pub struct Export {
    cx: Context,
    next_block: u64,
    from: u64,
    to: u64,
    sha: Sha256,
    bytes: u64,
    count: u64,
    prev_hash: Hash,
    head_hash: Hash,
}

impl Export {
    /// Events `from` to `to`, both included; to the newest without `to`. An empty chain gives an
    /// empty file.
    ///
    /// # Errors
    /// A range beyond the chain, or the table.
    pub async fn start(cx: &Context, from: u64, to: Option<u64>) -> Result<Self, ExportError> {
        let (watermark, _) = derive::watermark(cx, SCHEMA).await.map_err(ReadError::from)?;
        let head = find_head(cx, watermark).await?;
        let last = to.unwrap_or(head.seq);
        let empty = head.seq == 0 && from <= 1 && last == 0;
        if !empty && (from == 0 || from > last || last > head.seq) {
            return Err(ExportError::OutOfRange { from, to: last, head: head.seq });
        }
        let first = if empty { None } else { find_block_of(cx, from, head.block).await? };
        let next_block = first.map_or(1, |block| block.header().n);
        let (sha, prev_hash, head_hash) = (Sha256::new(), Hash::ZERO, Hash::ZERO);
        Ok(Self { cx: cx.clone(), next_block, from, to: last, sha, bytes: 0, count: 0, prev_hash, head_hash })
    }

    /// The next lines, each with its LF; `None` after the last.
    ///
    /// # Errors
    /// The table, or damaged bytes.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        if self.from + self.count > self.to || self.to == 0 {
            return Ok(None);
        }
        let n = self.next_block;
        let block = get_block(&self.cx, n).await?.ok_or(ExportError::Gap(n))?;
        let plain = block.lines().map_err(ReadError::damaged(n))?;
        let mut lines = Vec::with_capacity(plain.len());
        for line in plain.split_inclusive(|b| *b == b'\n') {
            let unreadable = || {
                let refusal = domain::json::Refusal::new("block-unreadable", "a line in it is no event");
                ReadError::Damaged { block: n, refusal }
            };
            let view = line.strip_suffix(b"\n").and_then(LineView::of).ok_or_else(unreadable)?;
            if (self.from..=self.to).contains(&view.seq) {
                if self.count == 0 {
                    self.prev_hash = view.prev_hash;
                }
                self.head_hash = view.hash;
                self.count += 1;
                lines.extend_from_slice(line);
            }
        }
        self.sha.update(&lines);
        self.bytes += lines.len() as u64;
        self.next_block += 1;
        Ok(Some(lines))
    }

    /// The companion of the lines that were handed out.
    ///
    /// # Errors
    /// The checkpoints.
    pub async fn companion(self) -> Result<Value, ExportError> {
        let number = |n: u64| Value::integer(n).unwrap_or(Value::Null);
        // The newest has the greatest head: if any covers the end, it does.
        let checkpoint = checkpoints::latest(&self.cx).await?;
        let checkpoint = checkpoint.and_then(|stored| parse(&stored.line, Limits::FORMAT).ok());
        let sha256 = Hash(self.sha.finalize().into());
        Ok(Object::of([
            ("type", "audit.export.v1".into()),
            ("chain", self.cx.chain.as_str().into()),
            ("startSeq", number(self.from)),
            ("endSeq", number((self.from + self.count).saturating_sub(1))),
            ("eventCount", number(self.count)),
            ("prevHash", self.prev_hash.to_hex().into()),
            ("headHash", self.head_hash.to_hex().into()),
            ("bytes", number(self.bytes)),
            ("sha256", sha256.to_hex().into()),
            ("exportedAt", self.cx.clock.now().to_string().into()),
            ("filter", Value::Null),
            ("checkpoint", checkpoint.unwrap_or(Value::Null)),
        ])
        .into())
    }
}
