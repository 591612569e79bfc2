//! Whoever writes: appenders, recorders, and the functions that drain, derive, sign and redrive.

use super::events::posted;
use crate::node::Node;
use crate::sim::Sim;
use domain::checkpoint::Reason;
use domain::event::Draft;
use domain::hash::Hash;
use domain::names::Source;
use futures_util::future::join_all;
use services::append::{AppendError, Appender};
use services::drain::DrainError;
use services::layout::rows::SCHEMA;
use services::record::RecordError;
use services::sign::SignError;
use services::{derive, drain, index, record, redrive, sign};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type Batches = Arc<Vec<Vec<Draft>>>;

/// How far a caller got, known to whoever stands behind it: it outlives the process. One that starts
/// anew may go back.
#[derive(Clone, Default)]
struct Progress(Arc<AtomicUsize>);

impl Progress {
    fn start(&self, node: &Node) -> usize {
        let place = self.0.load(Ordering::SeqCst);
        if node.lives > 0 && node.world().fault(|mix| mix.offered_again, "client: offered again") {
            return node.draw(|dice| dice.place(place + 1));
        }
        place
    }

    fn reached(&self, place: usize) {
        self.0.fetch_max(place, Ordering::SeqCst);
    }
}

/// Callers of one process that append through one appender, each its own batches, each until it is
/// acknowledged. With `again`, from the start whenever the process starts anew.
pub(crate) fn appender(sim: &mut Sim, name: &str, callers: Vec<Vec<Vec<Draft>>>, again: bool) {
    append_each(sim, name, callers, again, 0);
}

/// One caller who waits up to so many milliseconds between two batches.
pub(crate) fn slow_appender(sim: &mut Sim, name: &str, batches: Vec<Vec<Draft>>, pause: u64) {
    append_each(sim, name, vec![batches], false, pause);
}

fn append_each(sim: &mut Sim, name: &str, callers: Vec<Vec<Vec<Draft>>>, again: bool, pause: u64) {
    let callers: Vec<(Batches, Progress)> =
        callers.into_iter().map(|batches| (Arc::new(batches), Progress::default())).collect();
    sim.client(name, move |node| {
        let callers = callers.clone();
        async move {
            let appender = Appender::new(node.context());
            let calls = callers.iter().map(|(batches, progress)| {
                let start = if again { 0 } else { progress.start(&node) };
                append_all(&node, &appender, &batches[start.min(batches.len())..], progress, (start, pause))
            });
            join_all(calls).await;
        }
    });
}

async fn append_all(
    node: &Node,
    appender: &Appender,
    batches: &[Vec<Draft>],
    progress: &Progress,
    (start, pause): (usize, u64),
) {
    for (place, batch) in (start..).zip(batches) {
        if pause > 0 {
            node.rest(pause).await;
        }
        loop {
            match node.until_dropped(appender.append(batch.clone())).await {
                None => {}
                Some(Ok(answers)) => {
                    node.world().checker().appended(batch, &answers);
                    break;
                }
                Some(Err(error)) => {
                    node.world().mark(match error {
                        AppendError::Rollback(rollback) => {
                            node.world().checker().refused(&rollback);
                            "append: refused after a rollback"
                        }
                        _ => "append: not acknowledged",
                    });
                    node.rest(3000).await;
                }
            }
        }
        progress.reached(place + 1);
    }
}

/// A client that posts its batches, each until it is taken. An id that somebody else has taken is
/// refused for good.
pub(crate) fn recorder(sim: &mut Sim, name: &str, batches: Vec<Vec<Draft>>) {
    let (batches, progress) = (Arc::new(batches), Progress::default());
    sim.client(name, move |node| {
        let (batches, progress) = (Arc::clone(&batches), progress.clone());
        async move {
            let cx = node.context();
            let sources = ["platform-api", "app"].map(|source| Source::new(source).expect("a source"));
            let start = progress.start(&node);
            for (place, batch) in (start..).zip(&batches[start..]) {
                loop {
                    let body = batch.iter().map(posted).collect();
                    match node.until_dropped(record::record(&cx, body, &sources)).await {
                        Some(Ok(_)) => {
                            node.world().checker().taken(batch);
                            break;
                        }
                        Some(Err(RecordError::Conflict { .. })) => {
                            node.world().mark("record: refused, the id is taken");
                            break;
                        }
                        Some(Err(RecordError::Refused(refused))) => {
                            node.world().checker().fail(format!("an event was refused: {refused:?}"));
                            break;
                        }
                        Some(Err(_)) => {
                            node.world().mark("record: not taken");
                            node.rest(2000).await;
                        }
                        None => {}
                    }
                }
                progress.reached(place + 1);
            }
        }
    });
}

