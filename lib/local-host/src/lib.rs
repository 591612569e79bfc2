//! All functions in one process: HTTP on one port, queues drained, schedules ticked, everything
//! embedded. Which functions there are is `handlers::FUNCTIONS`' business.

mod demo;
mod host;
mod pump;
mod single;

pub use demo::write_demo_log;
pub use host::{Host, HostError, Port};
pub use http_server::StopSignal;
pub use single::{Presence, announce};
