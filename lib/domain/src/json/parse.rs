//! A strict RFC 8259 reader that says exactly what it refuses and where.
//!
//! serde_json keeps the last of two duplicate members and rounds numbers; both would let two
//! different documents share one hash. The pointer of a refusal is put together on the way out, so
//! that a good document pays nothing for it.

use super::{Number, Object, Refusal, Value};

/// Bounds of one reading.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Greatest nesting; the outermost array or object is depth 1.
    pub depth: usize,
    /// Greatest length of one string or member name, in bytes of UTF-8.
    pub string_bytes: usize,
}

impl Limits {
    /// What admission takes from producers.
    pub const ADMISSION: Limits = Limits { depth: 32, string_bytes: 8 * 1024 };
    /// What the format allows in principle; the depth only guards the reader's stack.
    pub const FORMAT: Limits = Limits { depth: 128, string_bytes: usize::MAX };
    /// An array of up to a thousand events, each within [`Limits::ADMISSION`].
    pub const BATCH: Limits = Limits { depth: 33, string_bytes: 8 * 1024 };
}

/// Reads one JSON document.
///
/// # Errors
/// The first thing that the public format cannot hold, with an RFC 6901 pointer to it.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Refusal::new("invalid-utf8", format!("byte {} is not UTF-8", error.valid_up_to())))?;
    let mut parser = Parser { text, at: 0, limits };
    parser.skip_space();
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.syntax("the document goes on after its value"));
    }
    Ok(value)
}

/// Reads one document piece by piece.
pub(crate) struct Parser<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
}

impl<'a> Parser<'a> {
    /// At the start of a text of [`Limits::FORMAT`].
    pub(crate) fn of(text: &'a str) -> Self {
        Self { text, at: 0, limits: Limits::FORMAT }
    }

    /// Exactly these characters.
    pub(crate) fn literal(&mut self, wanted: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(wanted.as_bytes()).then(|| self.at += wanted.len())
    }

    /// A string without escapes, as it stands.
    pub(crate) fn plain_string(&mut self) -> Option<&'a str> {
        self.literal("\"")?;
        let start = self.at;
        let length = self.text.as_bytes()[start..].iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20))?;
        self.at += length;
        self.literal("\"")?;
        Some(&self.text[start..start + length])
    }

    /// A string or null.
    pub(crate) fn optional_string(&mut self) -> Option<Option<String>> {
        if self.literal("null").is_some() {
            return Some(None);
        }
        (self.peek() == Some(b'"')).then(|| self.string().ok().map(Some))?
    }

    /// An object.
    pub(crate) fn any_object(&mut self) -> Option<Object> {
        (self.peek() == Some(b'{')).then(|| self.object(2).ok())?
    }

    /// A number that is a whole one, not negative.
    pub(crate) fn any_integer(&mut self) -> Option<u64> {
        self.number().ok()?.as_u64()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn syntax(&self, what: &str) -> Refusal {
        Refusal::new("invalid-json", format!("{what}, at byte {}", self.at))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Refusal> {
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?).map(Value::Object),
            Some(b'[') => self.array(self.deeper(depth)?).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.syntax("no JSON value starts with this character")),
            None => Err(self.syntax("a value is missing")),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Refusal> {
        if depth == self.limits.depth {
            let detail = format!("nested deeper than {} levels", self.limits.depth);
            return Err(Refusal::new("too-deep", detail));
        }
        Ok(depth + 1)
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Refusal> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.syntax("no JSON value starts with this character"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, Refusal> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            self.skip_space();
            let item = self.value(depth).map_err(|e| e.within(&items.len().to_string()))?;
            items.push(item);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.syntax("an array needs `,` or `]` here")),
            }
        }
        self.at += 1;
        Ok(items)
    }

    fn object(&mut self, depth: usize) -> Result<Object, Refusal> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Object::default());
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.syntax("an object needs a member name in quotes here"));
            }
            let name = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.syntax("a member name needs `:` after it").within(&name));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value(depth).map_err(|e| e.within(&name))?;
            members.push((name, value));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.syntax("an object needs `,` or `}` here")),
            }
        }
        self.at += 1;
        Object::from_members(members).map_err(|name| {
            Refusal::new("duplicate-member", "this member stands twice; readers would disagree on which one counts")
                .within(&name)
        })
    }

    fn number(&mut self) -> Result<Number, Refusal> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.syntax("a number needs a digit here")),
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.syntax("a number has no leading zero"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Number::from_text(&self.text[start..self.at])
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        self.digits();
        if self.at == start { Err(self.syntax("a number needs a digit here")) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, Refusal> {
        self.at += 1;
        let bytes = self.text.as_bytes();
        let mut out = String::new();
        loop {
            let start = self.at;
            while let Some(&byte) = bytes.get(self.at) {
                if byte == b'"' || byte == b'\\' || byte < 0x20 {
                    break;
                }
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.syntax("a control character in a string needs an escape")),
                None => return Err(self.syntax("a string does not end")),
            }
        }
        self.at += 1;
        if out.len() > self.limits.string_bytes {
            let detail = format!("{} bytes long; at most {} bytes are taken", out.len(), self.limits.string_bytes);
            return Err(Refusal::new("string-too-long", detail));
        }
        Ok(out)
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        self.at += 1;
        let kind = self.peek();
        self.at += 1;
        Ok(match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.syntax("no such escape in JSON")),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Refusal> {
        let lone = || Refusal::new("lone-surrogate", "half of a surrogate pair stands alone");
        let unit = self.four_hex()?;
        let code = match unit {
            0 => return Err(Refusal::new("nul-character", "U+0000 is not taken in a string")),
            0xD800..=0xDBFF => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(lone());
                }
                self.at += 2;
                let low = self.four_hex()?;
                if !(0xDC00..=0xDFFF).contains(&low) {
                    return Err(lone());
                }
                0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            }
            _ => unit,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    fn four_hex(&mut self) -> Result<u32, Refusal> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let unit = digits
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit))
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u32::from_str_radix(d, 16).ok())
            .ok_or_else(|| self.syntax("`\\u` needs four hex digits"))?;
        self.at += 4;
        Ok(unit)
    }
}
