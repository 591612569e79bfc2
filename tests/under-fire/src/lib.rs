//! The embedded adapters under fire, with real processes on real files.
//!
//! Promised, and attacked by [`kills`], [`steps`] and [`syscalls`]: whatever the moment at which a process dies,
//! whichever system call fails, everything that was acknowledged is stored, exactly once, and the log
//! verifies.

pub mod acks;
pub mod aftermath;
pub mod check;
pub mod kills;
pub mod life;
pub mod steps;
pub mod strace;
pub mod syscalls;
pub mod trace;
pub mod worker;

/// A loss, or what kept it from being looked for, for whoever reads the test's output.
pub type Finding = String;

/// An error with all its causes, on one line.
pub fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Runs to its end on this thread. Without the driver for sockets, which wakes by calls of `write`.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers").block_on(future)
}
