//! What serde_json would round or refuse in an otherwise good line, put right before it looks.
//!
//! A number that no double holds becomes a string of its digits; half a surrogate pair becomes
//! U+FFFD. Everything else is left to serde_json to judge.

use domain::json::Number;
use std::borrow::Cow;

/// The text to parse, and whether characters had to be replaced in it.
pub(super) fn mend(text: &str) -> (Cow<'_, str>, bool) {
    let mut mender = Mender { text, at: 0, copied: 0, out: String::new(), replaced: false };
    mender.run();
    if mender.copied == 0 {
        return (Cow::Borrowed(text), false);
    }
    mender.out.push_str(&text[mender.copied..]);
    (Cow::Owned(mender.out), mender.replaced)
}

struct Mender<'a> {
    text: &'a str,
    at: usize,
    /// How much of the text is in `out` already.
    copied: usize,
    out: String,
    replaced: bool,
}

impl Mender<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => self.string(),
                b'-' | b'0'..=b'9' => self.number(),
                _ => self.at += 1,
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Replaces the `length` bytes from here on.
    fn replace(&mut self, length: usize, by: &str) {
        self.out.push_str(&self.text[self.copied..self.at]);
        self.out.push_str(by);
        self.at += length;
        self.copied = self.at;
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => match (self.unit(0), self.unit(6)) {
                    (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => self.at += 12,
                    (Some(0xD800..=0xDFFF), _) => {
                        self.replaced = true;
                        self.replace(6, "\\ufffd");
                    }
                    _ => self.at += 2,
                },
                _ => self.at += 1,
            }
        }
    }

    /// The code unit of a `\uXXXX` that stands `ahead` bytes from here.
    fn unit(&self, ahead: usize) -> Option<u16> {
        let escape = self.text.as_bytes().get(self.at + ahead..self.at + ahead + 6)?;
        let digits = escape.strip_prefix(b"\\u")?.iter().all(u8::is_ascii_hexdigit).then_some(&escape[2..])?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    fn number(&mut self) {
        let length = number_length(&self.text.as_bytes()[self.at..]);
        let token = &self.text[self.at..self.at + length];
        // A quoted member name would turn an error into JSON.
        let names_member = self.text[self.at + length..].trim_start().starts_with(':');
        if length == 0 {
            self.at += 1;
        } else if survives(token) || names_member {
            self.at += length;
        } else {
            self.replace(length, &format!("\"{token}\""));
        }
    }
}

/// Whether the number means the same after serde_json and after RFC 8785. serde_json reads
/// fractions fast and not always to the last bit.
fn survives(token: &str) -> bool {
    Number::from_text(token).is_ok() && serde_json::from_str::<f64>(token).ok() == token.parse::<f64>().ok()
}

/// How many bytes of the start are a number in the grammar of RFC 8259; 0 where there is none.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|b| wanted.contains(b));
    let whole = usize::from(is(0, b"-"));
    let mut end = match bytes.get(whole) {
        Some(b'0') => whole + 1,
        Some(b'1'..=b'9') => whole + digits(whole),
        _ => return 0,
    };
    if is(end, b".") && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if is(end, b"eE") {
        let exponent = end + 1 + usize::from(is(end + 1, b"+-"));
        if exponent < bytes.len() && digits(exponent) > 0 {
            end = exponent + digits(exponent);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_that_would_change_become_their_digits() {
        for (given, wanted) in [
            (r#"{"a":1,"b":[-2,0.5,1e3]}"#, r#"{"a":1,"b":[-2,0.5,1e3]}"#),
            ("9007199254740991", "9007199254740991"),
            ("9007199254740992", r#""9007199254740992""#),
            ("[18446744073709551616,1]", r#"["18446744073709551616",1]"#),
            (r#"{"a": 1e400 }"#, r#"{"a": "1e400" }"#),
            ("0.30000000000000000001", r#""0.30000000000000000001""#),
            (r#""1e400 \" 1e400""#, r#""1e400 \" 1e400""#),
            (r#"{1e400:1}"#, r#"{1e400:1}"#),
            ("[01]", "[01]"),
            ("-", "-"),
            ("1e", "1e"),
            ("1.", "1."),
        ] {
            assert_eq!(mend(given), (Cow::Borrowed(wanted), false), "{given}");
        }
    }

    #[test]
    fn half_surrogate_pairs_become_replacement_characters() {
        for (given, wanted) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00x\ud83""#, r#""\ufffdx\ud83""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\ud83dä\"#, r#""\ufffdä\"#),
        ] {
            assert_eq!(mend(given), (Cow::Borrowed(wanted), given != wanted), "{given}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_no_json_becomes_json(text in r#"[\[\]{}":,0-9eE+.\- ]{0,24}"#) {
            if serde_json::from_str::<serde_json::Value>(&mend(&text).0).is_ok() {
                let judged = serde_json::from_str::<serde_json::Value>(&text);
                prop_assert!(judged.as_ref().err().is_none_or(|e| e.to_string().contains("out of range")), "{judged:?}");
            }
        }

        #[test]
        fn any_text_can_be_looked_at(text in r#"[\\"uUdD8cC0eä🦊\-1.]{0,40}"#) {
            let _ = mend(&text);
        }
    }
}
