//! Whoever moves blocks to the cold store, brings them back, holds them and lets them expire.

use crate::checker::Span;
use crate::node::Node;
use crate::sim::Sim;
use crate::world::World;
use domain::archive::Range;
use domain::time::Timestamp;
use services::append::{AppendError, Appender};
use services::archive::expire::expire;
use services::archive::{ArchiveError, Request, archive};
use services::blocks::{ReadError, find_event};
use services::hold;
use services::restore::{self, RestoreError};
use std::sync::{Arc, OnceLock};

/// A cut-off of some seconds ago, until a moment; from then on it stays where the chain was. What
/// archiving itself chains must not be due for ever, however far behind clocks are.
#[derive(Clone)]
pub(crate) struct CutOff {
    last: Timestamp,
    end: Arc<OnceLock<Timestamp>>,
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("runs last hours")
}

impl CutOff {
    /// It stays from a moment between `least` and `most` milliseconds from now on.
    pub(crate) fn after(sim: &Sim, least: u64, most: u64) -> Self {
        let millis = least + sim.draw(|dice| dice.below(most - least));
        let last = timestamp(sim.world.now() + i64::try_from(millis).expect("small"));
        Self { last, end: Arc::default() }
    }

    /// Where it stays, once it does.
    pub(crate) fn end(&self, world: &World) -> Option<Timestamp> {
        if timestamp(world.now()) < self.last {
            return None;
        }
        let newest = || world.checker().newest_recorded_at().and_then(|at| Timestamp::parse(at).ok());
        Some(*self.end.get_or_init(|| {
            // Whoever's clock is behind records at the same moment as the newest event.
            newest().map_or(self.last, |newest| newest.plus_millis(-1).min(self.last))
        }))
    }

    fn now(&self, node: &Node) -> Timestamp {
        let ago = node.draw(|dice| dice.below(4000));
        let recent = || timestamp(node.world().now() - i64::try_from(ago).expect("small"));
        self.end(node.world()).unwrap_or_else(recent)
    }
}

/// What a service says is wrong with what is stored, although nothing is.
fn false_alarm(node: &Node, misread: u64, what: &dyn std::fmt::Debug) {
    // Who was answered wrongly by the cold store may say so.
    if node.misread() == misread {
        node.world().checker().fail(format!("a false alarm: {what:?}"));
    }
}

/// The function that archives what was recorded up to a moment of its own.
pub(crate) fn archiver(sim: &mut Sim, name: &str, cutoff: CutOff, by: Option<&'static str>) {
    sim.daemon(name, move |node| {
        let cutoff = cutoff.clone();
        async move {
            let cx = node.context();
            let appender = Appender::new(cx.clone());
            loop {
                let now = timestamp(node.world().now());
                let until = (node.draw(|dice| dice.below(3)) == 0).then_some(now);
                let request = Request { cutoff: cutoff.now(&node), by: by.map(str::to_owned), until };
                let (misread, head) = (node.misread(), node.world().checker().head());
                match archive(&cx, &appender, &request).await {
                    Ok(run) if run.batches.is_empty() => {}
                    Ok(run) => {
                        node.world().mark("archive: done");
                        if by.is_some() && run.batches.iter().any(|batch| batch.range.end >= head) {
                            node.world().mark("archive: what was the newest block, too");
                        }
                    }
                    Err(error) => judge(&node, misread, error, "archive: again"),
                }
                node.rest(9000).await;
            }
        }
    });
}

fn judge(node: &Node, misread: u64, error: ArchiveError, mark: &'static str) {
    match error {
        ArchiveError::Rollback(rollback) | ArchiveError::Append(AppendError::Rollback(rollback)) => {
            node.world().checker().refused(&rollback);
        }
        ArchiveError::Broken { .. } | ArchiveError::Batch { .. } | ArchiveError::Read(ReadError::Damaged { .. }) => {
            false_alarm(node, misread, &error);
        }
        _ => {}
    }
    node.world().mark(mark);
}

/// Somebody who brings batches back for reading, for as long as nobody says otherwise or for a day.
pub(crate) fn restorer(sim: &mut Sim, name: &str, rounds: u32) {
    sim.client(name, move |node| async move {
        for _ in 0..rounds {
            node.rest(3000).await;
            let batches = node.world().checker().batches();
            if batches.is_empty() {
                continue;
            }
            // One more often than the others, so that two meet.
            let start = match node.draw(|dice| dice.below(2)) {
                0 => batches[0],
                _ => batches[node.draw(|dice| dice.place(batches.len()))],
            };
            let days = (node.draw(|dice| dice.below(4)) != 0).then_some(1);
            let misread = node.misread();
            match restore::restore(&node.context(), start, days, "rita").await {
                Ok(_) => node.world().mark("restore: done"),
                Err(error) => {
                    if let RestoreError::Manifest { .. } = error {
                        false_alarm(&node, misread, &error);
                    }
                    node.world().mark("restore: again");
                }
            }
        }
    });
}

