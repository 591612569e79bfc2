//! The process that a newcomer meets and a single server runs.

use crate::http_server::{Mounted, router};
use crate::pump;
use domain::checkpoint::Reason;
use handlers::{FUNCTIONS, Failed, Hub};
use services::layout::messages::checkpoint_request;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests, rounds and ticks under way may take once it is time to stop.
const GRACE: Duration = Duration::from_secs(10);

/// The host cannot run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The port.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// What was asked for.
        listen: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The socket, later.
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
}

impl HostError {
    /// Whether somebody else has the port.
    pub fn is_port_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse)
    }
}

/// A host that has its port and does not answer yet.
pub struct Host {
    mounted: Arc<Mounted>,
    listener: TcpListener,
}

impl Host {
    /// Takes the port. Whoever connects waits until [`Host::serve`].
    ///
    /// # Errors
    /// The port.
    pub async fn bind(hub: Hub, listen: SocketAddr) -> Result<Self, HostError> {
        let listener = TcpListener::bind(listen).await.map_err(|source| HostError::Listen { listen, source })?;
        Ok(Self { mounted: Arc::new(Mounted::new(hub)), listener })
    }

    /// The address that it got.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Reads the sources once, chains what they said, and signs it: what a demo waits for.
    ///
    /// # Errors
    /// Whatever a function says.
    pub async fn settle(&self) -> Result<(), Failed> {
        self.ask_for_checkpoint().await;
        for name in ["tail-ocis", "append-events", "derive-entries", "sign-checkpoint"] {
            let Some(place) = FUNCTIONS.iter().position(|f| f.name == name) else { continue };
            let (function, hub) = (&FUNCTIONS[place], &self.mounted.narrowed[place]);
            let done = match (function.queue, function.schedule) {
                (Some(part), _) => pump::drain(&part, hub).await,
                (None, Some(part)) => (part.tick)(hub).await,
                (None, None) => Ok(()),
            };
            done?;
        }
        Ok(())
    }

    /// A start is a reason to sign. Losing the request loses nothing: the schedule signs as well.
    async fn ask_for_checkpoint(&self) {
        let request = checkpoint_request(Reason::Startup);
        if let Err(error) = self.mounted.hub.cx.checkpoint_requests.send_batch(&[request]).await {
            tracing::warn!(%error, "could not ask for a checkpoint; the schedule will sign");
        }
    }

    /// Serves until `stop` comes: then no new request is taken, those under way are finished, and so
    /// are rounds over queues and ticks.
    ///
    /// # Errors
    /// The socket.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), HostError> {
        self.ask_for_checkpoint().await;
        let (stopping, stopped) = watch::channel(false);
        let mut loops = JoinSet::new();
        for (function, hub) in FUNCTIONS.iter().zip(&self.mounted.narrowed) {
            if let Some(part) = function.queue {
                loops.spawn(pump::pump(*function, part, hub.clone(), stopped.clone()));
            }
            if let Some(part) = function.schedule {
                loops.spawn(pump::tick(*function, part, hub.clone(), stopped.clone()));
            }
        }
        let mut until = stopped.clone();
        let server = axum::serve(self.listener, router(Arc::clone(&self.mounted)))
            .with_graceful_shutdown(async move { drop(until.wait_for(|stop| *stop).await) });
        let server = tokio::spawn(server.into_future());
        stop.await;
        tracing::info!("stopping: requests and rounds under way are finished first");
        // Receivers live in the loops; without any there is nothing to tell.
        let _ = stopping.send(true);
        let ended = tokio::time::timeout(GRACE, async {
            let served = server.await;
            while loops.join_next().await.is_some() {}
            served
        });
        match ended.await {
            Ok(Ok(Err(error))) => Err(HostError::Serve(error)),
            Ok(_) => Ok(()),
            Err(_) => {
                tracing::warn!("something took longer than {} s and was cut short, which is safe", GRACE.as_secs());
                Ok(())
            }
        }
    }
}

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
