//! A log of another program, and the functions that follow it.

use crate::ports::SimLog;
use crate::sim::Sim;
use services::ingest::tail::tail;
use sources::ocis::ExtraActions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes numbered lines into the log, now and then only a part of one, and rotates it.
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
                let followed = node.world().checker().of_source("ocis").len() > rotated_at;
                if followed && node.draw(|dice| dice.below(4)) == 0 {
                    log.rename();
                    rotated_at = usize::try_from(n).expect("few") + 1;
                }
            }
        }
    });
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
