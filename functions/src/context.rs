//! Settings become a hub: the composition root of function platforms.
#![expect(clippy::disallowed_methods, reason = "the one place of these programs that reads the environment")]

use crate::Error;
use handlers::Hub;
use tracing_subscriber::filter::LevelFilter;

/// The hub that the settings name.
#[cfg(feature = "local")]
pub(crate) fn hub() -> Result<Hub, Error> {
    use local_host::{Makes, Settings, open};
    let settings = Settings::read(None, |name| std::env::var(name).ok())?;
    Ok(open(&settings, Makes::Log)?.hub)
}

#[cfg(not(feature = "local"))]
compile_error!("choose the adapters to build with: the feature `local`");

/// How much is logged: `DEZKY_LOG`, default `info`.
pub(crate) fn log_level() -> Result<LevelFilter, Error> {
    match std::env::var("DEZKY_LOG") {
        Ok(word) if !word.is_empty() => {
            word.parse().map_err(|_| "DEZKY_LOG: use off, error, warn, info, debug or trace".into())
        }
        _ => Ok(LevelFilter::INFO),
    }
}
