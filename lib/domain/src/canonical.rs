//! Reading a line that is its own canonical form, in the one order that it can have.
//!
//! Writers and signers read every line in full before they vouch for it. Most are right, so this
//! reader takes the members where they must stand, builds the event, and compares the line that the
//! event makes with the one given. Whatever fails here is read again by the general reader, which
//! says what is wrong.

use crate::event::{Draft, Event};
use crate::hash::Hash;
use crate::json::Parser;
use crate::names::{Action, ActorType, ChainName, EventId, Outcome, Source};
use crate::time::Timestamp;

/// The event of a line (LF not included) that is canonical and whose hash holds.
pub(crate) fn read(line: &[u8]) -> Option<Event> {
    let event = members(std::str::from_utf8(line).ok()?)?;
    let mut again = Vec::with_capacity(line.len());
    let hash = event.draft.seal_into(&event.place(), &mut again);
    (hash == event.hash && again == line).then_some(event)
}

fn members(text: &str) -> Option<Event> {
    let mut p = Parser::of(text);
    p.literal("{\"action\":")?;
    let action = Action::new(p.plain_string()?).ok()?;
    let actor_email = optional(&mut p, ",\"actorEmail\":")?;
    let actor_id = optional(&mut p, ",\"actorId\":")?;
    let actor_ip = optional(&mut p, ",\"actorIp\":")?;
    p.literal(",\"actorType\":")?;
    let actor_type = ActorType::new(p.plain_string()?).ok()?;
    p.literal(",\"at\":")?;
    let at = Timestamp::parse(p.plain_string()?).ok()?;
    p.literal(",\"chain\":")?;
    let chain = ChainName::new(p.plain_string()?).ok()?;
    let external_id = optional(&mut p, ",\"externalId\":")?;
    p.literal(",\"hash\":")?;
    let hash = Hash::from_hex(p.plain_string()?.as_bytes())?;
    p.literal(",\"id\":")?;
    let id = EventId::new(p.plain_string()?).ok()?;
    p.literal(",\"metadata\":")?;
    let metadata = p.any_object()?;
    p.literal(",\"outcome\":")?;
    let outcome = Outcome::new(p.plain_string()?).ok()?;
    let partner_slug = optional(&mut p, ",\"partnerSlug\":")?;
    p.literal(",\"prevHash\":")?;
    let prev_hash = Hash::from_hex(p.plain_string()?.as_bytes())?;
    p.literal(",\"recordedAt\":")?;
    let recorded_at = Timestamp::parse(p.plain_string()?).ok()?;
    let resource_id = optional(&mut p, ",\"resourceId\":")?;
    let resource_name = optional(&mut p, ",\"resourceName\":")?;
    let resource_type = optional(&mut p, ",\"resourceType\":")?;
    p.literal(",\"seq\":")?;
    let seq = p.any_integer()?;
    p.literal(",\"source\":")?;
    let source = Source::new(p.plain_string()?).ok()?;
    let tenant_slug = optional(&mut p, ",\"tenantSlug\":")?;
    p.literal(",\"v\":1}")?;
    let own_id = external_id.as_deref().is_none_or(|external| id == EventId::of_external(&source, external));
    let draft = Draft {
        id,
        at,
        actor_type,
        actor_id,
        actor_email,
        actor_ip,
        action,
        outcome,
        resource_type,
        resource_id,
        resource_name,
        tenant_slug,
        partner_slug,
        source,
        external_id,
        metadata,
    };
    // Whatever stands behind shows when the line is compared.
    (own_id && seq > 0).then_some(Event { draft, chain, seq, recorded_at, prev_hash, hash })
}

fn optional(p: &mut Parser<'_>, name: &str) -> Option<Option<String>> {
    p.literal(name)?;
    let value = p.optional_string()?;
    value.as_deref().is_none_or(|text| !text.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Place;
    use crate::testing::any_draft;
    use proptest::prelude::*;

    proptest! {
        /// The short way takes every line that a writer makes, and nothing that the long way refuses.
        #[test]
        fn both_readers_agree(draft in any_draft(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let chain = ChainName::new("c").unwrap();
            let recorded_at = Timestamp::from_unix_millis(0).unwrap();
            let place = Place { chain: &chain, seq: 7, recorded_at, prev_hash: Hash::ZERO };
            let (mut line, _) = draft.seal(&place);
            prop_assert_eq!(&read(&line).unwrap().draft, &draft);
            let at = at.index(line.len());
            prop_assume!(line[at] != to);
            line[at] = to;
            prop_assert!(read(&line).is_none());
        }
    }
}
