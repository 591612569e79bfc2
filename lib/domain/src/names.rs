//! The small words of an event: who may be called what.

use crate::hash::{Hash, hex};
use crate::json::{Refusal, Value};
use std::fmt;

/// Name of one log, unique to an installation and its environment: `[a-z0-9.-]{1,80}`. A
/// checkpoint of the test system must mean nothing in production.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainName(String);

impl ChainName {
    /// # Errors
    /// A name outside `[a-z0-9.-]{1,80}`.
    pub fn new(name: &str) -> Result<Self, Refusal> {
        let fits = (1..=80).contains(&name.len())
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(Refusal::new("invalid-chain", "a chain's name is 1 to 80 of `a-z`, `0-9`, `.` and `-`"))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an event comes from: `[a-z0-9-]{1,40}`. It is given by the entrance that the event took,
/// never believed from the event alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(String);

impl Source {
    /// The source of the log's own events. No producer can take it, so that an
    /// `audit.break_accepted` can only come from an operator and an `audit.event_rejected` only
    /// from the appender.
    pub const AUDIT: &'static str = "audit";
    /// The source of events that the platform's own services post.
    pub const PLATFORM_API: &'static str = "platform-api";

    /// # Errors
    /// A name outside `[a-z0-9-]{1,40}`.
    pub fn new(name: &str) -> Result<Self, Refusal> {
        let fits =
            (1..=40).contains(&name.len()) && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(Refusal::new("invalid-source", "a source is 1 to 40 of `a-z`, `0-9` and `-`"))
        }
    }

    /// The source of the log's own events.
    pub fn audit() -> Self {
        Self(Self::AUDIT.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What happened, as a dotted verb: at most 8 segments of `[a-z0-9_-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Action(String);

impl Action {
    /// # Errors
    /// Anything that is not 1 to 8 segments of `[a-z0-9_-]{1,64}`.
    pub fn new(name: &str) -> Result<Self, Refusal> {
        let segment = |s: &str| {
            (1..=64).contains(&s.len()) && s.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        };
        if name.split('.').count() <= 8 && name.split('.').all(segment) {
            Ok(Self(name.to_owned()))
        } else {
            let detail = "an action is 1 to 8 segments of 1 to 64 `a-z`, `0-9`, `_` and `-`, joined by dots, \
                          such as `tenant.suspended`";
            Err(Refusal::new("invalid-action", detail))
        }
    }

    /// The verb.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the verb belongs to the log itself.
    pub fn is_reserved(&self) -> bool {
        self.0 == "audit" || self.0.starts_with("audit.")
    }
}

macro_rules! word_list {
    ($(#[$doc:meta])* $name:ident, $code:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// # Errors
            /// Any other word.
            pub fn new(word: &str) -> Result<Self, Refusal> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(Refusal::new($code, concat!("use one of", $(" `", $word, "`"),+))),
                }
            }

            /// The word of the format.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

word_list! {
    /// What kind of actor did it.
    ActorType, "invalid-actor-type", {
        /// A person.
        User = "user",
        /// Another program, under its own name.
        Service = "service",
        /// The platform itself.
        System = "system",
        /// Nobody known.
        Anonymous = "anonymous",
    }
}

word_list! {
    /// How it went.
    Outcome, "invalid-outcome", {
        /// It was done.
        Success = "success",
        /// It was tried and did not work.
        Failure = "failure",
        /// It was not allowed.
        Denied = "denied",
    }
}

/// A producer's id of an event: a UUID in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 36]);

impl EventId {
    /// Reads a UUID, in either case.
    ///
    /// # Errors
    /// Anything that is not 8-4-4-4-12 hex digits.
    pub fn new(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid-id", "an id is a UUID such as 019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10");
        let lower = text.to_ascii_lowercase();
        let bytes: [u8; 36] = lower.as_bytes().try_into().map_err(|_| refusal())?;
        let fits = bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
        if fits { Ok(Self(bytes)) } else { Err(refusal()) }
    }

    /// From the 16 bytes of a UUID.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let hex = hex(&bytes);
        let text = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        Self(text.as_bytes().try_into().expect("a UUID's text has 36 bytes"))
    }

    /// The id of an event that has one at its source: UUIDv8 of the first 16 bytes of SHA-256 over
    /// the RFC 8785 bytes of `[source, externalId]`.
    pub fn of_external(source: &Source, external_id: &str) -> Self {
        let pair = Value::Array(vec![source.as_str().into(), external_id.into()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Hash::of(&pair.canonical()).0[..16]);
        bytes[6] = 0x80 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self::from_bytes(bytes)
    }

    /// The text, in lower case.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits and dashes are ASCII")
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_the_format_says() {
        assert!(ChainName::new("dezky.prod-1").is_ok());
        assert!(ChainName::new(&"c".repeat(81)).is_err() && ChainName::new("").is_err());
        assert!(ChainName::new("Prod").is_err() && ChainName::new("a#b").is_err());
        assert!(Source::new(&"s".repeat(40)).is_ok() && Source::new(&"s".repeat(41)).is_err());
        assert!(Source::new("a.b").is_err());
        assert!(Action::new("a.b.c.d.e.f.g.h").is_ok() && Action::new("a.b.c.d.e.f.g.h.i").is_err());
        assert!(Action::new(&"x".repeat(64)).is_ok() && Action::new(&"x".repeat(65)).is_err());
        for bad in ["", ".", "a.", ".a", "a..b", "A", "a b", "tenant.süspended"] {
            assert!(Action::new(bad).is_err(), "{bad}");
        }
        assert!(Action::new("audit.archived").unwrap().is_reserved());
        assert!(Action::new("audit").unwrap().is_reserved());
        assert!(!Action::new("auditor.added").unwrap().is_reserved());
    }

    #[test]
    fn ids_are_uuids_in_lower_case() {
        let id = EventId::new("019A8F4E-7A3C-7E21-9D5B-0F6F6A1C7E10").unwrap();
        assert_eq!(id.as_str(), "019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10");
        for bad in ["", "019a8f4e7a3c7e219d5b0f6f6a1c7e10", "019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e1g"] {
            assert!(EventId::new(bad).is_err(), "{bad}");
        }
        // Worked out with Python's hashlib and json.
        let id = EventId::of_external(&Source::new("ocis").unwrap(), "a:1");
        assert_eq!(id.as_str().as_bytes()[14], b'8');
        assert_eq!(
            (id.to_string(), ChainName::new("c").unwrap().to_string()),
            (id.as_str().to_owned(), "c".to_owned())
        );
    }
}
