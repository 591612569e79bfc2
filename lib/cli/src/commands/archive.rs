//! `dezky archive` and `dezky archives`: moving old events into the cold store, and what is there.

use crate::failure::Failure;
use crate::remote::Remote;
use crate::target::Target;
use api::{Archive, ArchiveRun, ArchiveState, NewArchiveRun, RestoreState, VerificationStatus};
use domain::time::Timestamp;
use handlers::answers;
use installation::Installation;
use ports::Clock;
use reqwest::Method;
use services::archive::schedule::days_before;
use services::archive::{Request, archive, claims};
use services::layout::archives::Claim;
use std::process::ExitCode;

/// Batches of a page.
const PAGE: usize = 100;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Archive what was chained so many days ago [default: AUDIT_HOT_RETENTION_DAYS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    older_than_days: Option<u32>,
    /// Who asks; recorded in the event. With --url the token says it
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let run = match target {
        Target::Here(installation) => here(installation, arguments).await?,
        Target::There(remote) => {
            super::no_operator(arguments.operator.as_deref())?;
            there(remote, arguments.older_than_days).await?
        }
    };
    if json {
        say!("{}", serde_json::to_string(&run)?);
        return Ok(ExitCode::SUCCESS);
    }
    for batch in &run.batches {
        let bytes = batch.bytes.unwrap_or_default();
        say!(
            "archived events {}-{} ({} events, {bytes} bytes) as {}",
            batch.start_seq,
            batch.end_seq,
            batch.event_count,
            batch.jsonl_key
        );
    }
    let what = match cutoff(target, arguments.older_than_days) {
        Some(cutoff) => format!("that was chained up to {cutoff}"),
        None => "of the age that AUDIT_HOT_RETENTION_DAYS of the hub says".to_owned(),
    };
    match (run.batches.last(), run.complete) {
        (_, Some(false)) => eprintln!("more is due, and others are at work on it: run this again"),
        (None, _) => {
            eprintln!("nothing is due: there is no hot block {what}, the newest one apart, which always stays")
        }
        (Some(last), _) => eprintln!("nothing more is due {what}; events from {} on are hot", last.end_seq + 1),
    }
    Ok(ExitCode::SUCCESS)
}

/// Up to when what was chained is due; not known of a hub that decides it itself.
fn cutoff(target: &Target, days: Option<u32>) -> Option<Timestamp> {
    let days = match target {
        Target::Here(installation) => Some(days.unwrap_or(installation.hub.archiving.hot_retention_days)),
        Target::There(_) => days,
    };
    days.map(|days| days_before(adapters_local::SystemClock.now(), days))
}

async fn here(installation: &Installation, arguments: &Arguments) -> Result<ArchiveRun, Failure> {
    let hub = &installation.hub;
    let days = arguments.older_than_days.unwrap_or(hub.archiving.hot_retention_days);
    let by = arguments.operator.clone().filter(|name| !name.trim().is_empty());
    let request = Request { cutoff: days_before(hub.cx.clock.now(), days), by, until: None };
    let run = archive(&hub.cx, hub.appender(), &request).await?;
    let batches = answers::archives(&hub.cx, &run.batches).await?;
    Ok(ArchiveRun { ok: true, complete: Some(run.complete), batches, skipped: None })
}

/// A call ends after a while: this one asks again until nothing is left, or nothing moves.
async fn there(remote: &Remote, older_than_days: Option<u32>) -> Result<ArchiveRun, Failure> {
    let body = serde_json::to_vec(&NewArchiveRun { r#override: Some(true), older_than_days })?;
    let mut all: Option<ArchiveRun> = None;
    loop {
        let answer = remote.ask(Method::POST, "/audit/archive/run", Some(body.clone())).await?;
        let run: ArchiveRun = serde_json::from_slice(&answer.bytes().await?)?;
        let over = run.complete != Some(false) || run.batches.is_empty();
        let batches = all.map(|run| run.batches).unwrap_or_default();
        let run = ArchiveRun { batches: batches.into_iter().chain(run.batches).collect(), ..run };
        if over {
            return Ok(run);
        }
        all = Some(run);
    }
}

pub(crate) async fn list(target: &Target, json: bool) -> Result<ExitCode, Failure> {
    let (mut before, mut any) = (None, false);
    loop {
        let page = match target {
            Target::Here(installation) => {
                let cx = &installation.hub.cx;
                let stored = claims::before(cx, before, PAGE).await?;
                let page: Vec<Claim> = stored.into_iter().map(|stored| stored.claim).collect();
                answers::archives(cx, &page).await?
            }
            Target::There(remote) => {
                let before = before.map(|start: u64| format!("&before={start}")).unwrap_or_default();
                serde_json::from_slice(&remote.get(&format!("/audit/archives?limit={PAGE}{before}")).await?)?
            }
        };
        for archive in &page {
            if json {
                say!("{}", serde_json::to_string(archive)?);
                continue;
            }
            if !any {
                say!("{}", row(&HEADINGS.map(str::to_owned)));
            }
            any = true;
            say!("{}", row(&columns(archive)));
        }
        before = page.last().map(|last| last.start_seq);
        if page.len() < PAGE {
            break;
        }
    }
    if !any && !json {
        eprintln!("there are no archives; `dezky archive` makes some");
    }
    Ok(ExitCode::SUCCESS)
}

const HEADINGS: [&str; 8] =
    ["events", "archived at", "bytes", "state", "lock", "copies", "last verified", "restored until"];

fn row(columns: &[String; 8]) -> String {
    let [events, at, bytes, state, lock, copies, verified, restored] = columns;
    format!("{events:<15}  {at:<24}  {bytes:>9}  {state:<8}  {lock:<35}  {copies:>6}  {verified:<35}  {restored}")
}

fn columns(archive: &Archive) -> [String; 8] {
    let state = match archive.state {
        ArchiveState::Claimed => "claimed",
        ArchiveState::Done => "done",
        ArchiveState::Expiring => "expiring",
        ArchiveState::Deleting => "deleting",
        ArchiveState::Expired => "expired",
    };
    let none = || "-".to_owned();
    let number = |n: Option<u64>| n.map_or_else(none, |n| n.to_string());
    let verified = archive.last_verified.as_ref().map(|last| {
        let word = match last.status {
            VerificationStatus::Intact => "intact",
            VerificationStatus::Broken => "broken",
            VerificationStatus::Incomplete => "incomplete",
        };
        format!("{} {word}", last.at)
    });
    let restored = archive.restored.as_ref().map(|restored| match restored.state {
        RestoreState::Ready => restored.expires_at.clone(),
        RestoreState::Restoring => format!("{} (on its way)", restored.expires_at),
    });
    [
        format!("{}-{}", archive.start_seq, archive.end_seq),
        archive.archived_at.clone(),
        number(archive.bytes),
        state.to_owned(),
        archive.lock.as_ref().map_or_else(none, |lock| format!("{} {}", lock.mode, lock.until)),
        number(archive.copies),
        verified.unwrap_or_else(none),
        restored.unwrap_or_else(none),
    ]
}
