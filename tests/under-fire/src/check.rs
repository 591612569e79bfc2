//! What must be true of an installation whatever happened to its processes.

use crate::acks::Acks;
use crate::{Finding, text};
use domain::hash::Hash;
use domain::line::LineView;
use domain::merkle::{Edge, leaf};
use domain::verify::Status;
use ports::Bucket;
use services::Context;
use services::layout::{messages, objects};
use services::verify::{Request, verify};
use std::collections::BTreeSet;
use std::path::Path;
use support::draft;

/// The folder of the bucket whose objects are named by their hashes.
pub const OBJECTS: &str = "objects";

/// Object `i` and its key: up to 1 MB, which takes a while to write; the same for the same number.
pub fn object(i: u64) -> (String, Vec<u8>) {
    let size = [0, 1, 500, 5_000, 70_000, 1_000_000][usize::try_from(i % 6).expect("small")];
    let noise = Hash::of(format!("object {i}").as_bytes()).0;
    let bytes: Vec<u8> = noise.iter().copied().cycle().take(size).chain(noise).collect();
    let name = Hash::of(&bytes).to_hex();
    (format!("{}/{name}", &name[..2]), bytes)
}

/// Holds every listed object against its name; everything acknowledged must be among them.
///
/// # Errors
/// What is lost or not whole.
pub async fn objects_whole(bucket: &dyn Bucket, acked: &BTreeSet<String>) -> Result<BTreeSet<String>, Finding> {
    let mut keys = BTreeSet::new();
    for meta in bucket.list("", None, usize::MAX).await.map_err(|e| text(&e))? {
        let bytes = bucket.get(&meta.key).await.map_err(|e| text(&e))?.ok_or("a listed object is not there")?;
        let name = Hash::of(&bytes).to_hex();
        if meta.key != format!("{}/{name}", &name[..2]) || meta.size != bytes.len() as u64 {
            return Err(format!("the object {} is not whole: {} bytes", meta.key, bytes.len()));
        }
        keys.insert(meta.key);
    }
    subset("objects", acked, &keys)?;
    Ok(keys)
}

/// The log verifies, derived rows included.
///
/// # Errors
/// What is wrong with it.
pub async fn intact(cx: &Context) -> Result<(), Finding> {
    let request = Request { index: true, ..Request::with_threads(0) };
    let report = verify(cx, request, |_, _| ()).await.map_err(|e| text(&e))?;
    let some: Vec<_> = report.breaks.iter().take(3).collect();
    match report.status() {
        Status::Intact => Ok(()),
        status => Err(format!("{status:?}, {} breaks, such as {some:?}", report.breaks_total)),
    }
}

/// What stands in the chain.
pub struct Chain {
    ids: BTreeSet<Vec<u8>>,
    leaves: Vec<Hash>,
}

