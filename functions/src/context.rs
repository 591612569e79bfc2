//! Settings become a hub: the composition root of function platforms.
#![expect(clippy::disallowed_methods, reason = "the one place of these programs that reads the environment")]

use crate::Error;
use handlers::{Function, Hub};
use tracing_subscriber::filter::LevelFilter;

/// The hub that the settings name, with what the function uses.
pub(crate) async fn hub(function: &'static Function) -> Result<Hub, Error> {
    use installation::{Makes, Reach, Settings, open_for};
    let settings = Settings::read(None, |name| std::env::var(name).ok())?;
    let installation = open_for(&settings, Makes::Log, Reach::Of(function)).await?;
    installation.admit_unless_silent().await?;
    Ok(installation.hub.narrowed(function.name, function.uses))
}

#[cfg(not(any(feature = "local", feature = "aws", feature = "postgres")))]
compile_error!("choose the adapters to build with: the features `local`, `aws`, `postgres`");

/// Where the function runs.
pub(crate) enum Platform {
    /// A Lambda runtime hands it events.
    Lambda,
    /// It is asked over HTTP.
    Port {
        /// `PORT`
        port: u16,
        /// `TRIGGER_SECRET`
        secret: Option<String>,
    },
}

/// Where the function runs: `AWS_LAMBDA_RUNTIME_API` goes before `PORT`.
pub(crate) fn platform() -> Result<Platform, Error> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if set("AWS_LAMBDA_RUNTIME_API").is_some() {
        return Ok(Platform::Lambda);
    }
    let Some(port) = set("PORT") else {
        return Err(
            "this is one function: a Lambda runtime runs it (AWS_LAMBDA_RUNTIME_API), or it serves HTTP on PORT. \
                    `dezky up` runs all functions in one process"
                .into(),
        );
    };
    let port = port.parse().map_err(|_| "PORT: a number from 0 to 65535 belongs here")?;
    Ok(Platform::Port { port, secret: set("TRIGGER_SECRET") })
}

/// How much is logged: `DEZKY_LOG`, default `info`.
pub(crate) fn log_level() -> Result<LevelFilter, Error> {
    match std::env::var("DEZKY_LOG") {
        Ok(word) if !word.is_empty() => {
            word.parse().map_err(|_| "DEZKY_LOG: use off, error, warn, info, debug or trace".into())
        }
        _ => Ok(LevelFilter::INFO),
    }
}
