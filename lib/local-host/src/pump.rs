//! What a platform does for functions: hands them messages, and ticks.

use futures_util::FutureExt;
use handlers::{Failed, Function, Hub, QueueName, QueuePart, SchedulePart};
use ports::{MAX_SEND, Queue};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long an empty queue is left alone.
const IDLE: Duration = Duration::from_millis(100);
/// How long a receive may still take when it is time to stop.
const LAST_RECEIVE: Duration = Duration::from_secs(1);
/// How long a queue is left alone after a failure, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Waits, unless it is time to stop; says whether to go on.
async fn rest(stop: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => false,
        () = tokio::time::sleep(time) => true,
    }
}

fn queue_of(hub: &Hub, name: QueueName) -> &Arc<dyn Queue> {
    match name {
        QueueName::Events => &hub.cx.events,
        QueueName::Checkpoints => &hub.cx.checkpoint_requests,
    }
}

/// A panic of a function is its failure, and not the end of its queue or its schedule.
async fn guarded<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let panicked = |_| Failed("it stopped in the middle: a mistake of ours".to_owned());
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(panic)))
}

/// Receives a batch, serves it, and acknowledges it; how many messages it held. Once it is time to stop,
/// a receive is not waited for much longer: some queues answer only when there is something. What one
/// hands over in that moment comes back.
async fn round(part: &QueuePart, hub: &Hub, stop: &mut watch::Receiver<bool>) -> Result<usize, Failed> {
    let queue = queue_of(hub, part.queue);
    let given_up = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(LAST_RECEIVE).await;
    };
    let messages = tokio::select! {
        messages = queue.receive(MAX_SEND) => messages?,
        () = given_up => return Ok(0),
    };
    if messages.is_empty() {
        return Ok(0);
    }
    (part.handle)(hub, &messages).await?;
    let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
    queue.ack(&receipts).await?;
    Ok(messages.len())
}

/// Serves a queue until it is empty.
pub(crate) async fn drain(part: &QueuePart, hub: &Hub) -> Result<(), Failed> {
    let (_going_on, mut stop) = watch::channel(false);
    while round(part, hub, &mut stop).await? > 0 {}
    Ok(())
}

/// Serves a queue until it is time to stop. A round that has begun is finished.
pub(crate) async fn pump(function: Function, part: QueuePart, hub: Hub, mut stop: watch::Receiver<bool>) {
    let mut complaint = Complaint::new(function.name);
    let mut pause = BACK_OFF.0;
    loop {
        let wait = match guarded(round(&part, &hub, &mut stop)).await {
            Ok(served) => {
                complaint.over();
                pause = BACK_OFF.0;
                if served == 0 { IDLE } else { Duration::ZERO }
            }
            Err(failed) => {
                complaint.say(&failed);
                let now = pause;
                pause = (pause * 2).min(BACK_OFF.1);
                now
            }
        };
        if !rest(&mut stop, wait).await {
            return;
        }
    }
}

/// Ticks until it is time to stop, the first time at once; a function that messages wake as well is
/// asked for at the start by a message of its own.
pub(crate) async fn tick(function: Function, part: SchedulePart, hub: Hub, mut stop: watch::Receiver<bool>) {
    let mut complaint = Complaint::new(function.name);
    let every = Duration::from_secs(part.every_seconds.into());
    if function.queue.is_some() && !rest(&mut stop, every).await {
        return;
    }
    loop {
        match guarded((part.tick)(&hub)).await {
            Ok(()) => complaint.over(),
            Err(failed) => complaint.say(&failed),
        }
        if !rest(&mut stop, every).await {
            return;
        }
    }
}

/// Says a failure once, and that it is over; a full disk is no reason to fill the log.
struct Complaint {
    function: &'static str,
    said: Option<String>,
}

impl Complaint {
    fn new(function: &'static str) -> Self {
        Self { function, said: None }
    }

    fn say(&mut self, failed: &Failed) {
        if self.said.as_ref() != Some(&failed.0) {
            let function = self.function;
            tracing::error!(
                function,
                "{function} failed: {failed}; nothing that was acknowledged is lost, and it is tried again"
            );
            self.said = Some(failed.0.clone());
        }
    }

    fn over(&mut self) {
        if self.said.take().is_some() {
            let function = self.function;
            tracing::info!(function, "{function} works again");
        }
    }
}
