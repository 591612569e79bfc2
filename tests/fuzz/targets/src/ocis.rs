//! Lines of the OCIS log: an admissible event or a reason, and never a token of a link.

use crate::{chain, now};
use domain::admit::{MAX_AHEAD_MILLIS, complete_draft, within_line_limit};
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Limits, Value, parse};
use serde_json::Value as Json;
use services::layout::messages::{pack, unpack};
use sources::Reading;
use sources::ocis::{ExtraActions, Line, SpaceNames, read};
use std::sync::OnceLock;

/// What stands for a secret in lines that get one.
const PLANTED: &str = "qWmXzTbPlLkRnCv";
const EXTERNAL_ID: &str = "0011223344556677:4711";

/// The data as a line, and with a token in several places if it is one of ours.
pub fn ocis_line(data: &[u8]) -> bool {
    let taken = check(data, &secrets_of(data));
    if let Some(planted) = planted(data) {
        check(&planted, &[PLANTED.to_owned()]);
    }
    taken
}

fn names_before() -> &'static SpaceNames {
    static NAMES: OnceLock<SpaceNames> = OnceLock::new();
    NAMES.get_or_init(|| {
        let told = parse(br#"[["sp","Projekt"],["space-1","About"]]"#, Limits::ADMISSION).expect("JSON");
        SpaceNames::from_value(&told).expect("names")
    })
}

fn check(data: &[u8], secrets: &[String]) -> bool {
    let chain = chain();
    let at = |first: bool, extra: &ExtraActions| {
        let line = Line { bytes: data, external_id: EXTERNAL_ID, chain: &chain, now: now(), first };
        let mut names = names_before().clone();
        (read(&line, extra, &mut names), names)
    };
    let (all, names) = at(false, &ExtraActions::all());
    check_reading(&all, secrets);
    check_names(&names, secrets);
    let (core, fewer_names) = at(false, &ExtraActions::none());
    let same = core == all && fewer_names == names;
    assert!(same || matches!(core, Reading::Skipped(_)), "{core:?} and with all actions {all:?}");
    let (first, _) = at(true, &ExtraActions::all());
    if data.starts_with(b"\xef\xbb\xbf") {
        check_reading(&first, secrets);
    } else {
        assert!(first == all, "the same line, something else");
    }
    matches!(all, Reading::Event { .. })
}

fn check_names(names: &SpaceNames, secrets: &[String]) {
    let value = names.to_value();
    let again = SpaceNames::from_value(&value).expect("names that were written");
    assert_eq!(again.to_value(), value, "names are no fixed point");
    for (id, name) in names.iter().filter(|(id, _)| names_before().get(id).is_none()) {
        assert!(id.len() <= 256 && name.len() <= 256);
        check_text(id, secrets);
        check_text(name, secrets);
    }
}

fn check_reading(reading: &Reading, secrets: &[String]) {
    match reading {
        Reading::Blank => {}
        Reading::Unusable(reason) => {
            assert!(reason.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        }
        Reading::Skipped(action) => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
            assert!(action.len() <= 64 && action.bytes().all(plain), "no label of a counter: {action}");
        }
        Reading::Event { draft, original } => {
            check_draft(draft);
            let metadata = draft.metadata();
            assert_eq!(metadata.get("truncated").is_some(), original.is_some(), "an original or a whole event");
            let canonical = draft.canonical();
            let Ok(Value::Object(event)) = parse(&canonical, Limits::FORMAT) else { panic!("no JSON") };
            for name in ["actorId", "actorEmail", "resourceId", "resourceName"] {
                check_value(event.get(name).expect("a member"), secrets);
            }
            let mut metadata = metadata.clone();
            if let Some(original) = original {
                let bytes = metadata.get("bytes").and_then(Value::as_u64);
                assert_eq!(bytes, u64::try_from(original.len()).ok(), "the size of the original");
                let hash = metadata.get("sha256").and_then(Value::as_str);
                assert_eq!(hash, Some(&*Hash::of(original).to_hex()), "the hash of the original");
                let whole = parse(original, Limits::FORMAT).expect("the original is JSON");
                assert_eq!(whole.canonical(), *original, "the original is canonical");
                metadata = whole.as_object().expect("metadata").clone();
            }
            for name in ["line", "spaceId", "tenantHint", "claimedAt", "field"] {
                metadata.get(name).into_iter().for_each(|value| check_value(value, secrets));
            }
        }
    }
}

