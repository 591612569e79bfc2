//! An event: what a producer says ([`Draft`]), and the line that it becomes in the chain.
//!
//! The line is assembled in RFC 8785 order by hand, because that order never changes and the hash
//! is taken over the line without its `hash` member.

use crate::hash::{Hash, write_hex};
use crate::json::{Limits, Object, Refusal, Value, parse, write_string};
use crate::names::{Action, ActorType, ChainName, EventId, Outcome, Source};
use crate::time::Timestamp;

/// Longest line of an event, LF not counted, with a `seq` of 16 digits.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// `"hash":"<64 hex>",`: what is cut out of a line to hash it.
pub(crate) const HASH_MEMBER_BYTES: usize = 8 + 64 + 2;

/// What a producer said happened, admitted and complete, not yet in a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub(crate) id: EventId,
    pub(crate) at: Timestamp,
    pub(crate) actor_type: ActorType,
    pub(crate) actor_id: Option<String>,
    pub(crate) actor_email: Option<String>,
    pub(crate) actor_ip: Option<String>,
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
    pub(crate) resource_type: Option<String>,
    pub(crate) resource_id: Option<String>,
    pub(crate) resource_name: Option<String>,
    pub(crate) tenant_slug: Option<String>,
    pub(crate) partner_slug: Option<String>,
    pub(crate) source: Source,
    pub(crate) external_id: Option<String>,
    pub(crate) metadata: Object,
}

/// Where an event stands in its chain.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The chain's name.
    pub chain: &'a ChainName,
    /// Position, from 1.
    pub seq: u64,
    /// When it is chained.
    pub recorded_at: Timestamp,
    /// Hash of the event before it.
    pub prev_hash: Hash,
}

impl Draft {
    /// An event of the log itself.
    pub fn internal(action: &str, external_id: String, at: Timestamp, metadata: Object) -> Result<Self, Refusal> {
        let source = Source::audit();
        Ok(Self {
            id: EventId::of_external(&source, &external_id),
            at,
            actor_type: ActorType::System,
            actor_id: None,
            actor_email: None,
            actor_ip: None,
            action: Action::new(action)?,
            outcome: Outcome::Success,
            resource_type: None,
            resource_id: None,
            resource_name: None,
            tenant_slug: None,
            partner_slug: None,
            source,
            external_id: Some(external_id),
            metadata,
        })
    }

    /// The same event, done by this person.
    pub fn by(mut self, actor_type: ActorType, actor_id: Option<String>) -> Self {
        self.actor_type = actor_type;
        self.actor_id = actor_id;
        self
    }

    /// The same event with this outcome.
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Who did it, by the id that its system gives them.
    pub fn actor_id(&self) -> Option<&str> {
        self.actor_id.as_deref()
    }

    /// The producer's id.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The dotted verb.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The entrance it took.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The id at the source, if it has one.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// The details.
    pub fn metadata(&self) -> &Object {
        &self.metadata
    }

