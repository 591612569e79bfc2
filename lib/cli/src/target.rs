//! Which hub a command is about: the one of a data directory, or one that answers over HTTP.

use crate::failure::Failure;
use crate::remote::Remote;
use handlers::Hub;
use installation::{Installation, Makes, Settings, open};
use services::Context;
use std::path::PathBuf;

/// How a hub is named on the command line.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// Data directory [default: ./.dezky]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Ask the hub at this address instead [environment: DEZKY_URL]
    #[arg(long, global = true, value_name = "URL", conflicts_with = "data")]
    pub(crate) url: Option<String>,
    /// Bearer token for --url, or @FILE that holds one [environment: DEZKY_TOKEN]
    #[arg(long, global = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

/// A hub.
pub(crate) enum Target {
    /// On this machine.
    Here(Box<Installation>),
    /// Over HTTP.
    There(Remote),
}

/// Reads a setting of this program.
#[expect(clippy::disallowed_methods, reason = "the one place of this program that reads the environment")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Which {
    /// The settings of the installation on this machine.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Settings::read(self.data.as_deref(), environment).map_err(|error| Failure::settings(&error))
    }

    /// Opens the hub that was named.
    pub(crate) async fn open(&self, makes: Makes) -> Result<Target, Failure> {
        match self.elsewhere() {
            Some(url) => Ok(Target::There(Remote::new(&url, self.bearer()?)?)),
            None => Ok(Target::Here(Box::new(open(&self.settings()?, makes).await?))),
        }
    }

    /// The address of the hub that was named, if it is not a data directory.
    pub(crate) fn elsewhere(&self) -> Option<String> {
        let url = self.url.clone().or_else(|| environment("DEZKY_URL").filter(|url| !url.is_empty()));
        url.filter(|_| self.data.is_none())
    }

    fn bearer(&self) -> Result<String, Failure> {
        let token = self.token.clone().or_else(|| environment("DEZKY_TOKEN")).unwrap_or_default();
        let token = match token.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| Failure::file(path.as_ref(), &error))?,
            None => token,
        };
        match token.trim() {
            "" => Err(Failure::usage("--url needs a token: give --token or DEZKY_TOKEN; `dezky token` makes one")),
            token => Ok(token.to_owned()),
        }
    }
}

impl Target {
    /// The installation's stores, for what works on nothing else.
    pub(crate) fn here(&self, command: &str) -> Result<&Context, Failure> {
        Ok(&self.hub_here(command)?.cx)
    }

    /// The same with what is made of its settings.
    pub(crate) fn hub_here(&self, command: &str) -> Result<&Hub, Failure> {
        match self {
            Self::Here(installation) => Ok(&installation.hub),
            Self::There(_) => Err(not_there(command)),
        }
    }
}

/// What is said where a command cannot do its work over HTTP.
pub(crate) fn not_there(command: &str) -> Failure {
    Failure::usage(format!("`{command}` works on the stores themselves: run it with --data where they are"))
}
