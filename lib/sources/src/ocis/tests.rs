//! The reader against the samples, and what its tests share.

mod hostile;
mod samples;
mod secrets;

use super::*;
use domain::admit::{complete_draft, within_line_limit};
use domain::json::{Limits, parse};
use serde_json::Value as Json;

fn chain() -> ChainName {
    ChainName::new("local-test").unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-07-01T00:00:00Z").unwrap()
}

fn file(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn log() -> Vec<u8> {
    file("docs/samples/ocis-audit.log")
}

/// Reads one line that is not the first of its file.
fn read_line(bytes: &[u8], extra: &ExtraActions, names: &mut SpaceNames) -> Reading {
    read(&Line { bytes, external_id: "gen:0", chain: &chain(), now: now(), first: false }, extra, names)
}

/// The event of one line, checked for admission, as JSON; and its original.
fn event(line: &str) -> (Json, Option<Vec<u8>>) {
    match read_line(line.as_bytes(), &ExtraActions::all(), &mut SpaceNames::default()) {
        Reading::Event { draft, original } => (checked(&draft), original),
        other => panic!("{other:?}: {line}"),
    }
}

/// The draft as JSON, after the door has seen it.
fn checked(draft: &domain::event::Draft) -> Json {
    let canonical = draft.canonical();
    let domain::json::Value::Object(object) = parse(&canonical, Limits::ADMISSION).unwrap() else { panic!() };
    assert_eq!(&complete_draft(object).unwrap(), draft);
    within_line_limit(draft, &chain()).unwrap();
    serde_json::from_slice(&canonical).unwrap()
}

/// A line of the log with these members beside the ones that all have.
fn line(action: &str, message: &str, members: &Json) -> String {
    let mut line = serde_json::json!({
        "RemoteAddr": "", "User": "", "URL": "", "Method": "", "UserAgent": "", "Time": "2026-06-01T08:00:00Z",
        "App": "admin_audit", "Message": message, "Action": action, "CLI": false, "Level": 1,
    });
    line.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    line.to_string()
}
