//! The walk over the rows of blocks, and the checkpoints along it.

use super::archives::{Archives, Next};
use super::{Place, VerifyError};
use crate::archive::claims;
use crate::layout::rows;
use crate::planted::limit;
use crate::{Context, checkpoints};
use domain::block::{Stored, is_stub};
use domain::time::Timestamp;
use domain::verify::{Break, Checked, Chunk, Evidence, Options, Pool, Walk};
use ports::{KeyRange, Order, TableError};

/// Blocks that one query reads: at most 6 MiB of rows.
const PAGE: usize = 16;
/// Stubs that one query reads.
const STUBS: usize = 256;

/// The walk over the rows of blocks.
pub(super) struct Blocks<'a, P> {
    pub(super) cx: &'a Context,
    pub(super) walk: Walk,
    pub(super) feed: Feed<'a>,
    pub(super) pool: Pool,
    /// Once there is a stub.
    pub(super) archives: Option<Archives<'a>>,
    pub(super) options: &'a Options,
    /// Whether the cold store is read.
    pub(super) read: bool,
    pub(super) head: domain::block::Head,
    pub(super) last_archived: u64,
    pub(super) oldest_hot: Option<u64>,
    pub(super) until: Option<Timestamp>,
    /// Whether an archive was begun: every call gets one further at least.
    pub(super) begun: bool,
    /// Whether the last block joined was a stub of which only the header was looked at.
    pub(super) behind_stubs: bool,
    pub(super) progress: P,
}

impl<P: FnMut(u64, u64)> Blocks<'_, P> {
    /// Joins all of them; where it stopped, if its time was over.
    pub(super) async fn go(&mut self, first_block: u64) -> Result<Option<Place>, VerifyError> {
        let per_partition = rows::blocks_per_partition();
        let mut range = first_block.checked_sub(1).map_or_else(KeyRange::all, |n| KeyRange::after(rows::number(n)));
        for partition in first_block / per_partition..=self.head.block / per_partition {
            let name = rows::block_partition(&self.cx.chain, partition);
            let mut next = partition * per_partition;
            loop {
                // Stubs are small.
                let most = limit(if next < self.last_archived { STUBS } else { PAGE }, 2);
                let page = self.cx.table.query(&name, &range, Order::Ascending, most).await?;
                let full = page.len() == most;
                range = page.last().map_or(range, |row| KeyRange::after(row.key.sort.clone()));
                for row in page {
                    let n = row.key.sort.parse().unwrap_or_default();
                    next = n + 1;
                    if n > self.head.block {
                        continue;
                    }
                    if let Some(place) = self.row(n, row.value, first_block == 1).await? {
                        return Ok(Some(place));
                    }
                }
                if !full {
                    break;
                }
            }
            range = KeyRange::all();
        }
        self.drain().await?;
        Ok(None)
    }

    async fn row(&mut self, n: u64, row: Vec<u8>, first: bool) -> Result<Option<Place>, VerifyError> {
        let cx = self.cx;
        let stub = match is_stub(&row).then(|| Stored::from_row(&row)) {
            Some(Ok(Stored::Cold(stub))) => stub,
            _ => {
                if self.oldest_hot.is_none() {
                    self.oldest_hot = Stored::from_row(&row).ok().map(|stored| stored.header().first_seq);
                }
                self.submit(Chunk::Block { n, row }).await?;
                return Ok(None);
            }
        };
        // Not before: what the first stub belongs to may have been archived while this runs.
        if self.archives.is_none() && claims::newest_signed(cx).await?.is_some() {
            self.archives = Some(Archives::new(cx, self.options, self.read, first).await);
        }
        // Without a record of any batch, every stub is one too many.
        let Some(archives) = &mut self.archives else {
            self.drain().await?;
            self.walk.archive(Break::of_manifest(stub.archive));
            self.walk.stub(n, &stub.header);
            return Ok(None);
        };
        if archives.begins(&stub) {
            drain(&mut self.pool, &mut self.walk, &mut self.feed, &mut self.progress, self.head.seq).await?;
            if let (Some(until), Some((seq, prev_hash))) = (self.until, self.walk.place())
                && self.begun
                && self.cx.clock.now() >= until
            {
                return Ok(Some(Place { block: n, seq, prev_hash, edge: self.walk.edge().cloned() }));
            }
        }
        self.begun = true;
        match archives.stub(n, &stub, &mut self.walk).await? {
            Next::Run(chunk) => self.submit(chunk).await?,
            Next::Header => {
                self.drain().await?;
                self.feed.up_to(&mut self.walk, stub.header.last_seq()).await?;
                self.walk.stub(n, &stub.header);
                self.behind_stubs = true;
            }
        }
        Ok(None)
    }

    async fn submit(&mut self, chunk: Chunk) -> Result<(), VerifyError> {
        if std::mem::take(&mut self.behind_stubs) {
            // The tree of what was passed over is what the signer of the next checkpoint left.
            let next = self.walk.next_checkpoint().cloned();
            if let Some(checkpoint) = next
                && let Ok(Some((_, edge))) = checkpoints::edge(self.cx, &checkpoint).await
            {
                self.walk.offer(edge);
            }
        }
        if let Some(run) = self.pool.submit(chunk) {
            join(run, &mut self.walk, &mut self.feed, &mut self.progress, self.head.seq).await?;
        }
        Ok(())
    }

    async fn drain(&mut self) -> Result<(), VerifyError> {
        drain(&mut self.pool, &mut self.walk, &mut self.feed, &mut self.progress, self.head.seq).await
    }
}

async fn drain(
    pool: &mut Pool,
    walk: &mut Walk,
    feed: &mut Feed<'_>,
    progress: &mut impl FnMut(u64, u64),
    head: u64,
) -> Result<(), VerifyError> {
    while let Some(run) = pool.receive() {
        join(run, walk, feed, progress, head).await?;
    }
    Ok(())
}

async fn join(
    run: Checked,
    walk: &mut Walk,
    feed: &mut Feed<'_>,
    progress: &mut impl FnMut(u64, u64),
    head: u64,
) -> Result<(), VerifyError> {
    progress(run.greatest_seq(), head);
    feed.up_to(walk, run.greatest_seq()).await?;
    Ok(walk.run(run)?)
}

/// Hands over checkpoints just ahead of the walk, so that memory holds a page of them.
pub(super) struct Feed<'a> {
    pub(super) cx: &'a Context,
    /// Key of the last checkpoint that was handed over.
    pub(super) after: String,
    /// Key of the last that is to be.
    pub(super) last: String,
}

impl Feed<'_> {
    pub(super) async fn up_to(&mut self, walk: &mut Walk, seq: u64) -> Result<(), TableError> {
        while !walk.has_checkpoints_beyond(seq) && self.after < self.last {
            let page = checkpoints::lines_after(self.cx, &self.after).await?;
            let Some((newest, _)) = page.last() else { break };
            self.after.clone_from(newest);
            for (_, line) in page.iter().filter(|(key, _)| *key <= self.last) {
                walk.checkpoint(line, Evidence::Chained);
            }
        }
        Ok(())
    }
}
