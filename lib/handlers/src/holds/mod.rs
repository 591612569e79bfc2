//! Legal holds: what is kept, whatever its retention.

mod list_holds;
mod place_hold;
mod release_hold;

pub use list_holds::ListHolds;
pub use place_hold::PlaceHold;
pub use release_hold::ReleaseHold;

use crate::grant::Grant;

/// What placing and releasing touch: the event that says so is the hold.
const USES: &[Grant] =
    &[Grant::TableRead, Grant::TableWrite, Grant::BucketRead, Grant::ColdRead, Grant::CheckpointsSend];
