//! The event that a line becomes.
//!
//! Whatever the line holds, the event is admissible: what is too long for a member is cut or
//! replaced by its hash, and metadata that is too large leaves only its own size and hash behind.

use super::actions::{Meaning, Subject};
use super::secrets::{Secrets, digest};
use super::wire::Members;
use super::{Line, SpaceNames, actor};
use crate::Reading;
use domain::admit::{MAX_AHEAD_MILLIS, complete_draft, within_line_limit};
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Limits, Object, Value, parse};
use domain::names::{EventId, Outcome, Source};
use domain::time::Timestamp;

/// Greatest length of an actor; a longer one is named by its hash.
const MAX_ACTOR_BYTES: usize = 512;
/// Greatest length of a `resourceId`; a longer one is named by its hash. The id becomes part of
/// keys, which some tables bound at 1 KiB.
const MAX_RESOURCE_BYTES: usize = 1024;
/// Greatest length of a `resourceName`: two file names of the usual 255 bytes.
const MAX_NAME_BYTES: usize = 512;
/// Greatest length of a space's id; the real ones are UUIDs.
const MAX_SPACE_BYTES: usize = 256;
/// How much is kept of a time that is none.
const MAX_CLAIM_BYTES: usize = 64;

/// What an event has to fit in. Two levels stay free for the messages that it travels in.
const ROOM: Limits = Limits { depth: Limits::ADMISSION.depth - 2, ..Limits::ADMISSION };

/// Makes the event of a line whose meaning is known.
pub(super) fn event(
    line: &Line<'_>,
    action: &str,
    meaning: Meaning,
    members: Members,
    names: &mut SpaceNames,
) -> Reading {
    let secrets = Secrets::of(&members, meaning.subject);
    let message = members.text("Message");
    let actor = actor::of(action, message, members.text("User")).and_then(|name| secrets.without(name));
    let actor = actor.map(str::to_owned);
    let sharing = matches!(meaning.subject, Subject::Share | Subject::Link);
    let field = actor::updated_field(message).filter(|_| sharing).and_then(|field| secrets.without(field));
    let field = field.map(str::to_owned);
    let token = first_text(&members, ["ShareToken", "ShareID"]).map(digest);
    let (members, redacted) = secrets.cut_out(members);

    let space = space_id(&members);
    if let Some(id) = space.filter(|_| meaning.subject == Subject::Space) {
        names.learn(id, members.text(if action == "space_renamed" { "NewName" } else { "Name" }));
    }
    let space_name = space.and_then(|id| names.get(id)).and_then(|name| secrets.without(name));
    let resource_id = match meaning.subject {
        Subject::User => first_text(&members, ["UserID"]).map(str::to_owned),
        Subject::Group => first_text(&members, ["GroupID"]).map(str::to_owned),
        Subject::Space => first_text(&members, ["SpaceID"]).map(str::to_owned),
        Subject::File => first_text(&members, ["FileID"]).map(str::to_owned),
        Subject::Share => first_text(&members, ["ShareID", "FileID"]).map(str::to_owned),
        Subject::Link => token.or_else(|| first_text(&members, ["FileID"]).map(str::to_owned)),
        Subject::Invite => first_text(&members, ["RecipientMail"]).map(str::to_owned),
    };
    let resource_name = match meaning.subject {
        Subject::File => file_name(members.text("Path")),
        Subject::Space => space_name,
        _ => None,
    };
    let when = When::of(members.text("Time"), line.now);

    let mut metadata = Object::of([("timeSource", when.source.into()), ("wireAction", action.into())]);
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            metadata.insert(name, value);
        }
    };
    add("spaceId", space.map(|id| short(id, MAX_SPACE_BYTES).into()));
    add("tenantHint", space.map(|id| space_name.map_or_else(|| short(id, MAX_SPACE_BYTES), str::to_owned).into()));
    add("claimedAt", when.claimed.map(Value::from));
    add("field", field.map(Value::from));
    add("redacted", redacted.then_some(true.into()));
    add("utf8Repaired", members.repaired.then_some(true.into()));

    let source = Source::new("ocis").expect("a lower-case word is the name of a source");
    let (email, name) = match &actor {
        Some(name) if actor::is_email(name) => (Some(name.clone()), None),
        other => (None, other.as_deref().map(|name| short(name, MAX_ACTOR_BYTES))),
    };
    let head = Object::of([
        ("action", meaning.verb.into()),
        ("actorEmail", email.into()),
        ("actorId", name.into()),
        ("actorIp", Value::Null),
        ("actorType", if actor.is_some() { "user" } else { "system" }.into()),
        ("at", when.at.to_string().into()),
        ("externalId", line.external_id.into()),
        ("id", EventId::of_external(&source, line.external_id).as_str().into()),
        ("outcome", Outcome::Success.as_str().into()),
        ("partnerSlug", Value::Null),
        ("resourceId", resource_id.map(|id| short(&id, MAX_RESOURCE_BYTES)).into()),
        ("resourceName", resource_name.map(|name| cut(name, MAX_NAME_BYTES)).map(Value::from).into()),
        ("resourceType", meaning.subject.as_str().into()),
        ("source", source.as_str().into()),
        ("tenantSlug", Value::Null),
    ]);
    let rest = members.filter_map(|name, value| says_something(name, &value, actor.as_deref()).then_some(value));
    finish(line, &head, metadata, rest.into_object())
}

