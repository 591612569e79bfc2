//! Members of small bodies: read one by one, so that all that is wrong is reported at once.

use crate::problem::Fault;
use api::{FieldProblem, ProblemCode};
use domain::json::{Object, Value};

/// The members of a body.
pub(crate) struct Members<'a> {
    object: Option<&'a Object>,
    known: Vec<&'static str>,
    errors: Vec<FieldProblem>,
}

impl<'a> Members<'a> {
    /// Of this body, which should be an object.
    pub(crate) fn of(body: &'a Value) -> Self {
        let mut members = Self { object: body.as_object(), known: Vec::new(), errors: Vec::new() };
        if members.object.is_none() {
            members.wrong("", "wrong-type", "an object belongs here");
        }
        members
    }

    /// `null` is no member.
    fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object?.get(name).filter(|value| **value != Value::Null)
    }

    fn wrong(&mut self, pointer: &str, code: &str, detail: impl Into<String>) {
        let (pointer, code, detail) = (pointer.to_owned(), code.to_owned(), detail.into());
        self.errors.push(FieldProblem { pointer, code, detail });
    }

    /// `true` or `false`, if it is there.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(*flag),
            _ => {
                self.wrong(&format!("/{name}"), "wrong-type", "`true` or `false` belongs here");
                None
            }
        }
    }

    /// A whole number within these bounds, both included, if it is there.
    pub(crate) fn number<N: TryFrom<u64>>(&mut self, name: &'static str, least: u64, greatest: u64) -> Option<N> {
        let value = self.take(name)?;
        let number = value.as_u64().filter(|number| (least..=greatest).contains(number));
        let number = number.and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            let code = if matches!(value, Value::Number(_)) { "out-of-range" } else { "wrong-type" };
            self.wrong(&format!("/{name}"), code, format!("a whole number from {least} to {greatest} belongs here"));
        }
        number
    }

    /// A string, if it is there.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.take(name)?;
        if value.as_str().is_none() {
            self.wrong(&format!("/{name}"), "wrong-type", "a string belongs here");
        }
        value.as_str()
    }

    /// The same member, which has to be there.
    pub(crate) fn required<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        let pointer = format!("/{name}");
        if value.is_none() && self.object.is_some() && self.errors.iter().all(|error| error.pointer != pointer) {
            self.wrong(&pointer, "missing-member", "this member has to be there");
        }
        value
    }

    /// Says what is wrong, members that nobody asked for included.
    ///
    /// # Errors
    /// `invalid-body`, with all of it.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        let names = self.object.into_iter().flat_map(Object::iter).map(|(name, _)| name);
        let unknown: Vec<String> = names.filter(|name| !self.known.contains(name)).map(escape).collect();
        for name in unknown {
            let detail = format!("this body knows {}", self.known.join(", "));
            self.wrong(&format!("/{name}"), "unknown-member", detail);
        }
        match self.errors.first() {
            None => Ok(()),
            Some(first) => {
                let detail = format!("{}: {}; nothing was done", pointed(&first.pointer), first.detail);
                Err(Fault::new(ProblemCode::InvalidBody, detail).with(self.errors))
            }
        }
    }
}

fn pointed(pointer: &str) -> &str {
    if pointer.is_empty() { "the body" } else { pointer }
}

/// A name within a pointer, RFC 6901.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::json::{Limits, parse};

    type Read = (Option<bool>, Option<u32>, Option<String>);

    fn read(body: &str) -> Result<Read, Vec<(String, String)>> {
        let body = parse(body.as_bytes(), Limits::ADMISSION).expect("JSON");
        let mut members = Members::of(&body);
        let flag = members.flag("flag");
        let number = members.number("number", 1, 9);
        let text = members.text("text").map(str::to_owned);
        let text = members.required("text", text);
        let errors = members.finish().map_err(|fault| {
            assert_eq!(fault.code, ProblemCode::InvalidBody);
            fault.errors.into_iter().map(|error| (error.pointer, error.code)).collect()
        });
        errors.map(|()| (flag, number, text))
    }

    #[test]
    fn all_that_is_wrong_with_a_body_is_said_at_once() {
        let text = Some("x".to_owned());
        assert_eq!(read(r#"{"flag":true,"number":9,"text":"x"}"#), Ok((Some(true), Some(9), text.clone())));
        assert_eq!(read(r#"{"flag":null,"number":null,"text":"x"}"#), Ok((None, None, text)));
        for (body, wrong) in [
            ("7", vec![("", "wrong-type")]),
            ("[]", vec![("", "wrong-type")]),
            ("{}", vec![("/text", "missing-member")]),
            (r#"{"text":7}"#, vec![("/text", "wrong-type")]),
            (r#"{"text":"x","number":0}"#, vec![("/number", "out-of-range")]),
            (r#"{"text":"x","number":10}"#, vec![("/number", "out-of-range")]),
            (r#"{"text":"x","number":1.5}"#, vec![("/number", "out-of-range")]),
            (r#"{"text":"x","number":-1}"#, vec![("/number", "out-of-range")]),
            (r#"{"text":"x","number":"5"}"#, vec![("/number", "wrong-type")]),
            (r#"{"flag":1,"text":"x","a/b~c":1}"#, vec![("/flag", "wrong-type"), ("/a~1b~0c", "unknown-member")]),
        ] {
            let wrong = wrong.into_iter().map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).collect();
            assert_eq!(read(body), Err(wrong), "{body}");
        }
    }
}
