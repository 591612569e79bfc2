//! `dezky hold`, `dezky holds`, `dezky release`: what is kept, whatever its retention.

use crate::failure::Failure;
use crate::target::Target;
use api::{Hold, NewHold, PlacedHold, SeqRange};
use domain::archive::Range;
use handlers::answers;
use reqwest::Method;
use services::hold;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Place {
    /// First event
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,
    /// Last event
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    to: u64,
    /// Why; recorded in the event
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who holds them; recorded in the event. With --url the token says it
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Release {
    /// The hold: `seq` of the event that placed it, as `dezky holds` lists it
    #[arg(value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    seq: u64,
    /// Who releases it; recorded in the event. With --url the token says it
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

/// On a data directory nobody else says who it is.
fn operator(given: Option<&str>) -> Result<&str, Failure> {
    given
        .filter(|name| !name.trim().is_empty())
        .ok_or_else(|| Failure::usage("--operator says who does it, and is recorded: give a name"))
}

pub(crate) async fn place(target: &Target, place: &Place, json: bool) -> Result<ExitCode, Failure> {
    let placed = match target {
        Target::Here(installation) => {
            let (hub, by) = (&installation.hub, operator(place.operator.as_deref())?);
            let range = Range { start: place.from, end: place.to };
            let placed = hold::place(&hub.cx, hub.appender(), range, &place.reason, by).await?;
            let late = placed.too_late.iter().map(|range| SeqRange { start_seq: range.start, end_seq: range.end });
            PlacedHold { hold: answers::hold(placed.hold), too_late: late.collect() }
        }
        Target::There(remote) => {
            super::no_operator(place.operator.as_deref())?;
            let hold = NewHold { from_seq: place.from, to_seq: place.to, reason: place.reason.clone() };
            let answer = remote.ask(Method::POST, "/audit/holds", Some(serde_json::to_vec(&hold)?)).await?;
            serde_json::from_slice(&answer.bytes().await?)?
        }
    };
    if json {
        say!("{}", serde_json::to_string(&placed)?);
        return Ok(ExitCode::SUCCESS);
    }
    let Hold { seq, from_seq, to_seq, .. } = placed.hold;
    eprintln!("events {from_seq}-{to_seq} are held by event {seq}; `dezky release {seq}` ends it");
    for late in &placed.too_late {
        eprintln!(
            "too late for the archive of events {}-{}: its lines are gone, or just being deleted",
            late.start_seq, late.end_seq
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn list(target: &Target, json: bool) -> Result<ExitCode, Failure> {
    let holds: Vec<Hold> = match target {
        Target::Here(installation) => hold::list(&installation.hub.cx).await?.into_iter().map(answers::hold).collect(),
        Target::There(remote) => serde_json::from_slice(&remote.get("/audit/holds").await?)?,
    };
    for hold in &holds {
        if json {
            say!("{}", serde_json::to_string(hold)?);
            continue;
        }
        let state = hold.released_seq.map_or("holds".to_owned(), |seq| format!("released by event {seq}"));
        // Escaped, so that no text can write control characters to the terminal.
        let by = hold.by.as_deref().unwrap_or("-").escape_debug().to_string();
        let events = format!("{}-{}", hold.from_seq, hold.to_seq);
        say!("{:>8}  {}  {events:<15}  {by:<20}  {state:<25}  {}", hold.seq, hold.at, hold.reason.escape_debug());
    }
    if holds.is_empty() && !json {
        eprintln!("nothing is held");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn release(target: &Target, release: &Release, json: bool) -> Result<ExitCode, Failure> {
    let seq = release.seq;
    let released = match target {
        Target::Here(installation) => {
            let (hub, by) = (&installation.hub, operator(release.operator.as_deref())?);
            answers::hold(hold::release(&hub.cx, hub.appender(), seq, by).await?)
        }
        Target::There(remote) => {
            super::no_operator(release.operator.as_deref())?;
            let answer = remote.ask(Method::POST, &format!("/audit/holds/{seq}/release"), None).await?;
            serde_json::from_slice(&answer.bytes().await?)?
        }
    };
    if json {
        say!("{}", serde_json::to_string(&released)?);
    } else {
        let by = released.released_seq.unwrap_or_default();
        eprintln!("events {}-{} are no longer held by {seq}: event {by} says so", released.from_seq, released.to_seq);
    }
    Ok(ExitCode::SUCCESS)
}
