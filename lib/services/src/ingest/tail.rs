//! Following a log file: every complete line once, from where it was left.
//!
//! A line's external id is its file's life and its place there. The life is committed before any of
//! its events is queued, and the place moves on after they are: what a crash repeats has the ids that
//! it had before, and is dropped. A file is read on only if its start and the bytes before the place
//! are what they were; else it is another file, and another life.

use super::cursor::{FileCursor, WINDOW};
use crate::Context;
use crate::layout::{objects, rows};
use crate::record;
use domain::hash::Hash;
use domain::json::Object;
use domain::time::Timestamp;
use ports::{BucketError, Condition, LogFile, LogFileError, QueueError, TableError, Version};
use sources::Reading;
use sources::ocis::{self, ExtraActions, Line};
use std::collections::BTreeMap;

/// Name of the source, in events and in the cursor's row.
pub const SOURCE: &str = "ocis";
/// Bytes of one reading, and the longest line that is looked at.
const CHUNK: usize = 1024 * 1024;
/// Readings of one tick: a function's time is limited.
const MAX_CHUNKS: usize = 64;

/// What one tick did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tailed {
    /// Events that were queued.
    pub events: u64,
    /// Lines that were read.
    pub lines: u64,
    /// Lines that cannot be used and were kept aside, by reason.
    pub kept: BTreeMap<&'static str, u64>,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// The log was not read to its end; the next tick goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// The place.
    #[error("keep the place in the log")]
    Table(#[from] TableError),
    /// The queue.
    #[error("queue what the log says")]
    Queue(#[from] QueueError),
    /// The bucket.
    #[error("keep lines that cannot be used")]
    Bucket(#[from] BucketError),
}

/// Reads on. Somebody else who reads the same log at the same time does no harm.
///
/// # Errors
/// See [`TailError`].
pub async fn tail(cx: &Context, log: &dyn LogFile, extra: &ExtraActions) -> Result<Tailed, TailError> {
    let mut tailed = Tailed::default();
    let result = Tail { cx, log, extra, tailed: &mut tailed }.run().await;
    match result {
        Ok(()) => Ok(tailed),
        // Another reader moved the place: what is left is theirs, or the next tick's.
        Err(TailError::Table(TableError::Conflict(_))) => Ok(tailed),
        Err(error) => Err(error),
    }
}

struct Tail<'a> {
    cx: &'a Context,
    log: &'a dyn LogFile,
    extra: &'a ExtraActions,
    tailed: &'a mut Tailed,
}

type Place = (FileCursor, Version);

impl Tail<'_> {
    async fn run(mut self) -> Result<(), TailError> {
        // Before the old file is read to its end: what was appended to it before it was renamed is
        // seen then.
        let current = self.log.current().await?;
        let (before, version) = match FileCursor::load(self.cx, SOURCE).await? {
            None => (None, None),
            Some(place) if self.is_the_same(&place.0).await? => {
                let (cursor, version) = self.read_on(place).await?;
                if self.tailed.more || current.as_ref().is_none_or(|id| *id == cursor.file) {
                    return Ok(());
                }
                self.leave(&cursor).await?;
                (Some(cursor), Some(version))
            }
            Some((cursor, version)) => (Some(cursor), Some(version)),
        };
        let Some(current) = current else { return Ok(()) };
        let Some(head) = self.log.read(&current, 0, WINDOW).await? else { return Ok(()) };
        let cursor = FileCursor::start(before.as_ref(), &current, &head);
        let version = cursor.save(self.cx, SOURCE, version).await?;
        tracing::info!(chain = %self.cx.chain, source = SOURCE, generation = cursor.generation, "reading a new log file");
        self.read_on((cursor, version)).await.map(drop)
    }

    /// Whether the file is still there, and what was read of it is what it was.
    async fn is_the_same(&self, cursor: &FileCursor) -> Result<bool, TailError> {
        let Some(head) = self.log.read(&cursor.file, 0, cursor.head_bytes).await? else { return Ok(false) };
        let window = u64::try_from(WINDOW).unwrap_or(u64::MAX).min(cursor.offset);
        let length = usize::try_from(window).unwrap_or(WINDOW);
        let Some(tail) = self.log.read(&cursor.file, cursor.offset - window, length).await? else { return Ok(false) };
        Ok(Hash::of(&head) == cursor.head_hash && Hash::of(&tail) == cursor.tail_hash)
    }

    async fn read_on(&mut self, (mut cursor, mut version): Place) -> Result<Place, TailError> {
        for _ in 0..MAX_CHUNKS {
            let Some(bytes) = self.log.read(&cursor.file, cursor.offset, CHUNK).await? else { break };
            let full = bytes.len() == CHUNK;
            let step = match bytes.iter().rposition(|b| *b == b'\n') {
                Some(last) => self.take(&mut cursor, &bytes[..=last]).await?,
                None if full => match self.skip_long_line(&mut cursor).await? {
                    Some(step) => step,
                    None => return Ok((cursor, version)),
                },
                None => return Ok((cursor, version)),
            };
            self.move_on(&mut cursor, step).await?;
            version = cursor.save(self.cx, SOURCE, Some(version)).await?;
            if !full {
                return Ok((cursor, version));
            }
        }
        self.tailed.more = true;
        Ok((cursor, version))
    }

    async fn move_on(&self, cursor: &mut FileCursor, step: u64) -> Result<(), TailError> {
        cursor.offset += step;
        let window = u64::try_from(WINDOW).unwrap_or(u64::MAX).min(cursor.offset);
        let length = usize::try_from(window).unwrap_or(WINDOW);
        let tail = self.log.read(&cursor.file, cursor.offset - window, length).await?.unwrap_or_default();
        cursor.tail_hash = Hash::of(&tail);
        Ok(())
    }

    /// Queues the events of complete lines; how many bytes they were.
    async fn take(&mut self, cursor: &mut FileCursor, lines: &[u8]) -> Result<u64, TailError> {
        let now = self.cx.clock.now();
        let mut drafts = Vec::new();
        let mut offset = cursor.offset;
        for line in lines.split_inclusive(|b| *b == b'\n') {
            let reading = self.read_line(cursor, line, offset, now);
            cursor.counts.lines += 1;
            self.tailed.lines += 1;
            match reading {
                Reading::Event { draft, original } => {
                    if let Some(original) = original {
                        self.cx.bucket.put(&objects::original(&self.cx.chain, &Hash::of(&original)), &original).await?;
                    }
                    drafts.push(*draft);
                }
                Reading::Skipped(action) => {
                    cursor.counts.skipped += 1;
                    tracing::debug!(chain = %self.cx.chain, source = SOURCE, action, "skipped a line");
                }
                Reading::Blank => {}
                Reading::Unusable(reason) => {
                    let bytes = line.len() as u64;
                    self.keep(cursor, offset, bytes, Hash::of(line), line, reason).await?;
                }
            }
            offset += line.len() as u64;
        }
        record::queue(self.cx, &drafts).await?;
        cursor.counts.events += drafts.len() as u64;
        self.tailed.events += drafts.len() as u64;
        Ok(lines.len() as u64)
    }

    fn read_line(&self, cursor: &mut FileCursor, line: &[u8], offset: u64, now: Timestamp) -> Reading {
        let external_id = format!("{}:{offset}", cursor.generation);
        let line = Line {
            bytes: line.strip_suffix(b"\n").unwrap_or(line),
            external_id: &external_id,
            chain: &self.cx.chain,
            now,
            first: offset == 0,
        };
        ocis::read(&line, self.extra, &mut cursor.names)
    }

    /// A line longer than a reading is hashed to its end and its start is kept; `None` while it has
    /// no end.
    async fn skip_long_line(&mut self, cursor: &mut FileCursor) -> Result<Option<u64>, TailError> {
        use sha2::{Digest, Sha256};
        let (mut sha, mut bytes, mut start) = (Sha256::new(), 0, Vec::new());
        loop {
            let Some(chunk) = self.log.read(&cursor.file, cursor.offset + bytes, CHUNK).await? else {
                return Ok(None);
            };
            let end = chunk.iter().position(|b| *b == b'\n');
            let part = &chunk[..end.map_or(chunk.len(), |end| end + 1)];
            sha.update(part);
            bytes += part.len() as u64;
            if start.is_empty() {
                start = part.to_vec();
            }
            if end.is_some() {
                break;
            }
            if chunk.len() < CHUNK {
                return Ok(None);
            }
        }
        cursor.counts.lines += 1;
        self.tailed.lines += 1;
        let hash = Hash(sha.finalize().into());
        self.keep(cursor, cursor.offset, bytes, hash, &start, "line-too-long").await?;
        Ok(Some(bytes))
    }

    /// What a rotated file holds behind its last complete line will never be one.
    async fn leave(&mut self, cursor: &FileCursor) -> Result<(), TailError> {
        let rest = self.log.read(&cursor.file, cursor.offset, CHUNK).await?.unwrap_or_default();
        if !rest.is_empty() {
            let mut cursor = cursor.clone();
            let bytes = rest.len() as u64;
            let offset = cursor.offset;
            self.keep(&mut cursor, offset, bytes, Hash::of(&rest), &rest, "line-without-end").await?;
        }
        Ok(())
    }

    /// Keeps bytes that cannot be used: in the bucket under their hash, and a row that says where they
    /// stood and why.
    async fn keep(
        &mut self,
        cursor: &mut FileCursor,
        offset: u64,
        bytes: u64,
        hash: Hash,
        kept: &[u8],
        reason: &'static str,
    ) -> Result<(), TailError> {
        let cx = self.cx;
        cx.bucket.put(&objects::kept(&cx.chain, SOURCE, &hash), kept).await?;
        let number = |n| domain::json::Value::integer(n).unwrap_or(domain::json::Value::Null);
        let row = Object::of([("bytes", number(bytes)), ("reason", reason.into()), ("sha256", hash.to_hex().into())]);
        let key = rows::kept(&cx.chain, SOURCE, &cursor.generation, offset);
        match cx.table.put(&key, row.canonical(), Condition::Absent).await {
            // Read a second time after a crash.
            Ok(_) | Err(TableError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::debug!(chain = %cx.chain, source = SOURCE, offset, sha256 = %hash, reason, "kept a line aside: {reason}");
        cursor.counts.kept += 1;
        *self.tailed.kept.entry(reason).or_default() += 1;
        Ok(())
    }
}
