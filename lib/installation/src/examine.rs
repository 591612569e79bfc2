//! `dezky doctor`: every check on every store that the settings name.

use crate::kept::{self, Kept};
use crate::open::{Makes, OpenError, Reach};
use crate::settings::Settings;
use crate::stores::{self, Wait};
use adapters_local::{RandomIds, SystemClock};
use doctor::{Report, Section};
use domain::hash::hex;
use ports::{Clock, Finding, Ids, Probe, Verdict};
use std::sync::Arc;

/// The name of the queue that only the doctor uses: what it sends, no function may take.
const PROBE_QUEUE: &str = "probe";

/// Asks all stores, and the signer. What it writes is taken away again.
///
/// # Errors
/// Settings that name no store: then there is nothing to ask.
pub async fn examine(settings: &Settings, makes: Makes) -> Result<Report, OpenError> {
    let (ids, clock): (RandomIds, Arc<dyn Clock>) = (RandomIds, Arc::new(SystemClock));
    let kept = kept::read(settings, makes, Reach::All, &ids).await?;
    let token = hex(&ids.nonce());
    let report = Report(vec![
        table(&kept, clock.as_ref(), &token).await?,
        bucket(&kept, clock.as_ref(), &token).await?,
        queue(&kept, &clock, &token).await?,
        Section {
            setting: "AUDIT_SIGNING_KEY",
            value: kept.signer.algorithm().as_str().to_owned(),
            findings: doctor::signer(kept.signer.as_ref(), &kept.ring).await,
        },
    ]);
    kept.complete()?;
    Ok(report)
}

async fn table(kept: &Kept, clock: &dyn Clock, token: &str) -> Result<Section, OpenError> {
    let open = || stores::table(&kept.table_url, Wait::Here);
    // Two of everything: what one connection writes, the other must see.
    let (first, second) = (open()?, open()?);
    let mut findings = doctor::table(first.port.as_ref(), second.port.as_ref(), token).await;
    probed(first.probe.as_deref(), clock, &mut findings).await;
    Ok(Section { setting: "TABLE_URL", value: stores::shown(&kept.table_url), findings })
}

async fn bucket(kept: &Kept, clock: &dyn Clock, token: &str) -> Result<Section, OpenError> {
    let open = || stores::bucket(&kept.bucket_url);
    let (first, second) = (open()?, open()?);
    let mut findings = doctor::bucket(first.port.as_ref(), second.port.as_ref(), token).await;
    probed(first.probe.as_deref(), clock, &mut findings).await;
    Ok(Section { setting: "BUCKET_URL", value: stores::shown(&kept.bucket_url), findings })
}

async fn queue(kept: &Kept, clock: &Arc<dyn Clock>, token: &str) -> Result<Section, OpenError> {
    let open = |name| stores::queue(&kept.queue_url, name, clock, Wait::Here);
    let (events, checkpoints, own) = (open("events")?, open("checkpoints")?, open(PROBE_QUEUE)?);
    let mut findings = doctor::queue(own.port.queue.as_ref(), token).await;
    probed(events.probe.as_deref(), clock.as_ref(), &mut findings).await;
    // The same store: what is said of its clock and its manners was said, what is said of the queue was not.
    if let Some(probe) = checkpoints.probe.as_deref() {
        let also = probe.findings().await;
        findings.extend(also.into_iter().filter(|finding| finding.verdict != Verdict::Good));
    }
    Ok(Section { setting: "QUEUE_URL", value: stores::shown(&kept.queue_url), findings })
}

async fn probed(probe: Option<&dyn Probe>, clock: &dyn Clock, findings: &mut Vec<Finding>) {
    // A store that does not answer has said all it has to say.
    let answers = findings.first().is_none_or(|finding| finding.verdict != Verdict::Unfit);
    let Some(probe) = probe.filter(|_| answers) else { return };
    findings.extend(probe.findings().await);
    match doctor::clock(probe, clock).await {
        Ok(finding) => findings.extend(finding),
        Err(error) => findings.push(Finding::unfit("clock", error, "mend that, and ask again")),
    }
}
