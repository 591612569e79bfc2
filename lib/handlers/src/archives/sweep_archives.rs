use crate::function::{Failed, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;
use services::archive::expire::expire;
use services::archive::schedule::days_before;
use services::restore::sweep;

/// No batch is begun after this.
const MILLIS: i64 = 600_000;

/// Ends restores that are over, goes on with those that somebody left unfinished, and deletes the lines of
/// archives whose retention is over.
pub struct SweepArchives;

impl ScheduledFunction for SweepArchives {
    const NAME: &'static str = "sweep-archives";
    const SUMMARY: &'static str = "Ends restores and archives whose time is over";
    const USES: &'static [Grant] = &[
        Grant::TableRead,
        Grant::TableWrite,
        Grant::BucketRead,
        Grant::ColdRead,
        Grant::ColdWrite,
        Grant::ColdDelete,
        Grant::CheckpointsSend,
    ];
    const EVERY_SECONDS: u32 = 3600;
    const TIMEOUT_SECONDS: u32 = 900;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        let cx = &hub.cx;
        let swept = sweep(cx).await;
        if let Ok(swept @ 1..) = swept {
            tracing::info!(chain = %cx.chain, swept, "ended {swept} restores");
        }
        // A restore that cannot go on keeps nothing else from its end.
        if let Some(days) = hub.archiving.cold_retention_days {
            let now = cx.clock.now();
            let until = Some(now.plus_millis(MILLIS));
            let done = expire(cx, hub.appender(), days_before(now, days), until).await?;
            let (expired, held) = (done.expired.len(), done.held.len());
            if expired + held > 0 {
                tracing::info!(chain = %cx.chain, expired, held, "{expired} archives expired, {held} that are due are held");
            }
        }
        swept?;
        Ok(())
    }
}
