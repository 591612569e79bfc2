use crate::function::{Failed, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;
use domain::verify::Status;
use services::verified;
use services::verify::{Request, report_of_nothing, report_value, verify_tiers};

/// Verifies the log by the clock, so that nobody has to think of it. A break is an error in the log of
/// the service, and GET /health shows it.
pub struct VerifyHot;

impl ScheduledFunction for VerifyHot {
    const NAME: &'static str = "verify-hot";
    const SUMMARY: &'static str = "Verifies the log by the clock; a break is logged and shown by health";
    // The event of an accepted break may be archived; archives as such are not read.
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::TableWrite, Grant::BucketRead, Grant::ColdRead];
    const EVERY_SECONDS: u32 = 3600;
    // All a platform gives: a long log takes long.
    const TIMEOUT_SECONDS: u32 = 900;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        let cx = &hub.cx;
        let verification = match verify_tiers(cx, Request::with_threads(cx.threads), |_, _| ()).await {
            Ok(verification) => verification,
            Err(error) => {
                // The last good answer must not stand there as if it were today's.
                verified::keep(cx, &report_of_nothing()).await?;
                return Err(error.into());
            }
        };
        verified::keep(cx, &report_value(&verification)).await?;
        let report = &verification.report;
        let (verified, total) = (report.events_verified, report.events_total);
        match (report.status(), &report.first_break) {
            (Status::Intact, _) => tracing::info!(chain = %cx.chain, events = total, "verified {total} events: intact"),
            (Status::Broken, Some(found)) => tracing::error!(
                chain = %cx.chain, kind = found.kind.as_str(), seq = found.seq, head_seq = found.head_seq, block = found.block,
                "the log is broken: {}; GET /audit/verify says more", String::from_utf8_lossy(&found.to_value().canonical())
            ),
            (status, _) => tracing::error!(
                chain = %cx.chain, "verified {verified} of {total} events: {}; {}", status.as_str(), report.missing.join("; ")
            ),
        }
        Ok(())
    }
}
