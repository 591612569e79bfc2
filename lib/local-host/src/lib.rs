//! All functions in one process: HTTP on one port, queues drained, schedules ticked, everything
//! embedded. Which functions there are is `handlers::FUNCTIONS`' business.

mod demo;
mod embedded;
mod host;
mod pump;
mod settings;
mod single;

pub use demo::write_demo_log;
pub use embedded::{Embedded, Makes, OpenError, Reach, open, open_for, threads};
pub use host::{Host, HostError, Port};
pub use http_server::StopSignal;
pub use settings::{Settings, SettingsError};
pub use single::{Presence, announce};
