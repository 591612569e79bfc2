//! Listing newest first by `at`, ties by `seq`, page by page, at a cost that grows with the page.
//!
//! Entries say which events of a block happened within ten seconds of each other, ordered by the
//! greatest `at` among them. A walk downwards may give out an event once the next entry's greatest
//! `at` is strictly older. Blocks above the watermark have no entries yet and are read as they are.

mod cold;
mod source;

pub use cold::Cold;

use crate::blocks::{ReadError, get_stored};
use crate::cursor::{Cursor, CursorError};
use crate::layout::rows::SCHEMA;
use crate::planted::{Bug, limit, planted};
use crate::{Context, blocks, derive};
use domain::archive::Range;
use domain::block::{Block, Stored};
use domain::derived::Entry;
use domain::line::LineView;
use domain::time::Timestamp;
use ports::TableError;
use source::Source;
use std::collections::BTreeMap;

/// Most events of one page.
pub const MAX_LIMIT: usize = 500;
/// Blocks that one page reads before it stops early and says so.
const MAX_BLOCKS: usize = 1500;
/// Entries that one query reads.
const PAGE: usize = 64;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Query {
    /// Events of the page, 1 to [`MAX_LIMIT`].
    pub limit: usize,
    /// Only events that happened before.
    pub before: Option<Timestamp>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Who asks: a cursor is for them only.
    pub caller: String,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Stored lines without their LF, newest first.
    pub lines: Vec<Vec<u8>>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
    /// Whether the page ended because it had read enough, not because it was full.
    pub stopped_early: bool,
    /// What the page lacks because it is archived.
    pub cold: Option<Cold>,
    /// Restored archives of which the page holds events.
    pub restored: Vec<Range>,
}

/// No page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The chain.
    #[error("list events")]
    Read(#[from] ReadError),
    /// The cursor.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The limit.
    #[error("limit is 1 to {MAX_LIMIT}. limit=`{0}`")]
    Limit(usize),
}

impl From<TableError> for ListError {
    fn from(error: TableError) -> Self {
        Self::Read(error.into())
    }
}

/// Newest first.
type At = (Timestamp, u64);

/// Lists one page.
///
/// # Errors
/// See [`ListError`].
pub async fn list(cx: &Context, query: &Query) -> Result<Page, ListError> {
    if !(1..=MAX_LIMIT).contains(&query.limit) {
        return Err(ListError::Limit(query.limit));
    }
    let name = query.before.map_or_else(String::new, |before| format!("before={before}"));
    let from = query.cursor.as_deref().map(|text| Cursor::open(text, &cx.cursor_key, &name, &query.caller));
    let from = from.transpose()?;
    let (watermark, _) = derive::watermark(cx, SCHEMA).await?;
    let head = blocks::find_head(cx, watermark).await?;
    let as_of = from.filter(|_| !planted(Bug::CursorWithoutAsOf)).map_or(head.seq, |cursor| cursor.as_of);
    let end = (Timestamp::from_unix_millis(253_402_300_799_999).expect("the year 9999"), u64::MAX);
    let mut below = from.map_or(end, |cursor| (cursor.at, cursor.seq));
    if let Some(before) = query.before {
        below = below.min((before, if planted(Bug::BeforeIsInclusive) { u64::MAX } else { 0 }));
    }
    let leases = cold::readable(cx).await?;
    let mut walk = Walk { cx, found: BTreeMap::new(), as_of, below, keep: query.limit + 1, read: 0 };
    for n in watermark + 1..=head.block {
        // Archived meanwhile, it is reported at the end.
        if let Some(Stored::Hot(block)) = get_stored(cx, n).await?
            && !planted(Bug::ListSkipsRecent)
        {
            walk.take(&block, None, None)?;
        }
    }
    let mut sources = vec![Source::hot(cx, walk.below.0)];
    sources.extend(leases.iter().map(|lease| Source::restored(cx, walk.below.0, lease)));
    let reached = walk.entries(watermark, sources).await?;
    let mut page = page(walk, reached, query, &name);
    // After the walk: what was archived meanwhile is reported, and what was swept meanwhile, too.
    if let Some(newest) = cold::newest_archived(cx).await? {
        let restored = cold::still_there(cx, &leases).await?;
        // A page that stopped early speaks for everything down to where the next one goes on.
        let lowest = match page.stopped_early {
            true => reached,
            false => page.lines.last().filter(|_| page.cursor.is_some()).and_then(|line| at_of(line)),
        };
        page.cold = cold::missing(cx, newest, lowest, below.0, &restored).await?;
    }
    Ok(page)
}

fn at_of(line: &[u8]) -> Option<Timestamp> {
    Timestamp::parse(std::str::from_utf8(LineView::of(line)?.at).ok()?).ok()
}