    /// The RFC 8785 bytes of the members that a producer decides: the line without `chain`, `hash`,
    /// `prevHash`, `recordedAt`, `seq` and `v`. Travels in queue messages.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.write_head(&mut out, None);
        self.write_middle(&mut out);
        self.write_resource(&mut out);
        self.write_tail(&mut out, None);
        out.push(b'}');
        out
    }

    /// SHA-256 over [`Draft::canonical`]: two posts of one id are the same event if this is equal.
    pub fn digest(&self) -> Hash {
        Hash::of(&self.canonical())
    }

    /// What a chain records at most once: key over `[chain, source, "x", externalId]`, or
    /// `[chain, source, "i", id]` where there is no external id.
    pub fn identity(&self, chain: &ChainName) -> Identity {
        match &self.external_id {
            Some(external) => Identity::of(chain, &self.source, "x", external),
            None => Identity::of(chain, &self.source, "i", self.id.as_str()),
        }
    }

    /// The line at this place, without its LF, and its hash.
    pub fn seal(&self, place: &Place<'_>) -> (Vec<u8>, Hash) {
        let mut line = Vec::with_capacity(768);
        let hash = self.seal_into(place, &mut line);
        (line, hash)
    }

    /// Appends the line at this place, without its LF; its hash.
    pub(crate) fn seal_into(&self, place: &Place<'_>, line: &mut Vec<u8>) -> Hash {
        let start = line.len();
        self.write_head(line, Some(place));
        let cut = line.len();
        line.extend_from_slice(b"\"hash\":\"");
        line.resize(cut + HASH_MEMBER_BYTES - 2, b'0');
        line.extend_from_slice(b"\",");
        let rest = line.len();
        self.write_middle(line);
        line.extend_from_slice(b"\"prevHash\":\"");
        line.extend_from_slice(&place.prev_hash.to_hex_bytes());
        line.extend_from_slice(b"\",\"recordedAt\":\"");
        line.extend_from_slice(&place.recorded_at.to_bytes());
        line.extend_from_slice(b"\",");
        self.write_resource(line);
        self.write_tail(line, Some(place.seq));
        line.extend_from_slice(b",\"v\":1}");
        let hash = Hash::of_pieces(&[&line[start..cut], &line[rest..]]);
        write_hex(&hash.0, &mut line[cut + 8..cut + 72]);
        hash
    }

    /// Length of the line in the chain named so, LF not counted, with a `seq` of 16 digits.
    pub(crate) fn line_bytes(&self, chain: &ChainName) -> usize {
        let place = Place { chain, seq: 9_999_999_999_999_999, recorded_at: self.at, prev_hash: Hash::ZERO };
        self.seal(&place).0.len()
    }

    fn write_head(&self, out: &mut Vec<u8>, place: Option<&Place<'_>>) {
        out.extend_from_slice(b"{\"action\":\"");
        out.extend_from_slice(self.action.as_str().as_bytes());
        out.extend_from_slice(b"\",");
        write_optional("actorEmail", self.actor_email.as_deref(), out);
        write_optional("actorId", self.actor_id.as_deref(), out);
        write_optional("actorIp", self.actor_ip.as_deref(), out);
        out.extend_from_slice(b"\"actorType\":\"");
        out.extend_from_slice(self.actor_type.as_str().as_bytes());
        out.extend_from_slice(b"\",\"at\":\"");
        out.extend_from_slice(&self.at.to_bytes());
        out.extend_from_slice(b"\",");
        if let Some(place) = place {
            out.extend_from_slice(b"\"chain\":\"");
            out.extend_from_slice(place.chain.as_str().as_bytes());
            out.extend_from_slice(b"\",");
        }
        write_optional("externalId", self.external_id.as_deref(), out);
    }

    fn write_middle(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"id\":\"");
        out.extend_from_slice(self.id.as_str().as_bytes());
        out.extend_from_slice(b"\",\"metadata\":");
        self.metadata.write_canonical(out);
        out.extend_from_slice(b",\"outcome\":\"");
        out.extend_from_slice(self.outcome.as_str().as_bytes());
        out.extend_from_slice(b"\",");
        write_optional("partnerSlug", self.partner_slug.as_deref(), out);
    }

    fn write_resource(&self, out: &mut Vec<u8>) {
        write_optional("resourceId", self.resource_id.as_deref(), out);
        write_optional("resourceName", self.resource_name.as_deref(), out);
        write_optional("resourceType", self.resource_type.as_deref(), out);
    }

    fn write_tail(&self, out: &mut Vec<u8>, seq: Option<u64>) {
        if let Some(seq) = seq {
            out.extend_from_slice(b"\"seq\":");
            out.extend_from_slice(seq.to_string().as_bytes());
            out.push(b',');
        }
        out.extend_from_slice(b"\"source\":\"");
        out.extend_from_slice(self.source.as_str().as_bytes());
        out.extend_from_slice(b"\",");
        write_optional("tenantSlug", self.tenant_slug.as_deref(), out);
        out.pop();
    }
}

fn write_optional(name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    match value {
        Some(text) => write_string(text, out),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b',');
}

/// What a chain records at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub Hash);

