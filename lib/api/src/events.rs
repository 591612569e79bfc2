//! Events: as they are posted, and as they are chained.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActorType {
    /// A person.
    User,
    /// A program.
    System,
    /// Somebody outside, such as the visitor of a link.
    External,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and failed.
    Failure,
    /// It was not allowed.
    Denied,
}

/// An event to record. Strings have at most 8 KiB, the whole event as a line at most 64 KiB; an unknown
/// member refuses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEvent {
    /// A dotted verb, `<area>.<past tense>`, up to 8 segments, such as `tenant.suspended`. `audit.*` is
    /// the log's own.
    pub action: String,
    /// When it happened, RFC 3339. Cut to milliseconds; at most 5 minutes ahead of the clock.
    pub at: String,
    /// A UUID of the producer's choice; made when absent. A repeat with the same members doubles nothing,
    /// with others it is refused. Not together with `externalId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id at the source. Recorded once per source, whatever a repeat says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where it comes from; the token says which sources its bearer may speak for. Default `platform-api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Default `user` where an actor is named, else `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<ActorType>,
    /// Id of who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// E-mail address of who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_email: Option<String>,
    /// Address that they acted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_ip: Option<String>,
    /// Default `success`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What kind of thing it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// The tenant that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_slug: Option<String>,
    /// The partner that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_slug: Option<String>,
    /// Details. Numbers that a double cannot hold exactly are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// One event, or 1 to 1,000 of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NewEvents {
    /// One.
    One(Box<NewEvent>),
    /// Several; one bad element refuses them all.
    Many(Vec<NewEvent>),
}

/// The ids of accepted events, in the order of the events. They are safely queued; the chain follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedIds {
    /// UUIDs.
    pub ids: Vec<String>,
}

/// A chained event: exactly the stored line, an RFC 8785 document, so that its hash can be checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The dotted verb.
    pub action: String,
    /// E-mail address of who acted.
    pub actor_email: Option<String>,
    /// Id of who acted.
    pub actor_id: Option<String>,
    /// Address that they acted from.
    pub actor_ip: Option<String>,
    /// Who acted.
    pub actor_type: ActorType,
    /// When it happened, UTC with milliseconds.
    pub at: String,
    /// Name of the log.
    pub chain: String,
    /// The id at the source.
    pub external_id: Option<String>,
    /// SHA-256 over this line without `hash`.
    pub hash: String,
    /// The event's UUID.
    pub id: String,
    /// Details.
    pub metadata: Map<String, Value>,
    /// How it ended.
    pub outcome: Outcome,
    /// The partner that it concerns.
    pub partner_slug: Option<String>,
    /// `hash` of the event before; 64 zeros for the first.
    pub prev_hash: String,
    /// When it was chained.
    pub recorded_at: String,
    /// Id of what it was done to.
    pub resource_id: Option<String>,
    /// Its name.
    pub resource_name: Option<String>,
    /// Its kind.
    pub resource_type: Option<String>,
    /// Position in the log, from 1, without gaps.
    pub seq: u64,
    /// Where it comes from.
    pub source: String,
    /// The tenant that it concerns.
    pub tenant_slug: Option<String>,
    /// Version of the format.
    pub v: u32,
}
