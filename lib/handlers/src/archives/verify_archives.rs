use crate::function::{Failed, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;
use services::archive::check::{Pace, some};

/// Reads archives by the clock, so that each is looked at in time. What does not hold is an error in the
/// log of the service, an event of the chain, and part of what GET /audit/archives answers.
pub struct VerifyArchives;

impl ScheduledFunction for VerifyArchives {
    const NAME: &'static str = "verify-archives";
    const SUMMARY: &'static str = "Reads archives by the clock; what does not hold is logged and chained";
    const USES: &'static [Grant] =
        &[Grant::TableRead, Grant::TableWrite, Grant::BucketRead, Grant::ColdRead, Grant::CheckpointsSend];
    const EVERY_SECONDS: u32 = 3600;
    const TIMEOUT_SECONDS: u32 = 900;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        let pace = Pace { days: hub.archiving.verify_days, every_seconds: Self::EVERY_SECONDS };
        let (read, broken) = some(&hub.cx, hub.appender(), pace).await?;
        if read > 0 {
            tracing::info!(chain = %hub.cx.chain, read, broken, "read {read} archives, of which {broken} do not hold");
        }
        Ok(())
    }
}
