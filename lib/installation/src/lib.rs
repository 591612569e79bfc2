//! An installation: settings, and the hub that they open. Which adapters there are is decided by the
//! features of this package; which of them is used, by the URLs in the settings.

mod cold;
mod elsewhere;
mod examine;
mod kept;
mod migrate;
mod open;
mod settings;
mod signing;
mod stores;

pub use elsewhere::{archived_chains, object_store};
pub use examine::examine;
pub use kept::issuer;
pub use migrate::migrate;
pub use open::{Installation, Makes, OpenError, Reach, open, open_for, threads};
pub use settings::{ColdLock, ColdPlace, ColdStore, IssuerKey, KeySource, Keys, Settings, SettingsError};
