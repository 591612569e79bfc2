//! Cursors: where a list goes on, authenticated, so that nobody else's and no made-up one is taken.

use base64::prelude::*;
use domain::hash::Hash;
use domain::json::{Limits, Object, Value, parse};
use domain::time::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of the authentication code that a cursor carries.
const TAG: usize = 16;

/// The cursor is not one that this list gave to this caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this cursor was not made by this list for this caller and these parameters; start without one")]
pub struct CursorError;

/// Where a page of a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// `at` of the last event that was given out, or up to which all were.
    pub at: Timestamp,
    /// Its `seq`; events of the same `at` with a smaller one are still to come.
    pub seq: u64,
    /// The head at the first page: later events are not for this walk.
    pub as_of: u64,
}

impl Cursor {
    /// As text, for this caller and this query only. Numbers beyond 2^53 − 1, which no chain reaches,
    /// make a text that opens nowhere.
    pub fn seal(&self, key: &[u8; 32], query: &str, caller: &str) -> String {
        let number = |n| Value::integer(n).unwrap_or(Value::Null);
        let body =
            Object::of([("at", self.at.to_string().into()), ("seq", number(self.seq)), ("asOf", number(self.as_of))])
                .canonical();
        seal(&body, key, query, caller)
    }

    /// Reads one that [`Cursor::seal`] made for the same caller and query.
    ///
    /// # Errors
    /// Any other text.
    pub fn open(text: &str, key: &[u8; 32], query: &str, caller: &str) -> Result<Self, CursorError> {
        let value = open(text, key, query, caller)?;
        let member = |name| value.as_object().and_then(|o| o.get(name)).ok_or(CursorError);
        let at = member("at")?.as_str().and_then(|at| Timestamp::parse(at).ok());
        Ok(Self {
            at: at.ok_or(CursorError)?,
            seq: member("seq")?.as_u64().ok_or(CursorError)?,
            as_of: member("asOf")?.as_u64().ok_or(CursorError)?,
        })
    }
}

/// A body as text, for this caller and this query only.
pub(crate) fn seal(body: &[u8], key: &[u8; 32], query: &str, caller: &str) -> String {
    let tag = tag(key, body, query, caller);
    BASE64_URL_SAFE_NO_PAD.encode([&tag.finalize().into_bytes()[..TAG], body].concat())
}

/// The body of a text that [`seal`] made for the same caller and query.
pub(crate) fn open(text: &str, key: &[u8; 32], query: &str, caller: &str) -> Result<Value, CursorError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
    let (code, body) = bytes.split_at_checked(TAG).ok_or(CursorError)?;
    tag(key, body, query, caller).verify_truncated_left(code).map_err(|_| CursorError)?;
    parse(body, Limits::ADMISSION).map_err(|_| CursorError)
}

fn tag(key: &[u8; 32], body: &[u8], query: &str, caller: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    // Hashes have one length, so that no two triples run together to the same bytes.
    mac.update(&Hash::of(query.as_bytes()).0);
    mac.update(&Hash::of(caller.as_bytes()).0);
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cursor_that_was_given_is_taken() {
        let at = Timestamp::parse("2026-11-25T12:00:00Z").expect("a time");
        let cursor = Cursor { at, seq: 7, as_of: 90 };
        let text = cursor.seal(&[1; 32], "limit=10", "anna");
        assert_eq!(Cursor::open(&text, &[1; 32], "limit=10", "anna"), Ok(cursor));
        assert_eq!(Cursor::open(&text, &[2; 32], "limit=10", "anna"), Err(CursorError));
        assert_eq!(Cursor::open(&text, &[1; 32], "limit=11", "anna"), Err(CursorError));
        assert_eq!(Cursor::open(&text, &[1; 32], "limit=10", "bo"), Err(CursorError));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).expect("base64");
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let other = BASE64_URL_SAFE_NO_PAD.encode(other);
            assert_eq!(Cursor::open(&other, &[1; 32], "limit=10", "anna"), Err(CursorError), "bit {bit}");
        }
        for text in ["", "x", "AAAA", "é"] {
            assert_eq!(Cursor::open(text, &[1; 32], "", ""), Err(CursorError));
        }
    }
}
