//! Events: recording, chaining, reading.

mod append_events;
mod derive_entries;
mod export_events;
mod get_event;
mod list_events;
mod record_events;
mod redrive_dead_letters;

pub use append_events::AppendEvents;
pub use derive_entries::DeriveEntries;
pub use export_events::ExportEvents;
pub use get_event::GetEvent;
pub use list_events::ListEvents;
pub use record_events::RecordEvents;
pub use redrive_dead_letters::RedriveDeadLetters;
