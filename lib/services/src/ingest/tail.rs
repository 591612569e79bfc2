//! Following a log file: every complete line once, from where it was left.
//!
//! A line's external id is its file's life and its place there. The life is committed before any of
//! its events is queued, and the place moves on after they are: what a crash repeats has the ids that
//! it had before, and is dropped. A file is read on only if its start and the bytes before the place
//! are what they were; else it is another file, and another life.

use super::cursor::{FileCursor, WINDOW, Window};
use crate::Context;
use crate::layout::{objects, rows};
use crate::planted::{Bug, limit, planted};
use crate::record;
use domain::hash::Hash;
use domain::json::{Object, Value};
use domain::time::Timestamp;
use ports::{BucketError, Condition, Key, LogFile, LogFileError, QueueError, TableError, Version};
use sources::Reading;
use sources::ocis::{self, ExtraActions, Line};
use std::collections::BTreeMap;

/// Name of the source, in events and in rows.
pub const SOURCE: &str = "ocis";
/// Bytes of one reading, and the longest line that is looked at.
const CHUNK: usize = 1024 * 1024;
/// The same in runs of the simulator with low limits: two of its lines.
const LOW_CHUNK: usize = 450;
/// Readings of one tick: a function's time is limited.
const MAX_STEPS: usize = 64;
/// Lines that are kept aside before the place is saved: each is an object and a row.
const MAX_KEPT: usize = 100;

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
    let place = rows::ingest_cursor(&cx.chain, SOURCE, &Hash::of(log.name().as_bytes()));
    let result = Tail { cx, log, extra, place, tailed: &mut tailed }.run().await;
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
    /// Key of the row that holds the place.
    place: Key,
    tailed: &'a mut Tailed,
}

/// Whether a file is the one that was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Same,
    Other,
    Gone,
}