/// What comes out goes through every door behind.
fn check_draft(draft: &Draft) {
    let canonical = draft.canonical();
    let Value::Object(object) = parse(&canonical, Limits::ADMISSION).expect("within the limits of admission") else {
        panic!("a draft is an object");
    };
    assert_eq!(complete_draft(object).as_ref(), Ok(draft), "a draft reads back");
    within_line_limit(draft, &chain()).expect("within the limit of a line");
    assert_eq!((draft.source().as_str(), draft.external_id()), ("ocis", Some(EXTERNAL_ID)));
    assert!(draft.action().as_str().starts_with("ocis."), "a verb of another source");
    assert!(draft.at() <= now().plus_millis(MAX_AHEAD_MILLIS), "from the future");
    let bodies = pack(std::slice::from_ref(draft));
    let [body] = bodies.as_slice() else { panic!("one event, one message") };
    assert_eq!(unpack(body), [Ok(draft.clone())], "it travels as something else");
}

fn check_value(value: &Value, secrets: &[String]) {
    match value {
        Value::String(text) => check_text(text, secrets),
        Value::Number(_) => check_text(&String::from_utf8_lossy(&value.canonical()), secrets),
        Value::Array(items) => items.iter().for_each(|item| check_value(item, secrets)),
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            check_text(name, secrets);
            check_value(value, secrets);
        }),
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_text(text: &str, secrets: &[String]) {
    let is_digest = text.strip_prefix("sha256:").is_some_and(|hex| Hash::from_hex(hex.as_bytes()).is_some());
    let held = secrets.iter().find(|secret| !is_digest && text.contains(secret.as_str()));
    assert!(held.is_none(), "the secret {held:?} in {text:?}");
}

/// The tokens of a line that is plain JSON, as another reader finds them. Shorter ones than OCIS makes
/// are only hidden where they stand alone.
fn secrets_of(data: &[u8]) -> Vec<String> {
    let Ok(Json::Object(members)) = serde_json::from_slice::<Json>(data) else { return Vec::new() };
    let is_link = members.get("ShareType").and_then(Json::as_str) == Some("link");
    let mut secrets = Vec::new();
    for (name, value) in &members {
        let lower = name.to_ascii_lowercase();
        if matches!(&*lower, "sharetoken" | "token" | "invitelink") || (is_link && lower == "shareid") {
            collect(value, &mut secrets);
        }
    }
    secrets.retain(|secret| secret.len() >= 6);
    secrets
}

fn collect(value: &Json, secrets: &mut Vec<String>) {
    match value {
        Json::String(text) => secrets.push(text.replace('\0', "\u{fffd}")),
        Json::Array(items) => items.iter().for_each(|item| collect(item, secrets)),
        Json::Object(members) => members.iter().for_each(|(name, value)| {
            secrets.push(name.replace('\0', "\u{fffd}"));
            collect(value, secrets);
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The line with a token, which also stands in some of its texts.
fn planted(data: &[u8]) -> Option<Vec<u8>> {
    let Json::Object(mut members) = serde_json::from_slice::<Json>(data).ok()? else { return None };
    if members.get("App")?.as_str()? != "admin_audit" {
        return None;
    }
    let places = Hash::of(data).0;
    for (place, (name, value)) in members.iter_mut().enumerate() {
        let fixed = matches!(name.as_str(), "App" | "Action" | "ShareType");
        if let Json::String(text) = value
            && !fixed
            && places[place % 32].is_multiple_of(2)
        {
            text.push_str(PLANTED);
        }
    }
    members
        .insert(["ShareToken", "Token", "InviteLink", "token"][usize::from(places[31] % 4)].to_owned(), PLANTED.into());
    serde_json::to_vec(&members).ok()
}
