//! Admission: what a producer may send, and what is made of it.
//!
//! Everything that later fans out (keys, index entries, lines) is bounded here, so that no event,
//! however hostile, stops the log behind this door.

use crate::event::{Draft, MAX_LINE_BYTES};
use crate::hash::Hash;
use crate::json::{Object, Refusal, Value};
use crate::names::{Action, ActorType, ChainName, EventId, Outcome, Source};
use crate::time::Timestamp;

/// How far ahead of the clock a posted `at` may be.
pub const MAX_AHEAD_MILLIS: i64 = 5 * 60 * 1000;

const MEMBERS: [&str; 16] = [
    "action",
    "actorEmail",
    "actorId",
    "actorIp",
    "actorType",
    "at",
    "externalId",
    "id",
    "metadata",
    "outcome",
    "partnerSlug",
    "resourceId",
    "resourceName",
    "resourceType",
    "source",
    "tenantSlug",
];

/// What one posted event is measured against.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// The chain that the event is for: its name is part of the line.
    pub chain: &'a ChainName,
    /// Sources that the caller may speak for.
    pub sources: &'a [Source],
    /// The clock.
    pub now: Timestamp,
}

/// Admits one posted event: required `action` and `at`, everything else by its default.
/// `fresh_id` is asked for an id when the event brings none.
///
/// # Errors
/// The first rule that the event breaks, with a pointer to the member.
pub fn admit(posted: Value, door: &Door<'_>, fresh_id: impl FnOnce() -> EventId) -> Result<Draft, Refusal> {
    let Value::Object(mut object) = posted else {
        return Err(Refusal::new("wrong-type", "an event is a JSON object"));
    };
    for required in ["action", "at"] {
        if object.get(required).is_none() {
            return Err(Refusal::new("missing-member", "this member is required").within(required));
        }
    }
    if given(&object, "id") && given(&object, "externalId") {
        let detail = "an event with an externalId gets its id from it; send one of the two";
        return Err(Refusal::new("id-beside-external-id", detail).within("id"));
    }
    fill(&mut object, "outcome", Outcome::Success.as_str());
    fill(&mut object, "actorType", "system");
    fill(&mut object, "source", Source::PLATFORM_API);
    fill_value(&mut object, "metadata", Value::Object(Object::default()));
    for name in MEMBERS {
        if object.get(name).is_none() {
            object.insert(name, Value::Null);
        }
    }
    let actor_known = ["actorId", "actorEmail"].iter().any(|name| given(&object, name));
    if actor_known && object.get("actorType").and_then(Value::as_str) == Some("system") {
        object.insert("actorType", "user".into());
    }
    if !given(&object, "id") {
        let id = match object.get("externalId") {
            Some(Value::String(external)) => {
                let source = object.get("source").and_then(Value::as_str).unwrap_or_default();
                let source = Source::new(source).map_err(|e| e.within("source"))?;
                EventId::of_external(&source, external)
            }
            _ => fresh_id(),
        };
        object.insert("id", id.as_str().into());
    }
    let draft = complete_draft(object)?;
    if !door.sources.contains(&draft.source) {
        let detail = format!("this caller may not record events of the source `{}`", draft.source.as_str());
        return Err(Refusal::new("source-not-allowed", detail).within("source"));
    }
    if draft.action.is_reserved() {
        let detail = "actions under `audit.` are written by the log itself";
        return Err(Refusal::new("reserved-action", detail).within("action"));
    }
    if draft.at > door.now.plus_millis(MAX_AHEAD_MILLIS) {
        let detail = format!("{} is more than 5 minutes ahead of the clock, {}", draft.at, door.now);
        return Err(Refusal::new("time-in-future", detail).within("at"));
    }
    within_line_limit(&draft, door.chain)?;
    Ok(draft)
}

/// Checks the one limit that depends on the whole event.
///
/// # Errors
/// `event-too-large` beyond [`MAX_LINE_BYTES`].
pub fn within_line_limit(draft: &Draft, chain: &ChainName) -> Result<(), Refusal> {
    let bytes = draft.line_bytes(chain);
    if bytes > MAX_LINE_BYTES {
        let detail = format!("the event's line would have {bytes} bytes; at most {MAX_LINE_BYTES} are taken");
        return Err(Refusal::new("event-too-large", detail));
    }
    Ok(())
}