impl Chain {
    /// Reads all of it.
    ///
    /// # Errors
    /// A gap, an event that stands in it twice, or whatever keeps it from being read.
    pub async fn read(cx: &Context) -> Result<Self, Finding> {
        let mut export = services::export::Export::start(cx, 1, None).await.map_err(|e| text(&e))?;
        let mut chain = Self { ids: BTreeSet::new(), leaves: Vec::new() };
        while let Some(some) = export.next().await.map_err(|e| text(&e))? {
            for view in some.split(|b| *b == b'\n').filter_map(LineView::of) {
                chain.leaves.push(leaf(&view.hash));
                if view.seq != chain.leaves.len() as u64 {
                    return Err(format!("event {} stands at place {}", view.seq, chain.leaves.len()));
                }
                if !chain.ids.insert(view.id.to_vec()) {
                    return Err(format!("event {} is in the chain twice", view.seq));
                }
            }
        }
        Ok(chain)
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Those of these numbers that are in it.
    pub fn among(&self, events: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
        let is_there = |i: &u64| self.ids.contains(format!("\"{}\"", draft(*i).id()).as_bytes());
        events.into_iter().filter(is_there).collect()
    }

    /// The hash that a tile of this level holds at this place.
    fn tile_hash(&self, level: u32, place: u64) -> Option<Hash> {
        let width = 256_u64.checked_pow(level)?;
        let from = usize::try_from(place.checked_mul(width)?).ok()?;
        let leaves = self.leaves.get(from..from + usize::try_from(width).ok()?)?;
        let mut edge = Edge::default();
        leaves.iter().for_each(|leaf| edge.push(*leaf));
        Some(edge.root())
    }
}

/// Every acknowledged event and checkpoint is there. What is queued may still be: `queue` is its file,
/// which is looked at first, since messages only go from there to the chain.
///
/// # Errors
/// What is lost.
pub async fn acked_is_stored(cx: &Context, queue: Option<&Path>, acked: &Acks) -> Result<Chain, Finding> {
    let waiting = queue.map(queued).transpose()?.unwrap_or_default();
    let chain = Chain::read(cx).await?;
    subset("chained events", &acked.chained, &chain.among(acked.chained.iter().copied()))?;
    let mut accepted = chain.among(acked.queued.iter().copied());
    accepted.extend(acked.queued.iter().filter(|i| waiting.contains(&draft(**i).id().to_string())));
    subset("accepted events", &acked.queued, &accepted)?;
    for n in &acked.signed {
        let stored = services::checkpoints::get(cx, *n).await.map_err(|e| text(&e))?;
        let copy = cx.bucket.get(&objects::checkpoint(&cx.chain, *n)).await.map_err(|e| text(&e))?;
        if stored.is_none() || stored.map(|stored| stored.line) != copy {
            return Err(format!("checkpoint {n} was acknowledged and is not in the table and in the bucket"));
        }
    }
    Ok(chain)
}

fn queued(file: &Path) -> Result<BTreeSet<String>, Finding> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let db = rusqlite::Connection::open(file)?;
        db.busy_timeout(std::time::Duration::from_secs(30))?;
        db.prepare("SELECT body FROM messages")?.query_map([], |row| row.get(0))?.collect()
    };
    let bodies = read().map_err(|e| format!("the queue cannot be read: {e}"))?;
    let drafts = bodies.iter().flat_map(|body| messages::unpack(body)).filter_map(Result::ok);
    Ok(drafts.map(|draft| draft.id().to_string()).collect())
}

/// Every object of the log's bucket is what the chain says: tiles hash by hash, copies byte by byte.
///
/// # Errors
/// What is not.
pub async fn bucket_whole(cx: &Context, chain: &Chain) -> Result<(), Finding> {
    for meta in cx.bucket.list("", None, usize::MAX).await.map_err(|e| text(&e))? {
        let bytes = cx.bucket.get(&meta.key).await.map_err(|e| text(&e))?.unwrap_or_default();
        let whole = if let Some(tile) = meta.key.strip_prefix(&format!("tiles/{}/tile/", cx.chain)) {
            tile_bytes(chain, tile).is_some_and(|expected| expected == bytes)
        } else if let Some(n) = objects::checkpoint_number(&meta.key) {
            let stored = services::checkpoints::get(cx, n).await.map_err(|e| text(&e))?;
            stored.is_some_and(|stored| stored.line == bytes)
        } else {
            false
        };
        if !whole {
            return Err(format!("the object {} is not what the chain says: {} bytes", meta.key, bytes.len()));
        }
    }
    Ok(())
}

/// The bytes of the tile `<level>/<index>[.p/<width>]`, of a log with fewer than 1,000 tiles.
fn tile_bytes(chain: &Chain, name: &str) -> Option<Vec<u8>> {
    let (level, index) = name.split_once('/')?;
    let (index, width) = index.split_once(".p/").unwrap_or((index, "256"));
    let (level, index, width): (u32, u64, u64) = (level.parse().ok()?, index.parse().ok()?, width.parse().ok()?);
    let mut bytes = Vec::new();
    for place in 0..width {
        bytes.extend(chain.tile_hash(level, index * 256 + place)?.0);
    }
    Some(bytes)
}

fn subset<T: Ord + std::fmt::Debug>(what: &str, acked: &BTreeSet<T>, stored: &BTreeSet<T>) -> Result<(), Finding> {
    let lost: Vec<_> = acked.difference(stored).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(format!("LOST: {} acknowledged {what}, such as {:?}", lost.len(), &lost[..lost.len().min(5)]))
}