impl Identity {
    fn of(chain: &ChainName, source: &Source, kind: &str, id: &str) -> Self {
        let mut out = Vec::with_capacity(160);
        Self::write_start(chain.as_str().as_bytes(), source.as_str().as_bytes(), kind, &mut out);
        write_string(id, &mut out);
        out.push(b']');
        Self(Hash::of(&out))
    }

    /// The same key from the pieces of a stored line, whose strings are canonical already.
    pub(crate) fn of_raw(chain: &[u8], source: &[u8], kind: &str, quoted_id: &[u8]) -> Self {
        let mut out = Vec::with_capacity(160);
        Self::write_start(chain, source, kind, &mut out);
        out.extend_from_slice(quoted_id);
        out.push(b']');
        Self(Hash::of(&out))
    }

    fn write_start(chain: &[u8], source: &[u8], kind: &str, out: &mut Vec<u8>) {
        for part in [&b"[\""[..], chain, b"\",\"", source, b"\",\"", kind.as_bytes(), b"\","] {
            out.extend_from_slice(part);
        }
    }
}

/// An event that stands in a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What the producer said.
    pub draft: Draft,
    /// The chain's name.
    pub chain: ChainName,
    /// Position, from 1.
    pub seq: u64,
    /// When it was chained.
    pub recorded_at: Timestamp,
    /// Hash of the event before it.
    pub prev_hash: Hash,
    /// Its own hash, as stored.
    pub hash: Hash,
}

impl Event {
    /// Reads one stored line (LF not included) in full: strict JSON, every member by the table of
    /// the format, its own canonical form, its hash.
    ///
    /// # Errors
    /// The first rule of the format that the line breaks.
    pub fn from_line(line: &[u8]) -> Result<Self, Refusal> {
        if let Some(event) = crate::canonical::read(line) {
            return Ok(event);
        }
        let value = parse(line, Limits::FORMAT)?;
        let Value::Object(mut object) = value else {
            return Err(Refusal::new("wrong-type", "an event is a JSON object"));
        };
        let event = Self::take(&mut object)?;
        let (sealed, hash) = event.draft.seal(&event.place());
        if hash != event.hash {
            let detail = format!("the hash of the other members is {hash}");
            return Err(Refusal::new("hash-mismatch", detail).within("hash"));
        }
        if sealed != line {
            return Err(Refusal::new("not-canonical", "the line is not the RFC 8785 form of its event"));
        }
        Ok(event)
    }

    /// Reads an event that need not be in canonical form and may lack `hash`; the hash is worked
    /// out where it is absent.
    ///
    /// # Errors
    /// The first rule of the format that it breaks.
    pub fn from_value(value: Value) -> Result<Self, Refusal> {
        let Value::Object(mut object) = value else {
            return Err(Refusal::new("wrong-type", "an event is a JSON object"));
        };
        let without_hash = object.get("hash").is_none();
        if without_hash {
            object.insert("hash", Hash::ZERO.to_hex().into());
        }
        let mut event = Self::take(&mut object)?;
        let (_, hash) = event.draft.seal(&event.place());
        if without_hash {
            event.hash = hash;
        } else if hash != event.hash {
            let detail = format!("the hash of the other members is {hash}");
            return Err(Refusal::new("hash-mismatch", detail).within("hash"));
        }
        Ok(event)
    }

    /// The stored line, without its LF.
    pub fn line(&self) -> Vec<u8> {
        self.draft.seal(&self.place()).0
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { chain: &self.chain, seq: self.seq, recorded_at: self.recorded_at, prev_hash: self.prev_hash }
    }

