use super::*;
use crate::json::{Limits, parse};

const ID: &str = "019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10";

fn admitted(text: &str) -> Result<Draft, Refusal> {
    let chain = ChainName::new("test").unwrap();
    let sources = [Source::new("platform-api").unwrap(), Source::new("ocis").unwrap()];
    let now = Timestamp::parse("2026-11-25T12:00:00Z").unwrap();
    let door = Door { chain: &chain, sources: &sources, now };
    admit(parse(text.as_bytes(), Limits::ADMISSION)?, &door, || EventId::new(ID).unwrap())
}

fn refused(text: &str, code: &str, pointer: &str) {
    let refusal = admitted(text).unwrap_err();
    assert_eq!((refusal.code, refusal.pointer.as_str()), (code, pointer), "{text}: {refusal}");
}

#[test]
fn an_event_needs_an_action_and_a_time_and_gets_defaults() {
    let draft = admitted(r#"{"action":"tenant.suspended","at":"2026-11-25T11:00:00.1239+01:00"}"#).unwrap();
    assert_eq!(
        String::from_utf8(draft.canonical()).unwrap(),
        format!(
            r#"{{"action":"tenant.suspended","actorEmail":null,"actorId":null,"actorIp":null,"actorType":"system","at":"2026-11-25T10:00:00.123Z","externalId":null,"id":"{ID}","metadata":{{}},"outcome":"success","partnerSlug":null,"resourceId":null,"resourceName":null,"resourceType":null,"source":"platform-api","tenantSlug":null}}"#
        )
    );
    let named = admitted(r#"{"action":"a","at":"2026-11-25T11:00:00Z","actorEmail":"a@b.example"}"#).unwrap();
    assert_eq!(named.actor_type, ActorType::User);
}

#[test]
fn an_external_id_makes_the_id() {
    let text = r#"{"action":"a","at":"2026-11-25T11:00:00Z","source":"ocis","externalId":"gen:17"}"#;
    let source = Source::new("ocis").unwrap();
    assert_eq!(admitted(text).unwrap().id(), EventId::of_external(&source, "gen:17"));
}

#[test]
fn each_rule_has_its_own_refusal_and_place() {
    let with = |members: &str| format!(r#"{{"action":"a","at":"2026-11-25T11:00:00Z",{members}}}"#);
    refused("[]", "wrong-type", "");
    refused(r#"{"at":"2026-11-25T11:00:00Z"}"#, "missing-member", "/action");
    refused(r#"{"action":"a"}"#, "missing-member", "/at");
    refused(&with(r#""colour":1"#), "unknown-member", "/colour");
    refused(&with(r#""seq":1"#), "unknown-member", "/seq");
    refused(&with(r#""hash":"x""#), "unknown-member", "/hash");
    refused(&with(r#""actorId":"""#), "empty-string", "/actorId");
    refused(&with(r#""actorId":7"#), "wrong-type", "/actorId");
    refused(&with(r#""metadata":[]"#), "wrong-type", "/metadata");
    refused(&with(r#""metadata":null"#), "wrong-type", "/metadata");
    refused(&with(r#""outcome":"maybe""#), "invalid-outcome", "/outcome");
    refused(&with(r#""actorType":"robot""#), "invalid-actor-type", "/actorType");
    refused(&with(r#""source":"OCIS""#), "invalid-source", "/source");
    refused(&with(r#""source":"stalwart""#), "source-not-allowed", "/source");
    refused(&with(r#""source":"audit""#), "source-not-allowed", "/source");
    refused(&with(r#""id":"7""#), "invalid-id", "/id");
    refused(&with(&format!(r#""id":"{ID}","externalId":"x""#)), "id-beside-external-id", "/id");
    refused(&with(r#""metadata":{"n":1e400}"#), "number-too-large", "/metadata/n");
    refused(r#"{"action":"audit.break_accepted","at":"2026-11-25T11:00:00Z"}"#, "reserved-action", "/action");
    refused(r#"{"action":"a","at":"2099-01-01T00:00:00Z"}"#, "time-in-future", "/at");
    refused(r#"{"action":"a","at":"2026-11-25T12:05:00.001Z"}"#, "time-in-future", "/at");
    refused(r#"{"action":"a","at":"yesterday"}"#, "invalid-time", "/at");
    refused(r#"{"action":"a","at":"0000-01-01T00:00:00Z"}"#, "invalid-time", "/at");
    let dots = ["a"; 500].join(".");
    refused(&format!(r#"{{"action":"{dots}","at":"2026-11-25T11:00:00Z"}}"#), "invalid-action", "/action");
    refused(&with(r#""actorId":"a\u0000""#), "nul-character", "/actorId");
}

/// A draft in a queue message is complete: nothing is filled in.
#[test]
fn a_draft_that_travels_has_every_member() {
    let posted = r#"{"action":"a","at":"2026-11-25T11:00:00Z","source":"ocis","externalId":"gen:17","actorId":"u"}"#;
    let draft = admitted(posted).unwrap();
    let object = || {
        let Value::Object(object) = parse(&draft.canonical(), Limits::FORMAT).unwrap() else { panic!() };
        object
    };
    assert_eq!(complete_draft(object()), Ok(draft.clone()));
    for name in MEMBERS {
        let mut without = object();
        without.remove(name).unwrap();
        let refusal = complete_draft(without).unwrap_err();
        assert_eq!((refusal.code, refusal.pointer), ("missing-member", format!("/{name}")));
    }
    let with = |name: &str, value: Value| {
        let mut object = object();
        object.insert(name, value);
        complete_draft(object).map_err(|refusal| (refusal.code, refusal.pointer))
    };
    let refusal = |code, pointer: &str| Err((code, pointer.to_owned()));
    assert_eq!(with("id", ID.into()), refusal("id-mismatch", "/id"));
    assert_eq!(with("externalId", Value::Null).map(|draft| draft.external_id), Ok(None));
    assert_eq!(with("colour", 1.into()), refusal("unknown-member", "/colour"));
}

#[test]
fn only_a_known_actor_makes_a_user_of_the_system() {
    let kind = |members: &str| {
        admitted(&format!(r#"{{"action":"a","at":"2026-11-25T11:00:00Z",{members}}}"#)).unwrap().actor_type
    };
    assert_eq!(kind(r#""actorId":null,"actorEmail":null"#), ActorType::System);
    assert_eq!(kind(r#""actorIp":"203.0.113.1""#), ActorType::System);
    assert_eq!(kind(r#""actorId":"u""#), ActorType::User);
    assert_eq!(kind(r#""actorId":"u","actorType":"system""#), ActorType::User);
    assert_eq!(kind(r#""actorId":"u","actorType":"service""#), ActorType::Service);
    assert_eq!(kind(r#""actorType":"anonymous""#), ActorType::Anonymous);
}

#[test]
fn an_id_is_taken_or_made() {
    let id = |members: &str| {
        admitted(&format!(r#"{{"action":"a","at":"2026-11-25T11:00:00Z",{members}}}"#)).unwrap().id().to_string()
    };
    let other = "00000000-0000-4000-8000-000000000000";
    assert_eq!(id(&format!(r#""id":"{other}""#)), other);
    assert_eq!(id(&format!(r#""id":"{other}","externalId":null"#)), other);
    assert_eq!(id(r#""id":null"#), ID);
    refused(r#"{"action":"a","at":"2026-11-25T11:00:00Z","externalId":"x","source":"?"}"#, "invalid-source", "/source");
    refused(r#"{"action":"a","at":"2026-11-25T11:00:00Z","externalId":7}"#, "wrong-type", "/externalId");
}

#[test]
fn hostile_but_lawful_events_are_taken() {
    let actor = "x".repeat(3 * 1024);
    let text = format!(r#"{{"action":"a","at":"0001-01-01T00:00:00Z","actorId":"{actor}"}}"#);
    assert!(admitted(&text).is_ok());
    assert!(admitted(r#"{"action":"a","at":"2026-11-25T12:05:00.000Z"}"#).is_ok());
}

#[test]
fn the_line_limit_is_exact() {
    let chain = ChainName::new("test").unwrap();
    let pieces = |last: usize| {
        let full = format!(r#""{}""#, "y".repeat(8180)).repeat(7).replace("\"\"", "\",\"");
        format!(r#"{{"action":"a","at":"2026-11-25T11:00:00Z","metadata":{{"p":[{full},"{}"]}}}}"#, "z".repeat(last))
    };
    let base = admitted(&pieces(0)).unwrap().line_bytes(&chain);
    let room = MAX_LINE_BYTES - base;
    assert_eq!(admitted(&pieces(room)).unwrap().line_bytes(&chain), MAX_LINE_BYTES);
    refused(&pieces(room + 1), "event-too-large", "");
}