/// Reads a draft in which every member is present, as it travels in a queue message.
///
/// # Errors
/// The first member that is missing, unknown, or not what the format says.
pub fn complete_draft(mut object: Object) -> Result<Draft, Refusal> {
    let draft = Draft {
        action: word(&mut object, "action", Action::new)?,
        actor_email: take_optional(&mut object, "actorEmail")?,
        actor_id: take_optional(&mut object, "actorId")?,
        actor_ip: take_optional(&mut object, "actorIp")?,
        actor_type: word(&mut object, "actorType", ActorType::new)?,
        at: take_time(&mut object, "at")?,
        external_id: take_optional(&mut object, "externalId")?,
        id: word(&mut object, "id", EventId::new)?,
        metadata: take_object(&mut object, "metadata")?,
        outcome: word(&mut object, "outcome", Outcome::new)?,
        partner_slug: take_optional(&mut object, "partnerSlug")?,
        resource_id: take_optional(&mut object, "resourceId")?,
        resource_name: take_optional(&mut object, "resourceName")?,
        resource_type: take_optional(&mut object, "resourceType")?,
        source: word(&mut object, "source", Source::new)?,
        tenant_slug: take_optional(&mut object, "tenantSlug")?,
    };
    if let Some((name, _)) = object.iter().next() {
        return Err(Refusal::new("unknown-member", "an event has no such member").within(name));
    }
    if let Some(external) = &draft.external_id
        && draft.id != EventId::of_external(&draft.source, external)
    {
        let detail = "the id of an event with an externalId is made from source and externalId";
        return Err(Refusal::new("id-mismatch", detail).within("id"));
    }
    Ok(draft)
}

fn given(object: &Object, name: &str) -> bool {
    object.get(name).is_some_and(|value| *value != Value::Null)
}

fn fill(object: &mut Object, name: &str, default: &str) {
    fill_value(object, name, default.into());
}

fn fill_value(object: &mut Object, name: &str, default: Value) {
    if object.get(name).is_none() {
        object.insert(name, default);
    }
}

fn take(object: &mut Object, name: &str) -> Result<Value, Refusal> {
    object.remove(name).ok_or_else(|| Refusal::new("missing-member", "this member is required").within(name))
}

fn word<T>(object: &mut Object, name: &str, read: impl FnOnce(&str) -> Result<T, Refusal>) -> Result<T, Refusal> {
    let text = take_text(object, name)?;
    read(&text).map_err(|e| e.within(name))
}

pub(crate) fn take_text(object: &mut Object, name: &str) -> Result<String, Refusal> {
    match take(object, name)? {
        Value::String(text) => Ok(text),
        _ => Err(Refusal::new("wrong-type", "a string belongs here").within(name)),
    }
}

fn take_optional(object: &mut Object, name: &str) -> Result<Option<String>, Refusal> {
    match take(object, name)? {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => {
            Err(Refusal::new("empty-string", "what is not known is null, never an empty string").within(name))
        }
        Value::String(text) => Ok(Some(text)),
        _ => Err(Refusal::new("wrong-type", "a string or null belongs here").within(name)),
    }
}

fn take_object(object: &mut Object, name: &str) -> Result<Object, Refusal> {
    match take(object, name)? {
        Value::Object(inner) => Ok(inner),
        _ => Err(Refusal::new("wrong-type", "an object belongs here; {} when there is nothing to say").within(name)),
    }
}

pub(crate) fn take_time(object: &mut Object, name: &str) -> Result<Timestamp, Refusal> {
    let text = take_text(object, name)?;
    Timestamp::parse(&text).map_err(|e| Refusal::new("invalid-time", e.to_string()).within(name))
}

pub(crate) fn take_seq(object: &mut Object, name: &str) -> Result<u64, Refusal> {
    let value = take(object, name)?;
    match &value {
        Value::Number(number) if number.is_integral() => {
            value.as_u64().ok_or_else(|| Refusal::new("invalid-number", "this number is never negative").within(name))
        }
        _ => Err(Refusal::new("wrong-type", "a whole number belongs here").within(name)),
    }
}

pub(crate) fn take_hash(object: &mut Object, name: &str) -> Result<Hash, Refusal> {
    let text = take_text(object, name)?;
    Hash::from_hex(text.as_bytes())
        .ok_or_else(|| Refusal::new("invalid-hash", "64 lower-case hex digits belong here").within(name))
}

#[cfg(test)]
mod tests;
