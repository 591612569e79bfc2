//! After a fault: the files are opened anew, what was acknowledged is there, the work is finished, and
//! then everything is there, once.

use crate::acks::Acks;
use crate::life::{APPENDED, FOUNDED, RECORDED};
use crate::{Finding, check, life, text, worker};
use adapters_local::DirectoryBucket;
use ports::Bucket;
use services::append::Appender;
use std::collections::BTreeSet;
use std::path::Path;

/// Of a life on an installation that had some content before, or none.
///
/// # Errors
/// What is lost, twice or damaged.
pub async fn of_life(data: &Path, acks: &Acks, had_content: bool) -> Result<(), Finding> {
    let embedded = life::open(data).await.map_err(|e| format!("it does not open any more: {e}"))?;
    let cx = embedded.hub.cx.clone();
    check::intact(&cx).await.map_err(|e| format!("at once: {e}"))?;
    let chain = check::acked_is_stored(&cx, Some(&data.join("queue.db")), acks).await?;
    let founded = if had_content { FOUNDED } else { 0..0 };
    if chain.among(founded.clone()).len() != founded.clone().count() {
        return Err("LOST: what was there before".to_owned());
    }
    // What a dead process had received is free again, as for a host that starts.
    embedded.take_back_messages().map_err(|e| text(&e))?;
    let appender = Appender::new(cx.clone());
    life::pump(&cx, &appender).await?;
    check::acked_is_stored(&cx, None, acks).await?;
    // Whoever was not answered sends again.
    for batch in APPENDED {
        worker::append_one(&appender, &batch.collect::<Vec<_>>()).await?;
    }
    worker::record_one(&cx, &RECORDED.collect::<Vec<_>>()).await?;
    life::pump(&cx, &appender).await?;
    worker::sign_one(&cx).await?;
    check::intact(&cx).await.map_err(|e| format!("when the work was finished: {e}"))?;
    let chain = check::acked_is_stored(&cx, None, acks).await?;
    let all: Vec<u64> = founded.chain(APPENDED.into_iter().flatten()).chain(RECORDED).collect();
    if chain.among(all.iter().copied()).len() != all.len() || chain.len() != all.len() {
        return Err(format!("{} events where {} belong, each once", chain.len(), all.len()));
    }
    check::bucket_whole(&cx, &chain).await
}

/// A process that lived on after an error has taken away what it had begun.
///
/// # Errors
/// Files that it left behind.
pub fn nothing_unfinished(folder: &Path) -> Result<(), Finding> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).map_err(|e| e.to_string())? {
            let path = entry.map_err(|e| e.to_string())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(".tmp") || name.contains(".new-") {
                return Err(format!("{} was left behind", path.display()));
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

/// Of so many objects that were put into a bucket.
///
/// # Errors
/// What is lost or not whole.
pub async fn of_objects(root: &Path, acks: &Acks, number: u64) -> Result<(), Finding> {
    let bucket = DirectoryBucket::open(root).map_err(|e| format!("it does not open any more: {e}"))?;
    check::objects_whole(&bucket, &acks.objects).await?;
    let mut all = BTreeSet::new();
    for (key, bytes) in (0..number).map(check::object) {
        bucket.put(&key, &bytes).await.map_err(|e| text(&e))?;
        all.insert(key);
    }
    let there = check::objects_whole(&bucket, &all).await?;
    if there == all { Ok(()) } else { Err("there are objects that nobody put".to_owned()) }
}
