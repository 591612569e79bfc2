//! Parameters: declared once, read and documented from that.

use crate::problem::Fault;
use api::{FieldProblem, ProblemCode};
use domain::time::Timestamp;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A segment of the path.
    Path,
    /// The query.
    Query,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within these bounds, both included.
    Integer(u64, u64),
    /// An RFC 3339 time.
    Time,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
}

/// A parameter of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, in camel case.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it may be.
    pub kind: Kind,
    /// What it means, and its default.
    pub description: &'static str,
}

/// The greatest `seq` that the format can hold.
pub(crate) const MAX_SEQ: u64 = (1 << 53) - 1;

/// A request that works on a log of which event 1 is archived and event 2 places a hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Example {
    /// The path with its parameters filled in.
    pub path: &'static str,
    /// Parameters of the query.
    pub query: &'static [(&'static str, &'static str)],
    /// The body.
    pub body: Option<serde_json::Value>,
}

/// Parameters that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given(BTreeMap<&'static str, String>);

impl Given {
    /// Reads path parameters and query. Every one must be declared, once, and be what it may be; all
    /// problems are reported.
    ///
    /// # Errors
    /// `unknown-parameter` or `invalid-parameter`.
    pub fn read(
        declared: &'static [Parameter],
        path: &[(&'static str, String)],
        query: Option<&str>,
    ) -> Result<Self, Fault> {
        let mut given = BTreeMap::new();
        let mut errors = Vec::new();
        let mut code = ProblemCode::InvalidParameter;
        let pairs = query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (Place::Query, decode(name), decode(value))
        });
        let path = path.iter().map(|(name, value)| (Place::Path, (*name).to_owned(), value.clone()));
        for (place, name, value) in path.chain(query) {
            let wrong =
                |code: &str, detail| FieldProblem { pointer: format!("?{name}"), code: code.to_owned(), detail };
            let Some(parameter) = declared.iter().find(|p| p.place == place && p.name == name) else {
                code = ProblemCode::UnknownParameter;
                errors.push(wrong("unknown-parameter", known(declared)));
                continue;
            };
            if let Err(detail) = check(parameter.kind, &value) {
                errors.push(wrong("invalid-parameter", detail));
            } else if given.insert(parameter.name, value).is_some() {
                errors.push(wrong("repeated-parameter", "give it once".to_owned()));
            }
        }
        match errors.first() {
            None => Ok(Self(given)),
            Some(first) => Err(Fault::new(code, format!("{}: {}", first.pointer, first.detail)).with(errors)),
        }
    }

    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The number of a parameter that was declared as one.
    pub fn integer(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// The time of a parameter that was declared as one.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        Timestamp::parse(self.text(name)?).ok()
    }
}

fn known(declared: &[Parameter]) -> String {
    let names: Vec<&str> = declared.iter().filter(|p| p.place == Place::Query).map(|p| p.name).collect();
    match names.as_slice() {
        [] => "this path takes no parameters".to_owned(),
        names => format!("this path knows {}", names.join(", ")),
    }
}

fn check(kind: Kind, value: &str) -> Result<(), String> {
    match kind {
        Kind::Integer(least, greatest) => {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            let number = value.parse().ok().filter(|n| digits && (least..=greatest).contains(n));
            number.map(drop).ok_or_else(|| format!("a whole number from {least} to {greatest} belongs here"))
        }
        Kind::Time => Timestamp::parse(value).map(drop).map_err(|error| error.to_string()),
        Kind::Word(words) if words.contains(&value) => Ok(()),
        Kind::Word(words) => Err(format!("one of these belongs here: {}", words.join(", "))),
        Kind::Text => Ok(()),
    }
}

/// A part of a query. `+` stands for a space, as browsers and most libraries write it; a time with a
/// bare `+` offset is therefore read with a space, and taken as if it had been written right.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8_lossy().into_owned();
    match decoded.rsplit_once(' ') {
        Some((time, offset)) if offset.len() == 5 && Timestamp::parse(&format!("{time}+{offset}")).is_ok() => {
            format!("{time}+{offset}")
        }
        _ => decoded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &[Parameter] = &[
        Parameter { name: "seq", place: Place::Path, kind: Kind::Integer(1, MAX_SEQ), description: "" },
        Parameter { name: "limit", place: Place::Query, kind: Kind::Integer(1, 500), description: "" },
        Parameter { name: "before", place: Place::Query, kind: Kind::Time, description: "" },
        Parameter { name: "as", place: Place::Query, kind: Kind::Word(&["lines", "companion"]), description: "" },
    ];

    #[test]
    fn parameters_are_read_strictly_and_all_problems_are_named() {
        let read = |query: &str| Given::read(DECLARED, &[("seq", "7".to_owned())], Some(query));
        let given = read("limit=500&before=2026-11-25T12:00:00%2B01:00&as=lines").expect("good ones");
        assert_eq!(
            (given.integer("seq"), given.integer("limit"), given.text("as")),
            (Some(7), Some(500), Some("lines"))
        );
        assert_eq!(given.time("before"), Timestamp::parse("2026-11-25T11:00:00Z").ok());
        let bare = read("before=2026-11-25T12:00:00+01:00").expect("a bare plus");
        assert_eq!(bare.time("before"), given.time("before"));
        for (query, code, pointers) in [
            ("limit=0", ProblemCode::InvalidParameter, vec!["?limit"]),
            ("limit=501", ProblemCode::InvalidParameter, vec!["?limit"]),
            ("limit=+5", ProblemCode::InvalidParameter, vec!["?limit"]),
            ("limit=", ProblemCode::InvalidParameter, vec!["?limit"]),
            ("limit", ProblemCode::InvalidParameter, vec!["?limit"]),
            ("limit=5&limit=6", ProblemCode::InvalidParameter, vec!["?limit"]),
            ("before=yesterday&as=csv", ProblemCode::InvalidParameter, vec!["?before", "?as"]),
            ("Limit=5&limit=x", ProblemCode::UnknownParameter, vec!["?Limit", "?limit"]),
            ("seq=7", ProblemCode::UnknownParameter, vec!["?seq"]),
        ] {
            let fault = read(query).expect_err(query);
            let found: Vec<&str> = fault.errors.iter().map(|e| e.pointer.as_str()).collect();
            assert_eq!((fault.code, found), (code, pointers), "{query}");
        }
        assert!(Given::read(DECLARED, &[("seq", "0".to_owned())], None).is_err());
        assert!(Given::read(&[], &[], Some("&&")).is_ok());
    }
}
