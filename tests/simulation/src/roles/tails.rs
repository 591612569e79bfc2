//! A log of another program, and the functions that follow it.

use crate::ports::{SimLog, Stores, at_once};
use crate::sim::Sim;
use crate::world::World;
use domain::hash::Hash;
use ports::{Bucket as _, Key};
use services::ingest::tail::{SOURCE, tail};
use services::layout::objects;
use sources::ocis::ExtraActions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes numbered lines into the log, now and then only a part of one, and what is no line of it; and
/// rotates it, now and then with a line that has no end.
pub(crate) fn log_writer(sim: &mut Sim, name: &str, lines: u64) {
    let written = Arc::new(AtomicU64::new(0));
    sim.client(name, move |node| {
        let written = Arc::clone(&written);
        // Two rotations between two readings lose lines, which is known: the next one waits until
        // something of the new file is chained.
        let mut rotated_at = 0;
        async move {
            let log = node.stores.log.clone();
            while written.load(Ordering::SeqCst) < lines {
                node.rest(3000).await;
                let n = written.fetch_add(1, Ordering::SeqCst);
                let line = line(n);
                let (start, end) = line.split_at(node.draw(|dice| dice.place(line.len())));
                log.append(start.as_bytes());
                if node.draw(|dice| dice.below(3)) == 0 {
                    node.rest(500).await;
                }
                log.append(end.as_bytes());
                if node.draw(|dice| dice.below(4)) == 0 {
                    let nonsense = format!("nonsense {n}\n");
                    log.append(nonsense.as_bytes());
                    node.world().checker().unusable(&nonsense);
                }
                let followed = node.world().checker().of_source("ocis").len() > rotated_at;
                // What the last file ends with is left for the next one to come.
                if followed && n + 1 < lines && node.draw(|dice| dice.below(4)) == 0 {
                    if node.draw(|dice| dice.below(2)) == 0 {
                        log.append(start.as_bytes());
                        node.world().checker().unusable(start);
                    }
                    log.rename();
                    rotated_at = usize::try_from(n).expect("few") + 1;
                }
            }
        }
    });
}

/// Whether everything that cannot be used is kept aside: a row that names it, and its bytes.
pub(crate) fn all_is_kept(stores: &Stores, world: &World) -> bool {
    let rows = stores.table().dump();
    let kept: Vec<&(Key, Vec<u8>)> = rows.iter().filter(|(key, _)| key.partition.starts_with("kept#")).collect();
    world.checker().all_unusable().all(|text| {
        let hash = Hash::of(text.as_bytes());
        let object = objects::kept(&crate::ports::chain(), SOURCE, &hash);
        let bytes = at_once(stores.bucket.get(&object)).expect("memory never fails");
        let named = kept.iter().any(|(_, row)| String::from_utf8_lossy(row).contains(&hash.to_hex()));
        named && bytes.is_some_and(|bytes| bytes == text.as_bytes())
    })
}

/// A line of the log that becomes one event, named by its number.
fn line(n: u64) -> String {
    format!(
        "{{\"RemoteAddr\":\"\",\"User\":\"\",\"URL\":\"\",\"Method\":\"\",\"UserAgent\":\"\",\"Time\":\"\",\
         \"App\":\"admin_audit\",\"Message\":\"user 'u' created group 'g{n}'\",\"Action\":\"group_created\",\
         \"CLI\":false,\"Level\":1,\"GroupID\":\"g{n}\"}}\n"
    )
}

/// The function that follows the log.
pub(crate) fn tailer(sim: &mut Sim, name: &str) {
    sim.daemon(name, move |node| async move {
        let cx = node.context();
        let log = SimLog(node.clone(), node.stores.log.clone());
        loop {
            match tail(&cx, &log, &ExtraActions::default()).await {
                Ok(_) => {}
                Err(_) => node.world().mark("tail: again"),
            }
            node.rest(6000).await;
        }
    });
}