/// Cuts the page: nothing at or before `reached` may be given out yet.
fn page(walk: Walk<'_>, reached: Option<Timestamp>, query: &Query, name: &str) -> Page {
    let (cx, as_of) = (walk.cx, walk.as_of);
    let safe = walk.found.into_iter().rev().take_while(|((at, _), _)| reached.is_none_or(|reached| *at > reached));
    let mut events: Vec<(At, Event)> = safe.collect();
    let more = events.len() > query.limit;
    events.truncate(query.limit);
    let stopped_early = reached.is_some() && !more;
    let last = match (more, reached) {
        (true, _) => events.last().map(|(at, _)| *at),
        // Everything newer was given out; what is left starts at the entry that was not read.
        (false, Some(reached)) => Some((reached, if planted(Bug::StopsBehindTheEntry) { 0 } else { (1 << 53) - 1 })),
        (false, None) => None,
    };
    let seq = |seq| if planted(Bug::CursorForgetsTies) { 0 } else { seq };
    let cursor = last.map(|(at, last)| Cursor { at, seq: seq(last), as_of }.seal(&cx.cursor_key, name, &query.caller));
    let mut restored: Vec<Range> = events.iter().filter_map(|(_, event)| event.restored).collect();
    restored.sort_unstable();
    restored.dedup();
    let lines = events.into_iter().map(|(_, event)| event.line).collect();
    Page { lines, cursor, stopped_early, cold: None, restored }
}

/// An event of a page.
struct Event {
    line: Vec<u8>,
    /// The archive that was restored for it.
    restored: Option<Range>,
}

struct Walk<'a> {
    cx: &'a Context,
    /// The newest events so far, at most `keep` of them.
    found: BTreeMap<At, Event>,
    as_of: u64,
    below: At,
    keep: usize,
    read: usize,
}

impl Walk<'_> {
    /// Takes the events of a block, all of them or those of an entry.
    fn take(&mut self, block: &Block, entry: Option<&Entry>, restored: Option<Range>) -> Result<(), ReadError> {
        let plain = block.lines().map_err(ReadError::damaged(block.header.n))?;
        for (place, line) in (0u32..).zip(plain.split(|b| *b == b'\n')) {
            if entry.is_some_and(|entry| entry.events.binary_search(&place).is_err()) {
                continue;
            }
            let Some((view, at)) = LineView::of(line).zip(at_of(line)) else { continue };
            if view.seq > self.as_of || (at, view.seq) >= self.below {
                continue;
            }
            self.found.insert((at, view.seq), Event { line: line.to_vec(), restored });
            if self.found.len() > self.keep {
                self.found.pop_first();
            }
        }
        Ok(())
    }

    /// Walks the entries of all sources down. Gives back the greatest `at` that an unread entry may hold,
    /// if it stopped before the page was complete.
    async fn entries(&mut self, watermark: u64, mut sources: Vec<Source>) -> Result<Option<Timestamp>, ListError> {
        loop {
            let mut newest: Option<(usize, (Timestamp, u64))> = None;
            for (i, source) in sources.iter_mut().enumerate() {
                let next = source.next(self.cx).await?;
                if let Some(next) = next.filter(|next| newest.is_none_or(|(_, other)| *next > other)) {
                    newest = Some((i, next));
                }
            }
            let Some((i, (at_max, n))) = newest else { return Ok(None) };
            if self.is_complete(at_max) {
                return Ok(None);
            }
            let source = &mut sources[i];
            let Some(row) = source.page.pop_front() else { continue };
            let Some(entry) = Entry::from_value(at_max, &row.value) else { continue };
            // Blocks above the watermark were taken whole, and entries of them may be there in part; but
            // what was archived and restored since is read from its lease.
            let is_taken = n > watermark && source.restored.is_none();
            if is_taken || (entry.at_min, 0) >= self.below {
                continue;
            }
            if source.must_read(n) {
                // Not within the second that the cursor stands in: the next page must get further.
                if self.read >= limit(MAX_BLOCKS, 2) && at_max < self.below.0 {
                    return Ok(Some(at_max));
                }
                self.read += 1;
                source.read(self.cx, n).await?;
            }
            if let Some(block) = &source.block {
                let restored = source.restored.as_ref().map(|(range, _)| *range);
                self.take(block, Some(&entry), restored)?;
            }
        }
    }

    /// Whether no entry from `at_max` down can add to the page any more.
    fn is_complete(&self, at_max: Timestamp) -> bool {
        self.found.len() == self.keep
            && self.found.first_key_value().is_some_and(|((at, _), _)| *at > at_max || planted(Bug::PageIsCutTooEarly))
    }
}
