//! `dezky doctor`: every check on every store that the settings name.

use crate::cold::{Places, lock_in};
use crate::kept::{self, Kept};
use crate::open::{Makes, OpenError, Reach};
use crate::settings::Settings;
use crate::signing::signing;
use crate::stores::{self, BucketAt, Wait};
use adapters_local::{RandomIds, SystemClock};
use doctor::{BucketSubject, Report, Section};
use domain::hash::hex;
use ports::{Clock, Finding, Ids, Probe, Verdict};
use std::sync::Arc;

/// The name of the queue that only the doctor uses: what it sends, no function may take.
const PROBE_QUEUE: &str = "probe";

/// Asks all stores, and the signer. What it writes is taken away again.
///
/// # Errors
/// Settings that name no store, or a data directory that cannot be used: then there is nothing to ask.
pub async fn examine(settings: &Settings, makes: Makes) -> Result<Report, OpenError> {
    let (ids, clock): (RandomIds, Arc<dyn Clock>) = (RandomIds, Arc::new(SystemClock));
    let kept = kept::read(settings, makes, Reach::All, &ids)?;
    let token = hex(&ids.nonce());
    let places = Places::of(&settings.cold, &kept.table_url, &kept.bucket_url)?;
    let at = BucketAt::plain("BUCKET_URL", &kept.bucket_url);
    let mut sections = vec![
        section("TABLE_URL", stores::shown(&kept.table_url), table(&kept, clock.as_ref(), &token).await),
        section("BUCKET_URL", stores::shown(&kept.bucket_url), bucket(&at, clock.as_ref(), &token).await),
    ];
    sections.extend(cold(&places, clock.as_ref(), &token).await);
    sections.extend([
        section("QUEUE_URL", stores::shown(&kept.queue_url), queue(&kept, &clock, &token).await),
        section("AUDIT_SIGNING_KEY", kept.algorithm.as_str().to_owned(), signer(&kept).await),
    ]);
    kept.complete()?;
    Ok(Report(sections))
}

/// The places of archives, where there is more to say of them than of the bucket.
async fn cold(places: &Places, clock: &dyn Clock, token: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    if places.are_their_own() {
        // Names apart from those of the bucket, which may be the same: what is locked there stays.
        let found = bucket(&places.main, clock, &format!("{token}-cold")).await;
        sections.push(section("AUDIT_COLD_BUCKET", stores::shown(&places.main.url), found));
    }
    if let Some(copy) = &places.copy {
        let found = bucket(copy, clock, &format!("{token}-copy")).await;
        sections.push(section("AUDIT_COLD_COPY_URL", stores::shown(&copy.url), found));
    }
    sections
}

/// What cannot even be opened is a finding like any other, so that the others are asked all the same.
fn section(setting: &'static str, value: String, found: Result<Vec<Finding>, OpenError>) -> Section {
    let findings = found.unwrap_or_else(|error| vec![Finding::unfit("open", error.to_string(), AGAIN)]);
    Section { setting, value, findings }
}

const AGAIN: &str = "mend that, and ask again";

async fn table(kept: &Kept, clock: &dyn Clock, token: &str) -> Result<Vec<Finding>, OpenError> {
    let open = || stores::table(&kept.table_url, Wait::Here);
    // Two of everything: what one connection writes, the other must see.
    let (first, second) = (open()?, open()?);
    let mut findings = doctor::table(first.port.as_ref(), second.port.as_ref(), token).await;
    probed(first.probe.as_deref(), clock, &mut findings).await;
    Ok(findings)
}

async fn bucket(at: &BucketAt, clock: &dyn Clock, token: &str) -> Result<Vec<Finding>, OpenError> {
    let open = || stores::bucket(at);
    let (first, second) = (open()?, open()?);
    let subject = BucketSubject {
        setting: at.setting,
        first: first.port.as_ref(),
        second: second.port.as_ref(),
        lock: lock_in(&at.url).map(|_| at.lock),
    };
    let mut findings = doctor::bucket(subject, token).await;
    probed(first.probe.as_deref(), clock, &mut findings).await;
    Ok(findings)
}

async fn queue(kept: &Kept, clock: &Arc<dyn Clock>, token: &str) -> Result<Vec<Finding>, OpenError> {
    let open = |name| stores::queue(&kept.queue_url, name, clock, Wait::Here);
    let (events, checkpoints, own) = (open("events")?, open("checkpoints")?, open(PROBE_QUEUE)?);
    let mut findings = doctor::queue(own.port.queue.as_ref(), token).await;
    probed(events.probe.as_deref(), clock.as_ref(), &mut findings).await;
    // The same store: what is said of its clock and its manners was said, what is said of the queue was not.
    if let Some(probe) = checkpoints.probe.as_deref() {
        let also = probe.findings().await.into_iter().filter(|finding| finding.verdict != Verdict::Good);
        let fresh: Vec<Finding> = also.filter(|finding| !findings.contains(finding)).collect();
        findings.extend(fresh);
    }
    Ok(findings)
}

async fn signer(kept: &Kept) -> Result<Vec<Finding>, OpenError> {
    let (signer, ring) = signing(kept, Reach::All).await?;
    Ok(doctor::signer(signer.as_ref(), &ring).await)
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
