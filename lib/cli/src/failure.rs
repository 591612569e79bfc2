//! What ends a command: one text with all its causes, for a person.

use handlers::with_causes;
use installation::SettingsError;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    usage: bool,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), usage: false }
    }

    /// What was asked for cannot be meant: exit code 2.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), usage: true }
    }

    pub(crate) fn code(&self) -> ExitCode {
        if self.usage { ExitCode::from(2) } else { ExitCode::FAILURE }
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()))
    }

    /// Settings that cannot be meant.
    pub(crate) fn settings(error: &SettingsError) -> Self {
        Self::usage(error.0.join("\ndezky: "))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(with_causes(&error))
    }
}
