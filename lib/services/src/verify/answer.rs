//! The body of GET /audit/verify.

use super::{Tiers, Verification};
use domain::json::{Object, Value};
use domain::verify::Status;

/// The body of GET /audit/verify where the chain could not be read at all.
pub fn report_of_nothing() -> Value {
    Object::of([("status", Status::Incomplete.as_str().into()), ("ok", false.into()), ("break", Value::Null)]).into()
}

/// The body of GET /audit/verify.
pub fn report_value(verification: &Verification) -> Value {
    let report = &verification.report;
    let number = |n: u64| Value::integer(n).unwrap_or(Value::Null);
    let maybe = |n: Option<u64>| n.map_or(Value::Null, number);
    let head =
        report.head.map(|(seq, hash)| Value::from(Object::of([("seq", number(seq)), ("hash", hash.to_hex().into())])));
    let range = |r: &domain::archive::Range| {
        Value::from(Object::of([("startSeq", number(r.start)), ("endSeq", number(r.end))]))
    };
    let tiers = match verification.tiers {
        Tiers::Hot => "hot",
        Tiers::All => "all",
    };
    Object::of([
        ("status", report.status().as_str().into()),
        ("ok", (report.status() == Status::Intact).into()),
        ("tiers", tiers.into()),
        ("anchored", report.anchored.into()),
        ("eventsVerified", number(report.events_verified)),
        ("eventsTotal", number(report.events_total)),
        ("eventsArchived", number(report.events_archived)),
        ("archivesVerified", number(report.archives_verified)),
        ("checkpointsVerified", number(report.checkpoints_verified)),
        ("head", head.unwrap_or(Value::Null)),
        ("unsignedTail", number(report.unsigned_tail)),
        ("oldestHotSeq", maybe(verification.oldest_hot)),
        ("highestArchivedSeq", maybe(verification.highest_archived)),
        ("expiredRanges", Value::Array(report.expired.iter().map(range).collect())),
        ("missing", Value::Array(report.missing.iter().map(|what| what.as_str().into()).collect())),
        ("break", report.first_break.as_ref().map_or(Value::Null, |found| found.to_value())),
    ])
    .into()
}