    fn take(object: &mut Object) -> Result<Self, Refusal> {
        use crate::admit::{take_hash, take_seq, take_text, take_time};
        if take_seq(object, "v")? != 1 {
            return Err(Refusal::new("unknown-version", "this reader knows version 1").within("v"));
        }
        let chain = ChainName::new(&take_text(object, "chain")?).map_err(|e| e.within("chain"))?;
        let seq = take_seq(object, "seq")?;
        if seq == 0 {
            return Err(Refusal::new("invalid-number", "the first event has seq 1").within("seq"));
        }
        let recorded_at = take_time(object, "recordedAt")?;
        let prev_hash = take_hash(object, "prevHash")?;
        let hash = take_hash(object, "hash")?;
        let draft = crate::admit::complete_draft(std::mem::take(object))?;
        Ok(Self { draft, chain, seq, recorded_at, prev_hash, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        let at = Timestamp::from_unix_millis(1000).unwrap();
        let metadata = Object::of([("a", 1.into())]);
        Draft::internal("audit.archived", "x".to_owned(), at, metadata).unwrap()
    }

    #[test]
    fn an_event_of_the_log_itself_says_so() {
        let draft = draft();
        assert_eq!(draft.id(), EventId::of_external(&Source::audit(), "x"));
        assert_eq!(draft.at(), Timestamp::from_unix_millis(1000).unwrap());
        assert_eq!((draft.action().as_str(), draft.source().as_str()), ("audit.archived", "audit"));
        assert_eq!((draft.external_id(), draft.metadata()), (Some("x"), &Object::of([("a", 1.into())])));
        assert!(Draft::internal("No verb", "x".to_owned(), draft.at(), Object::default()).is_err());
        let by = draft.clone().by(ActorType::User, Some("u".to_owned()));
        assert_eq!((by.actor_type, by.actor_id.as_deref()), (ActorType::User, Some("u")));
        assert_eq!(Draft { actor_type: ActorType::System, actor_id: None, ..by }, draft);
    }

    #[test]
    fn what_a_chain_records_once_is_the_pair_or_the_id() {
        let chain = ChainName::new("c").unwrap();
        let draft = draft();
        let key = |text: &str| Identity(Hash::of(text.as_bytes()));
        assert_eq!(draft.identity(&chain), key(r#"["c","audit","x","x"]"#));
        let without = Draft { external_id: None, ..draft };
        assert_eq!(without.identity(&chain), key(&format!(r#"["c","audit","i","{}"]"#, without.id())));
    }

    #[test]
    fn a_line_is_read_strictly() {
        let chain = ChainName::new("c").unwrap();
        let recorded_at = Timestamp::from_unix_millis(2000).unwrap();
        let (line, hash) = draft().seal(&Place { chain: &chain, seq: 1, recorded_at, prev_hash: Hash::ZERO });
        let event = Event::from_line(&line).unwrap();
        assert_eq!((event.hash, event.line()), (hash, line.clone()));
        let text = String::from_utf8(line).unwrap();
        let refusal = |text: &str| {
            let refusal = Event::from_line(text.as_bytes()).unwrap_err();
            (refusal.code, refusal.pointer)
        };
        let at = |code, pointer: &str| (code, pointer.to_owned());
        assert_eq!(refusal("[]"), at("wrong-type", ""));
        assert_eq!(refusal(&text.replace("success", "failure")), at("hash-mismatch", "/hash"));
        assert_eq!(refusal(&text.replace("{\"a\":1}", "{\"a\": 1}")), at("not-canonical", ""));
        assert_eq!(refusal(&text.replace("\"v\":1", "\"v\":2")), at("unknown-version", "/v"));
        assert_eq!(refusal(&text.replace("\"seq\":1", "\"seq\":0")), at("invalid-number", "/seq"));
        // Whatever its hash and its form: a rule of the format is a rule.
        let sealed = |draft: &Draft, seq| {
            let (line, _) = draft.seal(&Place { chain: &chain, seq, recorded_at, prev_hash: Hash::ZERO });
            refusal(std::str::from_utf8(&line).unwrap())
        };
        assert_eq!(sealed(&draft(), 0), at("invalid-number", "/seq"));
        let mut other = draft();
        other.external_id = Some("y".to_owned());
        assert_eq!(sealed(&other, 1), at("id-mismatch", "/id"));
        // A value need not be canonical, but a hash that it brings must be its own.
        let value = |text: &str| Event::from_value(parse(text.as_bytes(), Limits::FORMAT).unwrap());
        assert_eq!(value(&text.replace("{\"a\":1}", "{\"a\": 1}")).unwrap(), event);
        assert_eq!(value(&text.replace("success", "failure")).unwrap_err().code, "hash-mismatch");
        assert_eq!(value("[]").unwrap_err().code, "wrong-type");
    }
}
