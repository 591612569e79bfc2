//! The process that a newcomer meets and a single server runs.

use crate::pump;
use domain::checkpoint::Reason;
use handlers::{FUNCTIONS, Failed, Hub};
use http_server::{GRACE, Mounted, router};
use services::layout::messages::checkpoint_request;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

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

/// A port, taken: whoever connects waits until a host serves it.
pub struct Port(TcpListener);

impl Port {
    /// Takes the port: before anything else is made.
    ///
    /// # Errors
    /// The port.
    pub async fn bind(listen: SocketAddr) -> Result<Self, HostError> {
        TcpListener::bind(listen).await.map(Self).map_err(|source| HostError::Listen { listen, source })
    }
}

/// A host that has its port and does not answer yet.
pub struct Host {
    mounted: Arc<Mounted>,
    listener: TcpListener,
}

impl Host {
    /// All functions on this port.
    pub fn new(hub: Hub, port: Port) -> Self {
        Self { mounted: Arc::new(Mounted::new(FUNCTIONS, hub)), listener: port.0 }
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
            let Some((function, hub)) = self.mounted.each().find(|(f, _)| f.name == name) else { continue };
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
        if let Err(error) = self.mounted.hub().cx.checkpoint_requests.send_batch(&[request]).await {
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
        for (function, hub) in self.mounted.each() {
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
        let seconds = GRACE.as_secs();
        tracing::info!(
            "stopping: what is under way is finished first, for {seconds} s at most; a second signal ends it at once"
        );
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
