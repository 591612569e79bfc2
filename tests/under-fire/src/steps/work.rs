//! What is done step by step: a log with a cold store and its copy, archived, expired, restored, made anew.

use super::told::{Steps, Told};
use crate::{text, worker};
use adapters_local::DirectoryBucket;
use ports::{Bucket, Table};
use services::Context;
use services::append::Appender;
use services::archive::{self, expire, rebuild};
use services::cold::Cold;
use services::layout::archives::Claim;
use services::restore;
use std::path::Path;
use std::sync::Arc;

/// Work that is cut at each of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Blocks become an archive and stubs.
    Archive,
    /// The lines of all archives are deleted.
    Expire,
    /// The second archive comes back.
    Restore,
    /// A table is made anew from the archives.
    Rebuild,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 4] = [Self::Archive, Self::Expire, Self::Restore, Self::Rebuild];

    /// The mode of a worker that does it.
    pub fn mode(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Expire => "expire",
            Self::Restore => "restore",
            Self::Rebuild => "rebuild",
        }
    }

    /// The work of this mode.
    pub fn of(mode: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.mode() == mode)
    }
}

/// Events of a block.
const BLOCK: usize = 5;

/// The log in this directory, whose archives are in two further ones.
///
/// # Errors
/// A directory that cannot be opened.
pub fn open(data: &Path) -> Result<Context, String> {
    let bucket = |name: &str| -> Result<Arc<dyn Bucket>, String> {
        Ok(Arc::new(DirectoryBucket::open(&data.join(name)).map_err(|e| e.to_string())?))
    };
    let mut cx = support::world::embedded(data);
    cx.cold = Cold { copy: Some(bucket("copy")?), ..Cold::plain(bucket("cold")?, "audit") };
    cx.threads = 0;
    Ok(cx)
}

/// Makes a log with an archive, and more blocks that are due for the next. Of these, only some are derived;
/// some, or all but the newest, are signed. What is to expire or to be restored is archived, too.
///
/// # Errors
/// Whatever failed.
pub async fn prepare(data: &Path, work: Work) -> Result<(), String> {
    let cx = open(data)?;
    let signed = if work == Work::Archive { 9 } else { 11 };
    for block in 0..12 {
        let first = block * BLOCK as u64;
        // An appender that starts anew makes a block of its own.
        let appender = Appender::new(cx.clone());
        worker::append_one(&appender, &(first..first + BLOCK as u64).collect::<Vec<_>>()).await?;
        if block < 10 {
            worker::derive(&cx).await?;
        }
        if block == 5 || block + 1 == signed {
            worker::sign_one(&cx).await?;
        }
        if block == 5 {
            archive(&cx).await?;
        }
    }
    if work != Work::Archive {
        archive(&cx).await?;
    }
    Ok(())
}

/// Does it over ports that say each step, up to line `last`.
///
/// # Errors
/// Whatever failed.
pub async fn told(data: &Path, work: Work, last: u64) -> Result<(), String> {
    let steps = Steps::up_to(last);
    let mut cx = open(data)?;
    cx.table = Told::<dyn Table>::new(cx.table, "table", &steps);
    cx.bucket = Told::<dyn Bucket>::new(cx.bucket, "bucket", &steps);
    cx.cold.bucket = Told::<dyn Bucket>::new(cx.cold.bucket, "cold store", &steps);
    if let Some(copy) = cx.cold.copy.take() {
        cx.cold.copy = Some(Told::<dyn Bucket>::new(copy, "second copy", &steps));
    }
    run(&cx, work).await
}

/// Does it, or goes on with it.
///
/// # Errors
/// Whatever failed, or was left to do.
pub async fn run(cx: &Context, work: Work) -> Result<(), String> {
    match work {
        Work::Archive => archive(cx).await,
        Work::Expire => {
            let appender = Appender::new(cx.clone());
            let expired = expire::expire(cx, &appender, cx.clock.now(), None).await.map_err(|e| text(&e))?;
            if expired.complete && expired.held.is_empty() { Ok(()) } else { Err(format!("not all: {expired:?}")) }
        }
        Work::Restore => {
            let claims = claims(cx).await?;
            let [_, claim, ..] = &claims[..] else { return Err(format!("no second archive: {claims:?}")) };
            restore::restore(cx, claim.range.start, None, "anna").await.map(drop).map_err(|e| text(&e))
        }
        Work::Rebuild => rebuild::rebuild(cx, false, |_, _| ()).await.map(drop).map_err(|e| text(&e)),
    }
}

async fn archive(cx: &Context) -> Result<(), String> {
    let request = archive::Request { cutoff: cx.clock.now(), by: None, until: None };
    let run = archive::archive(cx, &Appender::new(cx.clone()), &request).await.map_err(|e| text(&e))?;
    if run.complete { Ok(()) } else { Err(format!("something is left to do: {run:?}")) }
}

/// All batches, oldest first.
///
/// # Errors
/// The table.
pub async fn claims(cx: &Context) -> Result<Vec<Claim>, String> {
    let stored = archive::claims::after(cx, 0, 1000).await.map_err(|e| text(&e))?;
    Ok(stored.into_iter().map(|stored| stored.claim).collect())
}