/// Somebody who puts into the queue what no event can be made of.
pub(crate) fn producer_of_nonsense(sim: &mut Sim, name: &str) {
    sim.client(name, move |node| async move {
        for body in ["nonsense", "{\"events\":[],\"v\":2}"] {
            while !node.context().events.send_batch(&[body.to_owned()]).await.is_ok_and(|sent| sent[0].is_ok()) {
                node.rest(2000).await;
            }
            node.world().checker().hopeless(Hash::of(body.as_bytes()).to_hex());
        }
    });
}

/// The function that chains what is queued.
pub(crate) fn drainer(sim: &mut Sim, name: &str) {
    sim.daemon(name, move |node| async move {
        let cx = node.context();
        let appender = Appender::new(cx.clone());
        loop {
            match drain::append_events(&cx, &appender).await {
                Ok(0) => node.rest(20_000).await,
                Ok(_) => {}
                Err(error) => {
                    if let DrainError::Append(AppendError::Rollback(rollback)) = &error {
                        node.world().checker().refused(rollback);
                    }
                    node.world().mark("drain: left for later");
                    node.rest(5000).await;
                }
            }
        }
    });
}

/// A function that is never done in time: it takes messages a few times, and none of them comes back
/// but as a dead letter.
pub(crate) fn forgetful(sim: &mut Sim, name: &str) {
    sim.client(name, move |node| async move {
        for _ in 0..4 {
            if node.context().events.receive(10).await.is_ok_and(|messages| !messages.is_empty()) {
                node.world().mark("queue: messages forgotten");
            }
            node.rest(30_000).await;
        }
    });
}

/// The function that derives.
pub(crate) fn deriver(sim: &mut Sim, name: &str) {
    sim.daemon(name, move |node| async move {
        let cx = node.context();
        loop {
            let blocks = node.draw(|dice| 1 + dice.below(4));
            match derive::derive(&cx, SCHEMA, blocks).await {
                Ok(0) | Err(_) => node.rest(15_000).await,
                Ok(_) => {}
            }
        }
    });
}

/// An operator who makes the derived rows anew while everything goes on.
pub(crate) fn rebuilder(sim: &mut Sim, name: &str) {
    sim.client(name, move |node| async move {
        let mut done = 0;
        while done < 2 {
            match index::rebuild(&node.context()).await {
                Ok(_) => done += 1,
                Err(_) => node.world().mark("rebuild: again"),
            }
            node.rest(8000).await;
        }
    });
}

/// The function that signs, woken by its schedule and by requests.
pub(crate) fn signer(sim: &mut Sim, name: &str) {
    sim.daemon(name, move |node| async move {
        let cx = node.context();
        loop {
            let signed = match node.draw(|dice| dice.below(3)) {
                0 => drain::sign_requested(&cx).await,
                _ => sign::sign(&cx, Reason::Interval).await.map_err(DrainError::Sign),
            };
            match signed {
                Ok(Some(checkpoint)) => node.world().checker().handed_out(&checkpoint.line()),
                Ok(None) => {}
                Err(error) => {
                    if let DrainError::Sign(SignError::Rollback(rollback)) = &error {
                        node.world().checker().refused(rollback);
                    }
                    node.world().mark("sign: not signed");
                }
            }
            node.rest(20_000).await;
        }
    });
}

/// The function that sends dead letters back.
pub(crate) fn redriver(sim: &mut Sim, name: &str) {
    sim.daemon(name, move |node| async move {
        let cx = node.context();
        loop {
            match redrive::redrive(&cx, 10).await {
                Ok(0) => {}
                Ok(_) => node.world().mark("redrive: sent back"),
                Err(_) => node.world().mark("redrive: failed"),
            }
            node.rest(60_000).await;
        }
    });
}
