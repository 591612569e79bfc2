//! What tests, benches and the vectors share: events that look like real ones, the same for the
//! same number.

pub mod chain;
pub mod cost;
pub mod runtime_api;
pub mod vectors;
pub mod verdict;
pub mod world;

use domain::admit::complete_draft;
use domain::event::Draft;
use domain::hash::Hash;
use domain::json::{Object, Value};
use domain::names::{EventId, Source};
use domain::time::Timestamp;

/// 2026-11-01T00:00:00Z.
pub const EPOCH_MILLIS: i64 = 1_793_491_200_000;

/// Event number `i`: about 570 bytes as a line, a third of them with an id from a source.
pub fn draft(i: u64) -> Draft {
    let noise = Hash::of(format!("event {i}").as_bytes()).0;
    let pick = |at: usize, of: usize| usize::from(noise[at]) % of;
    let tenant = format!("tenant-{:02}", pick(0, 50));
    let user = format!("user{:03}", pick(1, 200));
    let (action, resource_type) = [
        ("user.updated", "user"),
        ("tenant.suspended", "tenant"),
        ("file.shared", "file"),
        ("flag.updated", "flag"),
        ("domain.added", "domain"),
        ("member.created", "member"),
        ("ocis.file_uploaded", "file"),
    ][pick(2, 7)];
    let external = noise[3].is_multiple_of(3).then(|| format!("gen{}:{}", noise[4] % 4, i * 411));
    let source = Source::new(if external.is_some() { "ocis" } else { "platform-api" }).expect("a source");
    let mut id = [0; 16];
    id.copy_from_slice(&noise[..16]);
    id[6] = 0x70 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);
    let id = external.as_deref().map_or(EventId::from_bytes(id), |e| EventId::of_external(&source, e));
    let millis = EPOCH_MILLIS + i64::try_from(i).expect("few events") * 317 + i64::from(noise[5]);
    let at = Timestamp::from_unix_millis(millis).expect("in 2026");
    let metadata = Object::of([("requestId", Hash(noise).to_hex()[..8].into())]);
    complete_draft(Object::of([
        ("action", action.into()),
        ("actorEmail", Value::Null),
        ("actorId", user.into()),
        ("actorIp", format!("203.0.113.{}", noise[6]).into()),
        ("actorType", "user".into()),
        ("at", at.to_string().into()),
        ("externalId", Value::from(external)),
        ("id", id.as_str().into()),
        ("metadata", metadata.into()),
        ("outcome", if noise[7] < 23 { "failure".into() } else { Value::from("success") }),
        ("partnerSlug", Value::Null),
        ("resourceId", format!("r-{}", noise[8]).into()),
        ("resourceName", Value::Null),
        ("resourceType", resource_type.into()),
        ("source", source.as_str().into()),
        ("tenantSlug", Value::from(tenant)),
    ]))
    .expect("a complete event")
}
