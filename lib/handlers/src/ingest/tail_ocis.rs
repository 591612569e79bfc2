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
        let (chain, lines, events) = (&hub.cx.chain, tailed.lines, tailed.events);
        if lines > 0 {
            tracing::info!(%chain, source = "ocis", lines, events, "read {lines} lines of the OCIS log: {events} events; the others are of no interest, blank or kept aside");
        }
        if !tailed.kept.is_empty() {
            let reasons: Vec<String> = tailed.kept.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            let reasons = reasons.join(", ");
            tracing::warn!(%chain, source = "ocis", reasons,
                "lines that cannot be used ({reasons}) are kept in the bucket under kept/{chain}/ocis/");
        }
        Ok(())
    }
}
