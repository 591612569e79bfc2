use super::{USES, plan};
use crate::function::{Failed, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;
use services::archive::schedule::daily;

/// No batch is begun after this: one takes minutes where the store is slow.
const MILLIS: i64 = 600_000;

/// Archives once a day what was chained long enough ago. A run that its time cuts short is gone on with
/// an hour later.
pub struct ArchiveEvents;

impl ScheduledFunction for ArchiveEvents {
    const NAME: &'static str = "archive-events";
    const SUMMARY: &'static str = "Archives once a day what was chained long enough ago";
    const USES: &'static [Grant] = USES;
    const EVERY_SECONDS: u32 = 3600;
    const TIMEOUT_SECONDS: u32 = 900;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        let cx = &hub.cx;
        let until = cx.clock.now().plus_millis(MILLIS);
        match daily(cx, hub.appender(), plan(&hub.archiving), None, Some(until)).await? {
            Err(not_now) => tracing::debug!(chain = %cx.chain, "archived nothing: {}", not_now.reason()),
            Ok(run) => {
                let (archives, complete) = (run.batches.len(), run.complete);
                let rest = if complete { "nothing is left to do" } else { "the next run goes on" };
                tracing::info!(chain = %cx.chain, archives, complete, "made {archives} archives; {rest}");
            }
        }
        Ok(())
    }
}
