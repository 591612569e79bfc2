//! What was found, for people, in the same words wherever it was found.

use crate::failure::Failure;
use api::{Break, Verification, VerificationStatus, VerifiedTiers};
use domain::json::{Limits, Value, parse};
use services::verify::report_value;
use std::process::ExitCode;

/// Breaks that are told one by one.
const TOLD: usize = 20;

/// Says what was found here.
pub(super) fn answer(found: &services::verify::Verification, json: bool) -> Result<ExitCode, Failure> {
    let value = report_value(found);
    let api: Verification = serde_json::from_slice(&value.canonical())?;
    if json {
        super::super::print_json(&value);
    } else {
        print(&api);
        let report = &found.report;
        for found in report.breaks.iter().take(TOLD) {
            say!("break: {}", describe(&serde_json::from_slice(&found.to_value().canonical())?));
        }
        if report.breaks_total > TOLD as u64 {
            say!("… and {} more breaks", report.breaks_total - TOLD as u64);
        }
    }
    Ok(code(api.status))
}

/// Says what a hub found, as if it had been found here.
pub(super) fn answer_of_hub(found: &Verification, json: bool) -> Result<ExitCode, Failure> {
    if json {
        let value: Value = parse(&serde_json::to_vec(found)?, Limits::FORMAT)?;
        super::super::print_json(&value);
    } else {
        print(found);
        if let Some(found) = &found.r#break {
            say!("break: {}", describe(found));
        }
    }
    Ok(code(found.status))
}

fn code(status: VerificationStatus) -> ExitCode {
    match status {
        VerificationStatus::Intact => ExitCode::SUCCESS,
        VerificationStatus::Broken => ExitCode::from(10),
        VerificationStatus::Incomplete => ExitCode::from(11),
    }
}

fn print(found: &Verification) {
    let status = match found.status {
        VerificationStatus::Intact => "intact",
        VerificationStatus::Broken => "broken",
        VerificationStatus::Incomplete => "incomplete",
    };
    let (verified, total, checkpoints) = (found.events_verified, found.events_total, found.checkpoints_verified);
    say!("{status}: {verified} of {total} events and {checkpoints} checkpoints hold");
    archives(found);
    match &found.head {
        Some(head) => say!("head: event {}, hash {}", head.seq, head.hash),
        None => say!("there are no events"),
    }
    // Of archives alone, each manifest is signed over its lines.
    let only_archives =
        found.tiers == VerifiedTiers::All && found.highest_archived_seq == found.head.as_ref().map(|head| head.seq);
    if !only_archives {
        say!("unsigned tail: {} events", found.unsigned_tail);
    }
    if total > 0 && checkpoints == 0 && !only_archives {
        say!("no signature covers any of these events: they fit each other, and nobody vouches for them");
    }
    let anchored = if found.anchored { "yes" } else { "no; a rollback of everything cannot be seen" };
    say!("compared with copies outside the table: {anchored}");
    found.missing.iter().for_each(|missing| say!("not checked: {missing}"));
}

fn archives(found: &Verification) {
    match (found.tiers, found.highest_archived_seq) {
        (VerifiedTiers::All, Some(_)) => say!("archives that were read and hold: {}", found.archives_verified),
        (VerifiedTiers::Hot, Some(last)) if found.events_archived > 0 => {
            let hold = match found.status {
                VerificationStatus::Broken => "",
                _ => "their headers and manifests hold, ",
            };
            say!("events 1-{last} are archived; {hold}their lines were not read (--cold)");
        }
        _ => {}
    }
    for range in &found.expired_ranges {
        say!("expired: events {}-{}; their lines are gone, as the log says", range.start_seq, range.end_seq);
    }
}

fn describe(found: &Break) -> String {
    let archive = found.start_seq.zip(found.end_seq).map(|(start, end)| format!(", archive {start}-{end}"));
    let places = [("event", found.seq), ("checkpoint over event", found.head_seq), ("block", found.block)];
    let places = places.iter().filter_map(|(name, value)| Some(format!(", {name} {}", (*value)?)));
    let details = [
        ("member", found.member.as_deref()),
        ("expected", found.expected.as_deref()),
        ("actual", found.actual.as_deref()),
    ];
    let details = details.iter().filter_map(|(name, value)| Some(format!(", {name} {}", (*value)?)));
    found.kind.clone() + &archive.into_iter().chain(places).chain(details).collect::<String>()
}