impl Tail<'_> {
    async fn run(mut self) -> Result<(), TailError> {
        // The place first: a name that was looked up before somebody else moved the place may belong to
        // a file that was left already. Then the name, before the old file is read to its end: what was
        // appended to it before it was renamed is seen then.
        let place = FileCursor::load(self.cx, &self.place).await?;
        let current = self.log.current().await?;
        let (before, version) = match place {
            None => (None, None),
            Some((mut cursor, version)) => {
                if cursor.offset == 0 && planted(Bug::LifeIsNotKept) {
                    cursor = FileCursor::start(None, &cursor.file, self.cx.ids.nonce());
                }
                let mut found = self.look(&mut cursor).await?;
                if let (Found::Gone, Some(id)) = (found, &current) {
                    // The same bytes under another id: moved to another disk, or back from a backup.
                    let old = std::mem::replace(&mut cursor.file, id.clone());
                    found = self.look(&mut cursor).await?;
                    if found != Found::Same {
                        cursor.file = old;
                    }
                }
                if found == Found::Same {
                    let (cursor, version) = self.read_on((cursor, version)).await?;
                    if self.tailed.more || current.as_ref().is_none_or(|id| *id == cursor.file) {
                        return Ok(());
                    }
                    if !planted(Bug::RestIsDropped) {
                        self.leave(&cursor).await?;
                    }
                    (Some(cursor), Some(version))
                } else {
                    if current.is_some() {
                        let (chain, offset) = (&self.cx.chain, cursor.offset);
                        tracing::warn!(%chain, source = SOURCE, offset, "{} was cut or replaced; what it may have held \
                            behind byte {offset} is lost to us", self.log.name());
                    }
                    (Some(cursor), Some(version))
                }
            }
        };
        let Some(current) = current else { return Ok(()) };
        let cursor = FileCursor::start(before.as_ref(), &current, self.cx.ids.nonce());
        let version = cursor.save(self.cx, &self.place, version).await?;
        let (chain, generation) = (&self.cx.chain, &cursor.generation);
        tracing::info!(%chain, source = SOURCE, generation, "reading {} from its start", self.log.name());
        self.read_on((cursor, version)).await.map(drop)
    }

    /// Whether what was read of the file is what it was. Remembers more of its start, once more was read.
    async fn look(&self, cursor: &mut FileCursor) -> Result<Found, TailError> {
        let read_before = usize::try_from(cursor.offset).unwrap_or(usize::MAX).min(WINDOW);
        let Some(head) = self.log.read(&cursor.file, 0, read_before).await? else { return Ok(Found::Gone) };
        let tail_start = cursor.offset - cursor.tail.bytes as u64;
        let Some(tail) = self.log.read(&cursor.file, tail_start, cursor.tail.bytes).await? else {
            return Ok(Found::Gone);
        };
        let same = head.len() == read_before
            && Window::of(&head[..cursor.head.bytes]) == cursor.head
            && Window::of(&tail) == cursor.tail;
        if same {
            cursor.head = Window::of(&head);
        }
        Ok(if same { Found::Same } else { Found::Other })
    }

    async fn read_on(
        &mut self,
        (mut cursor, mut version): (FileCursor, Version),
    ) -> Result<(FileCursor, Version), TailError> {
        for _ in 0..limit(MAX_STEPS, 2) {
            let Some(bytes) = self.log.read(&cursor.file, cursor.offset, limit(CHUNK, LOW_CHUNK)).await? else { break };
            let step = if cursor.in_long_line {
                self.end_long_line(&mut cursor, &bytes).await?
            } else if let Some(last) = bytes.iter().rposition(|b| *b == b'\n') {
                self.take(&mut cursor, &bytes[..=last]).await?
            } else if bytes.len() == limit(CHUNK, LOW_CHUNK) {
                self.begin_long_line(&mut cursor, &bytes).await?
            } else {
                0
            };
            if step == 0 {
                return Ok((cursor, version));
            }
            cursor.move_over(&bytes[..step]);
            version = cursor.save(self.cx, &self.place, Some(version)).await?;
        }
        self.tailed.more = true;
        Ok((cursor, version))
    }

    /// Queues the events of complete lines; how many bytes were dealt with.
    async fn take(&mut self, cursor: &mut FileCursor, lines: &[u8]) -> Result<usize, TailError> {
        let now = self.cx.clock.now();
        let (mut drafts, mut kept, mut step) = (Vec::new(), 0, 0);
        for line in lines.split_inclusive(|b| *b == b'\n') {
            let offset = cursor.offset + step as u64;
            let reading = self.read_line(cursor, line, offset, now);
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
                    self.keep(&cursor.generation, offset, line, reason).await?;
                    self.count_kept(cursor, reason);
                    kept += 1;
                }
            }
            self.count_line(cursor);
            step += line.len();
            if kept == limit(MAX_KEPT, 1) {
                break;
            }
        }
        if planted(Bug::PlaceBeforeQueue) {
            let mut ahead = cursor.clone();
            ahead.move_over(&lines[..step]);
            self.cx.table.put(&self.place, ahead.to_value(), Condition::Any).await?;
        }
        record::queue(self.cx, &drafts).await?;
        cursor.counts.events += drafts.len() as u64;
        self.tailed.events += drafts.len() as u64;
        Ok(step)
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

    /// A line longer than a reading is kept in pieces, so that no tick has to read it whole.
    async fn begin_long_line(&mut self, cursor: &mut FileCursor, bytes: &[u8]) -> Result<usize, TailError> {
        self.keep(&cursor.generation, cursor.offset, bytes, "line-too-long").await?;
        cursor.in_long_line = true;
        Ok(bytes.len())
    }

    async fn end_long_line(&mut self, cursor: &mut FileCursor, bytes: &[u8]) -> Result<usize, TailError> {
        let end = bytes.iter().position(|b| *b == b'\n');
        let piece = match end {
            Some(end) => &bytes[..=end],
            None if bytes.len() == limit(CHUNK, LOW_CHUNK) => bytes,
            None => return Ok(0),
        };
        self.keep(&cursor.generation, cursor.offset, piece, "line-too-long").await?;
        if end.is_some() {
            cursor.in_long_line = false;
            self.count_line(cursor);
            self.count_kept(cursor, "line-too-long");
        }
        Ok(piece.len())
    }

    /// What a rotated file holds behind its last complete line will never be one.
    async fn leave(&mut self, cursor: &FileCursor) -> Result<(), TailError> {
        let rest = self.log.read(&cursor.file, cursor.offset, limit(CHUNK, LOW_CHUNK)).await?.unwrap_or_default();
        if !rest.is_empty() {
            self.keep(&cursor.generation, cursor.offset, &rest, "line-without-end").await?;
            *self.tailed.kept.entry("line-without-end").or_default() += 1;
        }
        Ok(())
    }

    fn count_line(&mut self, cursor: &mut FileCursor) {
        cursor.counts.lines += 1;
        self.tailed.lines += 1;
    }

    fn count_kept(&mut self, cursor: &mut FileCursor, reason: &'static str) {
        cursor.counts.kept += 1;
        *self.tailed.kept.entry(reason).or_default() += 1;
    }

    /// Keeps bytes that cannot be used: in the bucket under their hash, and a row that says where they
    /// stood and why.
    async fn keep(&self, generation: &str, offset: u64, bytes: &[u8], reason: &'static str) -> Result<(), TailError> {
        let cx = self.cx;
        let hash = Hash::of(bytes);
        cx.bucket.put(&objects::kept(&cx.chain, SOURCE, &hash), bytes).await?;
        let length = Value::integer(bytes.len() as u64).unwrap_or(Value::Null);
        let row = Object::of([("bytes", length), ("reason", reason.into()), ("sha256", hash.to_hex().into())]);
        let key = rows::kept(&cx.chain, SOURCE, generation, offset);
        match cx.table.put(&key, row.canonical(), Condition::Absent).await {
            // Read a second time after a crash.
            Ok(_) | Err(TableError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::debug!(chain = %cx.chain, source = SOURCE, offset, sha256 = %hash, reason, "kept bytes aside: {reason}");
        Ok(())
    }
}
