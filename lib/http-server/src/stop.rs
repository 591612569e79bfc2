//! When to stop.

use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long requests, rounds and ticks under way may take once it is time to stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// SIGINT and SIGTERM, listened to from now on.
pub struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    /// Listens: before anybody is told that they may send one.
    ///
    /// # Errors
    /// The operating system.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Comes with the first. A second one ends the process at once, as kill -9 would: nothing that was
    /// acknowledged is lost by that either.
    pub async fn wait(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }
}
