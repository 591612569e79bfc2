//! An installation: settings, and the hub that they open. Which adapters there are is decided by the
//! features of this package; which of them is used, by the URLs in the settings.

mod open;
mod settings;

pub use open::{Embedded, Makes, OpenError, Reach, open, open_for, threads};
pub use settings::{Settings, SettingsError};
