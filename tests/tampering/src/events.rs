//! Events of every allowed shape: foreign text, nulls, nested metadata, late and equal times.

use crate::dice::Dice;
use domain::admit::complete_draft;
use domain::event::Draft;
use domain::hash::hex;
use domain::json::{Object, Value};
use domain::names::{EventId, Source};
use domain::time::Timestamp;

/// What may stand in a string, some of it made to mislead whoever looks for members in a line.
const TEXTS: [&str; 12] = [
    "anna@nordhavn.example",
    "Grüße, 世界 🌍",
    "\"quoted\" \\ and\ttabs\nand lines",
    "\",\"hash\":\"0000\",",
    "null",
    "\u{1}\u{7f}\u{2028}",
    "a",
    "{\"seq\":1}",
    "é vs e\u{301}",
    "TJ*\\",
    "0",
    "\u{10ffff}\u{e000}",
];

/// One event; `serial` makes its external id the only one of its kind.
pub(crate) fn draft(dice: &mut Dice, serial: u64, at: Timestamp) -> Draft {
    let mut text = || if dice.once_in(2) { Value::Null } else { (*dice.pick(&TEXTS)).into() };
    let texts: [Value; 8] = std::array::from_fn(|_| text());
    let [email, actor, ip, partner, resource, name, kind, tenant] = texts;
    let source = Source::new(dice.pick::<&str>(&["ocis", "platform-api", "audit", "x-1"])).expect("a source");
    let external = dice.once_in(3).then(|| format!("{}{serial}", dice.pick(&TEXTS)));
    let id = match &external {
        Some(external) => EventId::of_external(&source, external),
        None => EventId::from_bytes(dice.bytes()),
    };
    let metadata = metadata(dice, 0);
    complete_draft(Object::of([
        ("action", (*dice.pick(&["user.updated", "a", "file.shared.by_link-2", "audit.archived"])).into()),
        ("actorEmail", email),
        ("actorId", actor),
        ("actorIp", ip),
        ("actorType", (*dice.pick(&["user", "service", "system", "anonymous"])).into()),
        ("at", at.to_string().into()),
        ("externalId", external.into()),
        ("id", id.as_str().into()),
        ("metadata", metadata.into()),
        ("outcome", (*dice.pick(&["success", "failure", "denied"])).into()),
        ("partnerSlug", partner),
        ("resourceId", resource),
        ("resourceName", name),
        ("resourceType", kind),
        ("source", source.as_str().into()),
        ("tenantSlug", tenant),
    ]))
    .expect("a complete event")
}

fn metadata(dice: &mut Dice, depth: usize) -> Object {
    let mut object = Object::default();
    for _ in 0..dice.below(4) {
        // A `hash` in here looks like the member of the line.
        let name = *dice.pick(&["hash", "prevHash", "seq", "id", "z", "Ünï", "", "\u{10000}", "\u{ffff}"]);
        let value = match dice.below(7) {
            0 => Value::Null,
            1 => true.into(),
            2 => u32::from(dice.byte()).into(),
            3 => hex(&dice.bytes::<32>()).into(),
            4 if depth < 2 => metadata(dice, depth + 1).into(),
            5 => Value::Array(vec![Value::Null, (*dice.pick(&TEXTS)).into()]),
            _ => (*dice.pick(&TEXTS)).into(),
        };
        object.insert(name, value);
    }
    object
}
