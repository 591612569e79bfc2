//! Strategies that several test modules share.

use crate::admit::complete_draft;
use crate::event::Draft;
use crate::json::{Limits, Object, Value, parse};
use crate::names::{EventId, Source};
use proptest::prelude::*;

/// Any draft that admission could let through, however odd.
pub(crate) fn any_draft() -> impl Strategy<Value = Draft> {
    let optional = || prop::option::of("[^\u{0}]{1,20}");
    let names = (optional(), optional(), optional(), optional(), optional(), optional(), optional(), optional());
    let words = (
        prop::collection::vec("[a-z0-9_-]{1,9}", 1..=8),
        prop::sample::select(vec!["user", "service", "system", "anonymous"]),
        prop::sample::select(vec!["success", "failure", "denied"]),
        "[a-z0-9-]{1,12}",
        -62_135_596_800_000i64..=253_402_300_799_999,
        any::<[u8; 16]>(),
        prop::option::of("[^\u{0}]{1,30}"),
    );
    let metadata = prop::collection::btree_map("[^\u{0}]{0,6}", crate::json::any_json(), 0..4);
    (names, words, metadata).prop_map(|(names, words, metadata)| {
        let (segments, actor_type, outcome, source, at, id, external) = words;
        let source = Source::new(&source).unwrap();
        let id = external.as_deref().map_or(EventId::from_bytes(id), |e| EventId::of_external(&source, e));
        let at = crate::time::Timestamp::from_unix_millis(at).unwrap();
        let metadata = serde_json::Value::Object(metadata.into_iter().collect()).to_string();
        complete_draft(Object::of([
            ("action", segments.join(".").into()),
            ("actorEmail", names.0.into()),
            ("actorId", names.1.into()),
            ("actorIp", names.2.into()),
            ("actorType", actor_type.into()),
            ("at", at.to_string().into()),
            ("externalId", Value::from(external)),
            ("id", id.as_str().into()),
            ("metadata", parse(metadata.as_bytes(), Limits::FORMAT).unwrap()),
            ("outcome", outcome.into()),
            ("partnerSlug", names.3.into()),
            ("resourceId", names.4.into()),
            ("resourceName", names.5.into()),
            ("resourceType", names.6.into()),
            ("source", source.as_str().into()),
            ("tenantSlug", names.7.into()),
        ]))
        .unwrap()
    })
}
