use crate::function::{Failed, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;
use services::ingest::tail::tail;

/// Follows the OCIS audit log from where it was left.
pub struct TailOcis;

impl ScheduledFunction for TailOcis {
    const NAME: &'static str = "tail-ocis";
    const SUMMARY: &'static str = "Follows the OCIS audit log and queues its events";
    const USES: &'static [Grant] =
        &[Grant::TableRead, Grant::TableWrite, Grant::BucketWrite, Grant::EventsSend, Grant::LogRead];
    const EVERY_SECONDS: u32 = 5;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        let (true, Some(log)) = (hub.ingest.enabled, &hub.ingest.ocis_log) else { return Ok(()) };
        let tailed = tail(&hub.cx, log.as_ref(), &hub.ingest.ocis_extra).await?;
        if tailed.lines > 0 {
            let (lines, events, kept) = (tailed.lines, tailed.events, tailed.kept);
            tracing::info!(chain = %hub.cx.chain, source = "ocis", lines, events, kept,
                "read {lines} lines of the OCIS log: {events} events, {kept} kept aside");
        }
        Ok(())
    }
}
