//! Bodies of the queues' messages.
//!
//! Accepted events travel packed, as many as fit one body: a queue's price is per message. No event
//! is larger than a body, since a whole line has at most 64 KiB.

use domain::admit::complete_draft;
use domain::checkpoint::Reason;
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Limits, Object, Refusal, Value, parse};
use domain::names::{EventId, Source};
use ports::MAX_BODY_BYTES;

const HEAD: &str = "{\"events\":[";
const TAIL: &str = "],\"v\":1}";

/// Packs events into as few bodies as possible, in order.
pub fn pack(drafts: &[Draft]) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut body = HEAD.to_owned();
    for draft in drafts {
        let event = plain(&String::from_utf8(draft.canonical()).expect("canonical JSON is UTF-8"));
        if body.len() > HEAD.len() {
            if body.len() + 1 + event.len() + TAIL.len() > MAX_BODY_BYTES {
                bodies.push(body + TAIL);
                body = HEAD.to_owned();
            } else {
                body.push(',');
            }
        }
        body += &event;
    }
    if body.len() > HEAD.len() {
        bodies.push(body + TAIL);
    }
    bodies
}

/// The same JSON without the characters that SQS refuses, and without the one by which its adapter would
/// escape them: a platform may hand a message to a function by itself, past every adapter. They can only
/// stand in strings, where JSON has a way to write them.
fn plain(json: &str) -> String {
    json.replace('\u{e000}', "\\ue000").replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

/// One event of a message: good, or why not.
pub type Unpacked = Result<Draft, Rejected>;

/// Something in a message that cannot be chained, told without any of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Code of the rule.
    pub reason: &'static str,
    /// The source it names, if that is one.
    pub source: Option<Source>,
    /// The id it names, if that is one.
    pub id: Option<EventId>,
    /// SHA-256 of what was rejected.
    pub digest: Hash,
}

/// Reads a message. What cannot be read is a rejection, never an error: it would come back for ever.
pub fn unpack(body: &str) -> Vec<Unpacked> {
    let whole =
        |refusal: Refusal| Rejected { reason: refusal.code, source: None, id: None, digest: Hash::of(body.as_bytes()) };
    let limits = Limits { depth: Limits::ADMISSION.depth + 2, ..Limits::ADMISSION };
    let events = parse(body.as_bytes(), limits).and_then(|value| {
        let Value::Object(mut message) = value else {
            return Err(Refusal::new("unknown-message", "a message is a JSON object"));
        };
        match (message.remove("v").and_then(|v| v.as_u64()), message.remove("events"), message.is_empty()) {
            (Some(1), Some(Value::Array(events)), true) => Ok(events),
            _ => Err(Refusal::new("unknown-message", "a message holds `events` and `v`, which is 1")),
        }
    });
    match events {
        Err(refusal) => vec![Err(whole(refusal))],
        Ok(events) => events.into_iter().map(unpack_event).collect(),
    }
}

fn unpack_event(event: Value) -> Unpacked {
    let digest = Hash::of(&event.canonical());
    let object = event.as_object().cloned().unwrap_or_default();
    let text = |name| object.get(name).and_then(Value::as_str);
    let source = text("source").and_then(|s| Source::new(s).ok());
    let id = text("id").and_then(|id| EventId::new(id).ok());
    complete_draft(object).map_err(|refusal| Rejected { reason: refusal.code, source, id, digest })
}

/// Asks for a checkpoint.
pub fn checkpoint_request(reason: Reason) -> String {
    let request = Object::of([("reason", reason.as_str().into()), ("v", 1u32.into())]);
    String::from_utf8(request.canonical()).expect("canonical JSON is UTF-8")
}

/// Reads such a request; whatever it is, somebody wants a checkpoint.
pub fn checkpoint_reason(body: &str) -> Reason {
    parse(body.as_bytes(), Limits::ADMISSION)
        .ok()
        .and_then(|value| Reason::new(value.as_object()?.get("reason")?.as_str()?))
        .unwrap_or(Reason::Threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no adapter unpacks arrives as it was sent: SQS takes every body as it is.
    #[test]
    fn bodies_have_no_character_that_a_queue_refuses_or_escapes() {
        let odd = "\u{ffff}\u{fffe}\u{e000}\u{1f600}\u{fffd}\\ue000\u{7f}\u{1}\n";
        let nothing = ["actorEmail", "actorId", "actorIp", "externalId", "partnerSlug", "resourceId", "tenantSlug"];
        let mut event = Object::of([
            ("action", "file.shared".into()),
            ("actorType", "user".into()),
            ("at", "2026-11-02T08:15:00.000Z".into()),
            ("id", "018f3c5e-7b1a-7000-8000-000000000001".into()),
            ("metadata", Object::of([]).into()),
            ("outcome", "success".into()),
            ("resourceName", odd.into()),
            ("resourceType", "file".into()),
            ("source", "platform-api".into()),
        ]);
        nothing.into_iter().for_each(|name| event.insert(name, Value::Null));
        let draft = complete_draft(event).expect("an event");
        let bodies = pack(std::slice::from_ref(&draft));
        let refused = |c: char| matches!(c, '\u{e000}' | '\u{fffe}' | '\u{ffff}' | '\u{0}'..='\u{1f}');
        assert!(bodies.len() == 1 && !bodies[0].contains(refused), "{}", bodies[0].escape_debug());
        assert_eq!(unpack(&bodies[0]), [Ok(draft)]);
    }
}
