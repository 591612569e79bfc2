//! Archives: making them, reading about them, bringing them back, checking them and their end.

mod archive_events;
mod get_archive;
mod list_archives;
mod restore_archive;
mod run_archive;
mod sweep_archives;
mod verify_archives;

pub use archive_events::ArchiveEvents;
pub use get_archive::GetArchive;
pub use list_archives::ListArchives;
pub use restore_archive::RestoreArchive;
pub use run_archive::RunArchive;
pub use sweep_archives::SweepArchives;
pub use verify_archives::VerifyArchives;

use crate::grant::Grant;
use crate::hub::Archiving;
use services::archive::schedule::Plan;

/// What archiving touches: it signs a checkpoint over what leaves, and chains the event that says so.
const USES: &[Grant] = &[
    Grant::TableRead,
    Grant::TableWrite,
    Grant::BucketRead,
    Grant::BucketWrite,
    Grant::ColdRead,
    Grant::ColdWrite,
    Grant::CheckpointsSend,
    Grant::Sign,
];

fn plan(archiving: &Archiving) -> Plan {
    Plan {
        enabled: archiving.enabled,
        hour: archiving.run_hour_utc,
        hot_retention_days: archiving.hot_retention_days,
        counts: true,
    }
}
