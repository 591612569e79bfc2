//! Events as producers make them: some with an id of their source, some late, some at the same time.

use crate::dice::Dice;
use domain::admit::complete_draft;
use domain::event::Draft;
use domain::json::{Limits, Object, Value, parse};
use domain::names::{EventId, Source};
use domain::time::Timestamp;

/// 2026-12-01T11:59:00Z: before the run begins, so that nothing lies ahead of a clock that is off.
const EVENTS_MILLIS: i64 = 1_796_126_340_000 - 120_000;

/// Numbered events. The same number is the same event.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    seed: u64,
    /// Whether each has an id at its source.
    external: bool,
    /// Which of several events of the same id.
    variant: u32,
}

impl Stream {
    /// Events that have ids of their own, or of their source.
    pub(crate) fn new(seed: u64, external: bool) -> Self {
        Self { seed, external, variant: 0 }
    }

    /// Other events under the same ids, and again others each time.
    pub(crate) fn variant(&self) -> Self {
        Self { variant: self.variant + 1, ..self.clone() }
    }

    /// Event number `n`.
    pub(crate) fn event(&self, n: u64) -> Draft {
        let mut dice = Dice::new(self.seed ^ (n << 20));
        let source = Source::new(if self.external { "app" } else { "platform-api" }).expect("a source");
        let external = self.external.then(|| format!("{:x}:{n}", self.seed & 0xff));
        let mut id = [0; 16];
        id[..8].copy_from_slice(&dice.next().to_be_bytes());
        id[8..].copy_from_slice(&dice.next().to_be_bytes());
        id[6] = 0x70 | (id[6] & 0x0f);
        id[8] = 0x80 | (id[8] & 0x3f);
        let id = external.as_deref().map_or(EventId::from_bytes(id), |e| EventId::of_external(&source, e));
        // In order, mostly; some at the same time, some long before.
        let n = i64::try_from(n).expect("few");
        let late = dice.one_of(&[0, 0, 0, 0, 900, 15_000, 45_000]);
        let millis = EVENTS_MILLIS + n / 3 * 1_700 - late;
        let at = Timestamp::from_unix_millis(millis).expect("in 2026");
        complete_draft(Object::of([
            ("action", dice.one_of(&["user.updated", "file.shared", "tenant.suspended"]).into()),
            ("actorEmail", Value::Null),
            ("actorId", "anna".into()),
            ("actorIp", Value::Null),
            ("actorType", "user".into()),
            ("at", at.to_string().into()),
            ("externalId", Value::from(external)),
            ("id", id.as_str().into()),
            ("metadata", Object::of([("variant", self.variant.into())]).into()),
            ("outcome", "success".into()),
            ("partnerSlug", Value::Null),
            ("resourceId", format!("r{n}").into()),
            ("resourceName", Value::Null),
            ("resourceType", "user".into()),
            ("source", source.as_str().into()),
            ("tenantSlug", "acme".into()),
        ]))
        .expect("a complete event")
    }

    /// Events `from` to `to` (excluded), in batches.
    pub(crate) fn batches(&self, from: u64, to: u64, per_batch: u64) -> Vec<Vec<Draft>> {
        let all: Vec<Draft> = (from..to).map(|n| self.event(n)).collect();
        all.chunks(usize::try_from(per_batch).expect("few")).map(<[Draft]>::to_vec).collect()
    }
}

/// As a client would post it.
pub(super) fn posted(draft: &Draft) -> Value {
    let value = parse(&draft.canonical(), Limits::FORMAT).expect("canonical JSON is JSON");
    let mut object = value.as_object().expect("an object").clone();
    if draft.external_id().is_some() {
        object.remove("id");
    }
    object.into()
}
