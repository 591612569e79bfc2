//! What a line holds that opens a door: the tokens of public links and of invitations.
//!
//! The log is kept for years and read by many, so a token never enters it, wherever in the line it
//! stands. Its SHA-256 does: whoever has the token can find what was done with it.

use super::actions::Subject;
use super::wire::Members;
use domain::hash::Hash;
use domain::json::{Object, Value};

/// Members that are a secret wherever they occur, in lower case.
const SECRET_MEMBERS: [&str; 3] = ["sharetoken", "token", "invitelink"];

/// A shorter secret is only looked for as a whole string: two letters stand in everything. The
/// tokens that OCIS makes have 15 letters and more.
const MIN_SOUGHT_BYTES: usize = 6;

/// A line has two or three. Looking for thousands in thousands of strings would take minutes, so
/// where there are more, all text counts as secret.
const MAX_SECRETS: usize = 16;

/// The secrets of one line.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    secrets: Vec<String>,
    /// Whether `ShareID` is the token of a link.
    share_id_is_token: bool,
    /// Whether the sentence may hold a secret.
    in_message: bool,
}

impl Secrets {
    /// What is secret in this line.
    pub(super) fn of(members: &Members, subject: Subject) -> Self {
        let sharing = matches!(subject, Subject::Share | Subject::Link);
        // The sentence of a sharing line consists of ids alone, so nobody can write this into it.
        let share_id_is_token = subject == Subject::Link
            || members.text("ShareType") == "link"
            || (sharing && members.text("Message").contains("public link"));
        let mut secrets = Vec::new();
        for (name, value) in members.iter() {
            let is_share_id = share_id_is_token && name.eq_ignore_ascii_case("ShareID");
            if is_share_id || is_secret(name) {
                collect(value, &mut secrets);
            }
        }
        let in_message = share_id_is_token || subject == Subject::Invite || !secrets.is_empty();
        Self { secrets, share_id_is_token, in_message }
    }

    /// The text, unless a secret stands in it.
    pub(super) fn without<'a>(&self, text: &'a str) -> Option<&'a str> {
        if self.secrets.len() > MAX_SECRETS {
            return None;
        }
        let holds =
            |secret: &String| text == secret || (secret.len() >= MIN_SOUGHT_BYTES && text.contains(secret.as_str()));
        (!self.secrets.iter().any(holds)).then_some(text)
    }

    /// The line without its secrets, and whether one stood where none was expected.
    pub(super) fn cut_out(&self, members: Members) -> (Members, bool) {
        let mut unexpected = false;
        let clean = members.filter_map(|name, value| {
            let is_message = self.in_message && name.eq_ignore_ascii_case("Message");
            if is_message || is_secret(name) {
                return None;
            }
            if self.share_id_is_token && name.eq_ignore_ascii_case("ShareID") {
                return value.as_str().filter(|token| !token.is_empty()).map(|token| digest(token).into());
            }
            if self.secrets.is_empty() {
                return Some(value);
            }
            let kept = self.without(name).and_then(|_| self.clean(&value, &mut unexpected));
            unexpected |= kept.is_none();
            kept
        });
        (clean, unexpected)
    }

    fn clean(&self, value: &Value, unexpected: &mut bool) -> Option<Value> {
        let kept = match value {
            Value::String(text) => self.without(text).map(Value::from),
            Value::Number(_) => self.without(&digits(value)).map(|_| value.clone()),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.clean(item, unexpected).unwrap_or(Value::Null));
                Some(Value::Array(items.collect()))
            }
            Value::Object(object) => {
                let mut kept = Vec::with_capacity(object.len());
                for (name, value) in object.iter() {
                    match self.without(name).and_then(|_| self.clean(value, unexpected)) {
                        Some(value) => kept.push((name.to_owned(), value)),
                        None => *unexpected = true,
                    }
                }
                Some(Object::from_members(kept).expect("some of the names of an object are unique").into())
            }
            Value::Null | Value::Bool(_) => Some(value.clone()),
        };
        *unexpected |= kept.is_none();
        kept
    }
}

/// How a secret, or an id too long for a key, is named in the log.
pub(super) fn digest(text: &str) -> String {
    format!("sha256:{}", Hash::of(text.as_bytes()).to_hex())
}

fn is_secret(name: &str) -> bool {
    SECRET_MEMBERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Whatever the type of a secret member, all that it is made of is secret.
fn collect(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => out.push(text.clone()),
        Value::Number(_) => out.push(digits(value)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
        Value::Object(object) => {
            for (name, value) in object.iter() {
                out.push(name.to_owned());
                collect(value, out);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn digits(number: &Value) -> String {
    String::from_utf8(number.canonical()).expect("RFC 8785 writes UTF-8")
}