/// The function that takes away what was restored long enough ago.
pub(crate) fn sweeper(sim: &mut Sim, name: &str) {
    sim.daemon(name, move |node| async move {
        let cx = node.context();
        loop {
            match restore::sweep(&cx).await {
                Ok(0) => {}
                Ok(_) => node.world().mark("sweep: done"),
                Err(_) => node.world().mark("sweep: again"),
            }
            node.rest(4000).await;
        }
    });
}

/// The function that ends archives recorded up to a moment.
pub(crate) fn expirer(sim: &mut Sim, name: &str, cutoff: CutOff) {
    sim.daemon(name, move |node| {
        let cutoff = cutoff.clone();
        async move {
            let cx = node.context();
            let appender = Appender::new(cx.clone());
            loop {
                let misread = node.misread();
                match expire(&cx, &appender, cutoff.now(&node), None).await {
                    Ok(expiry) => {
                        if !expiry.expired.is_empty() {
                            node.world().mark("expire: done");
                        }
                        if !expiry.held.is_empty() {
                            node.world().mark("expire: held");
                        }
                    }
                    Err(error) => judge(&node, misread, error, "expire: again"),
                }
                node.rest(5000).await;
            }
        }
    });
}

/// An operator who holds some events, and lets them go again, or not.
pub(crate) fn holder(sim: &mut Sim, name: &str, rounds: u32) {
    sim.client(name, move |node| async move {
        let cx = node.context();
        let appender = Appender::new(cx.clone());
        for _ in 0..rounds {
            node.rest(2500).await;
            let (head, batches) = {
                let checker = node.world().checker();
                (checker.head(), checker.batches())
            };
            if head == 0 {
                continue;
            }
            // Few events, so that most batches are free to go; most often of one that is archived.
            let start = match node.draw(|dice| dice.below(4)) {
                0 => 1 + node.draw(|dice| dice.below(head)),
                _ if batches.is_empty() => 1,
                _ => batches[node.draw(|dice| dice.place(batches.len()))],
            };
            let end = start + node.draw(|dice| dice.below(3.min(head + 1 - start)));
            let placed = match hold::place(&cx, &appender, Range { start, end }, "a case", "olga").await {
                Ok(placed) => placed,
                Err(_) => {
                    node.world().mark("hold: again");
                    continue;
                }
            };
            let late: Vec<Span> = placed.too_late.iter().map(|range| (range.start, range.end)).collect();
            if !late.is_empty() {
                node.world().mark("hold: too late for some");
            }
            node.world().checker().held(placed.hold.seq, (start, end), late);
            if node.draw(|dice| dice.below(4)) != 0 {
                node.rest(2500).await;
                match hold::release(&cx, &appender, placed.hold.seq, "olga").await {
                    Ok(_) => node.world().mark("hold: released"),
                    Err(_) => node.world().mark("hold: again"),
                }
            }
        }
    });
}

/// Reads events by their number: each is as it was chained, wherever it is, unless its time is over.
pub(crate) fn reader(sim: &mut Sim, name: &str, reads: u32) {
    sim.client(name, move |node| async move {
        let cx = node.context();
        for _ in 0..reads {
            node.rest(3000).await;
            let head = node.world().checker().head();
            if head == 0 {
                continue;
            }
            let seq = 1 + node.draw(|dice| dice.below(head));
            let misread = node.misread();
            let found = find_event(&cx, seq).await;
            let mut checker = node.world().checker();
            match found {
                Ok(Some(found)) => {
                    let archive = found.archive.map(|range| (range.start, range.end));
                    if checker.line(seq) != Some(found.line.as_slice()) {
                        return checker.fail(format!("event {seq} was read as another"));
                    }
                    if archive.is_some() && archive != checker.archive_of(seq) {
                        return checker.fail(format!("event {seq} was read from {archive:?}"));
                    }
                }
                Ok(None) => return checker.fail(format!("event {seq} was not found")),
                Err(ReadError::Expired { .. }) if !checker.may_be_gone(seq) => {
                    return checker.fail(format!("event {seq} is said to have expired"));
                }
                Err(error @ ReadError::Damaged { .. }) => {
                    drop(checker);
                    false_alarm(&node, misread, &error);
                }
                Err(_) => {
                    drop(checker);
                    node.world().mark("event: again");
                }
            }
        }
    });
}
