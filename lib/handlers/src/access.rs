//! Who asks, and who may.

use domain::hash::Hash;
use domain::names::Source;
use std::fmt;

/// Who may call a function. There is no default: each decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A person who operates the platform.
    Operator,
    /// A program with this scope.
    Service(Scope),
    /// An operator, or a program with this scope.
    OperatorOr(Scope),
}

/// What a program's token may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Recording events of the sources that the token names: `record:<source>`.
    Record,
    /// Reading and verifying the log: `read`.
    Read,
}

/// A scope as a token spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// `record:<source>`
    Record(Source),
    /// `read`
    Read,
}

impl Granted {
    /// Reads the scopes of a token, separated by spaces or commas.
    ///
    /// # Errors
    /// The first word that is none.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, String> {
        let words = list.split([' ', ',']).filter(|word| !word.is_empty());
        words
            .map(|word| match word.strip_prefix("record:") {
                Some(source) => match Source::new(source) {
                    Ok(source) if source.as_str() != Source::AUDIT => Ok(Self::Record(source)),
                    Ok(_) => Err(format!("`{word}`: the source `audit` is the log's own")),
                    Err(refusal) => Err(format!("`{word}`: {refusal}")),
                },
                None if word == "read" => Ok(Self::Read),
                None => Err(format!("`{word}` is no scope; use `record:<source>` or `read`")),
            })
            .collect()
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(source) => write!(f, "record:{}", source.as_str()),
            Self::Read => f.write_str("read"),
        }
    }
}

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A person who operates the platform.
    Operator,
    /// A program.
    Service,
}

impl Role {
    /// Reads the word of a token.
    pub fn new(word: &str) -> Option<Self> {
        match word {
            "operator" => Some(Self::Operator),
            "service" => Some(Self::Service),
            _ => None,
        }
    }

    /// As a token spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Service => "service",
        }
    }
}

/// Who calls, proven by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Issuer and subject: two of these are two people.
    pub subject: String,
    /// What they are.
    pub role: Role,
    /// What a program's token is good for; an operator needs none.
    pub scopes: Vec<Granted>,
}

impl Caller {
    /// Sources that the caller may record events of.
    pub fn sources(&self) -> Vec<Source> {
        let source = |granted: &Granted| match granted {
            Granted::Record(source) => Some(source.clone()),
            Granted::Read => None,
        };
        self.scopes.iter().filter_map(source).collect()
    }

    fn has(&self, scope: Scope) -> bool {
        self.role == Role::Service
            && self.scopes.iter().any(|granted| match granted {
                Granted::Record(_) => scope == Scope::Record,
                Granted::Read => scope == Scope::Read,
            })
    }
}

impl Access {
    /// Whether this caller may.
    pub fn allows(self, caller: &Caller) -> bool {
        match self {
            Self::Public => true,
            Self::Operator => caller.role == Role::Operator,
            Self::Service(scope) => caller.has(scope),
            Self::OperatorOr(scope) => caller.role == Role::Operator || caller.has(scope),
        }
    }

    /// Who may, for an error and for the OpenAPI document.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Public => "anybody",
            Self::Operator => "an operator",
            Self::Service(Scope::Record) => "a service with the scope `record:<source>`",
            Self::Service(Scope::Read) => "a service with the scope `read`",
            Self::OperatorOr(Scope::Record) => "an operator, or a service with the scope `record:<source>`",
            Self::OperatorOr(Scope::Read) => "an operator, or a service with the scope `read`",
        }
    }
}

/// Whether a shared secret was given. Hashes are compared, so that the time it takes says nothing.
pub fn is_secret(given: &[u8], wanted: &str) -> bool {
    Hash::of(given) == Hash::of(wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, scopes: &str) -> Caller {
        Caller { subject: "x".to_owned(), role, scopes: Granted::parse_list(scopes).expect("scopes") }
    }

    #[test]
    fn roles_and_scopes_open_their_own_doors_only() {
        let operator = caller(Role::Operator, "");
        let recorder = caller(Role::Service, "record:ocis");
        let reader = caller(Role::Service, "read");
        // An operator's token never carries scopes; should one, they open nothing.
        let odd = caller(Role::Operator, "record:ocis");
        for (access, allowed) in [
            (Access::Public, [true, true, true, true]),
            (Access::Operator, [true, false, false, true]),
            (Access::Service(Scope::Record), [false, true, false, false]),
            (Access::Service(Scope::Read), [false, false, true, false]),
            (Access::OperatorOr(Scope::Read), [true, false, true, true]),
        ] {
            let found = [&operator, &recorder, &reader, &odd].map(|caller| access.allows(caller));
            assert_eq!(found, allowed, "{access:?}");
        }
    }

    #[test]
    fn scopes_are_read_strictly() {
        let read = |list| Granted::parse_list(list).map(|g| g.iter().map(Granted::to_string).collect::<Vec<_>>());
        assert_eq!(read("record:ocis, read"), Ok(vec!["record:ocis".to_owned(), "read".to_owned()]));
        assert_eq!(read(""), Ok(Vec::new()));
        for bad in ["record", "record:", "record:audit", "Read", "write", "record:O C"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