/// Puts the event together, with as much of its metadata as fits.
fn finish(line: &Line<'_>, head: &Object, metadata: Object, rest: Object) -> Reading {
    let complete = |metadata: Object| -> Option<Box<Draft>> {
        let mut object = head.clone();
        object.insert("metadata", metadata.into());
        let draft = complete_draft(object).ok()?;
        within_line_limit(&draft, line.chain).ok()?;
        parse(&draft.canonical(), ROOM).ok()?;
        Some(Box::new(draft))
    };
    let mut full = metadata.clone();
    full.insert("line", rest.into());
    let original = full.canonical();
    if let Some(draft) = complete(full) {
        return Reading::Event { draft, original: None };
    }
    let mut small = metadata;
    small.insert("truncated", true.into());
    small.insert("bytes", u64::try_from(original.len()).ok().and_then(Value::integer).into());
    small.insert("sha256", Hash::of(&original).to_hex().into());
    match complete(small) {
        Some(draft) => Reading::Event { draft, original: Some(original) },
        None => Reading::Unusable("not-admissible"),
    }
}

/// When it happened, and who says so.
struct When {
    at: Timestamp,
    source: &'static str,
    claimed: Option<String>,
}

impl When {
    /// OCIS leaves the time empty, or at the zero of its language, where the event has none. A
    /// time from the future, or none at all, is worth keeping as what it is: a claim.
    fn of(claim: &str, now: Timestamp) -> Self {
        let observed = |claimed| Self { at: now, source: "observed", claimed };
        if claim.is_empty() || claim.starts_with("0001-01-01") {
            return observed(None);
        }
        match Timestamp::parse(claim) {
            Ok(at) if at <= now.plus_millis(MAX_AHEAD_MILLIS) => Self { at, source: "source", claimed: None },
            _ => observed(Some(cut(claim, MAX_CLAIM_BYTES).to_owned())),
        }
    }
}

/// The space that a line is about: the middle of `storage$space!node`, or of the
/// `storage:space:share` that a share is called.
fn space_id(members: &Members) -> Option<&str> {
    for name in ["SpaceID", "FileID"] {
        if let Some((_, inside)) = members.text(name).split_once('$') {
            return inside.split(['!', '/']).next().filter(|id| !id.is_empty());
        }
    }
    let mut parts = members.text("ShareID").split(':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(id), Some(_), None) => Some(id).filter(|id| !id.is_empty()),
        _ => None,
    }
}

/// The last part of a path; the item itself is called `.` and has no name then.
fn file_name(path: &str) -> Option<&str> {
    path.rsplit('/').find(|part| !part.is_empty()).filter(|part| !matches!(*part, "." | ".."))
}

/// Whether a member tells a reader of the event anything that is not elsewhere in it. OCIS writes
/// the first ones always and always alike; a quota of 0 is not the quota, which stands in the
/// sentence alone.
fn says_something(name: &str, value: &Value, actor: Option<&str>) -> bool {
    match (name, value) {
        (_, Value::Null) => false,
        (_, Value::String(text)) if text.is_empty() => false,
        ("App" | "Action", _) => false,
        ("Time", Value::String(_)) => false,
        ("CLI", Value::Bool(false)) => false,
        ("Level", level) => level.as_u64() != Some(1),
        ("QuotaMaxBytes", quota) => quota.as_u64() != Some(0),
        ("User", user) => actor.is_none() || user.as_str() != actor,
        _ => true,
    }
}

fn first_text<'a, const N: usize>(members: &'a Members, names: [&str; N]) -> Option<&'a str> {
    names.into_iter().map(|name| members.text(name)).find(|text| !text.is_empty())
}

/// The text, or its hash where it is longer than that.
fn short(text: &str, bytes: usize) -> String {
    if text.len() > bytes { digest(text) } else { text.to_owned() }
}

/// The text up to so many bytes.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
