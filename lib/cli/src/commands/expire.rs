//! `dezky expire`: the lines of old archives are deleted. There is no way back, so it is said twice.

use crate::failure::Failure;
use domain::archive::Range;
use domain::json::{Object, Value};
use domain::time::Timestamp;
use handlers::Hub;
use services::Context;
use services::archive::claims;
use services::archive::expire::expire;
use services::archive::schedule::days_before;
use services::hold;
use services::layout::archives::State;
use std::process::ExitCode;

/// Batches that one read takes.
const PAGE: usize = 100;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Delete the lines of archives whose newest event was chained so many days ago
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    older_than_days: u32,
    /// Do it; without it only what would go is told
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(hub: &Hub, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let before = days_before(hub.cx.clock.now(), arguments.older_than_days);
    let mut locked = Vec::new();
    let (gone, held) = if arguments.yes {
        let done = expire(&hub.cx, hub.appender(), before, None).await?;
        locked = done.locked;
        (done.expired.into_iter().map(|claim| claim.range).collect(), done.held)
    } else {
        due(&hub.cx, before).await?
    };
    if json {
        print_json(&gone, &held, arguments.yes);
    } else {
        let verb = if arguments.yes { "are deleted" } else { "would be deleted" };
        gone.iter().for_each(|range| say!("the lines of events {range} {verb}"));
        held.iter().for_each(|range| say!("events {range} are held, and stay"));
    }
    locked.iter().for_each(|range| eprintln!("events {range} are locked by the store until it lets them go, and stay"));
    if gone.is_empty() && held.is_empty() && locked.is_empty() && !json {
        eprintln!(
            "nothing is due: the newest event of every archive was chained after {before}, or its lines are gone"
        );
    }
    if !arguments.yes && !gone.is_empty() {
        return Err(Failure::usage("nothing was deleted; deleted lines never come back: give --yes to delete them"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What would go, and what is held.
async fn due(cx: &Context, before: Timestamp) -> Result<(Vec<Range>, Vec<Range>), Failure> {
    let holds = hold::list(cx).await?;
    let is_held = |range: Range| {
        let over = |hold: &hold::Hold| hold.range.start <= range.end && range.start <= hold.range.end;
        holds.iter().any(|hold| hold.released.is_none() && over(hold))
    };
    let (mut gone, mut held, mut after) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = claims::after(cx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok((gone, held)) };
        after = last.claim.range.start;
        for claim in page.into_iter().map(|stored| stored.claim) {
            match claim.state {
                State::Expired(_) => {}
                State::Deleting(_) => gone.push(claim.range),
                State::Done | State::Expiring(_) if claim.recorded_at > before => return Ok((gone, held)),
                State::Done | State::Expiring(_) if is_held(claim.range) => held.push(claim.range),
                State::Done | State::Expiring(_) => gone.push(claim.range),
                State::Claimed => return Ok((gone, held)),
            }
        }
    }
}

fn print_json(gone: &[Range], held: &[Range], done: bool) {
    let number = |n| Value::integer(n).unwrap_or(Value::Null);
    let range = |r: &Range| Value::from(Object::of([("startSeq", number(r.start)), ("endSeq", number(r.end))]));
    let ranges = |all: &[Range]| Value::Array(all.iter().map(range).collect());
    super::print_json(
        &Object::of([("deleted", done.into()), ("expired", ranges(gone)), ("held", ranges(held))]).into(),
    );
}
