//! Cursors of lists, which callers hold, and places in logs, which a table holds.

use crate::{CURSOR_CALLER, CURSOR_KEY, CURSOR_QUERY};
use domain::hash::Hash;
use domain::time::Timestamp;
use services::ingest::FileCursor;
use services::{Cursor, CursorError};

/// Greatest number that a cursor can hold.
const MAX: u64 = (1 << 53) - 1;

/// The data as the text of a list's cursor, as a change of one, and as the row of a log.
pub fn cursor(data: &[u8]) -> bool {
    sealed(data);
    let text = std::str::from_utf8(data).is_ok_and(text);
    place(data) || text
}

/// Whatever opens is exactly what was sealed, and opens for nobody else.
fn text(text: &str) -> bool {
    let Ok(cursor) = Cursor::open(text, &CURSOR_KEY, CURSOR_QUERY, CURSOR_CALLER) else { return false };
    assert_eq!(cursor.seal(&CURSOR_KEY, CURSOR_QUERY, CURSOR_CALLER), text, "two texts of one cursor");
    check_others(text);
    true
}

fn check_others(text: &str) {
    for (key, query, caller) in [
        (&[8; 32], CURSOR_QUERY, CURSOR_CALLER),
        (&CURSOR_KEY, "", CURSOR_CALLER),
        (&CURSOR_KEY, CURSOR_QUERY, "bo"),
        (&CURSOR_KEY, CURSOR_CALLER, CURSOR_QUERY),
    ] {
        assert_eq!(Cursor::open(text, key, query, caller), Err(CursorError), "somebody else's cursor opens");
    }
}

/// A cursor that the start of the data says, changed as the rest of it says.
fn sealed(data: &[u8]) {
    let digest = Hash::of(data).0;
    let word = |at: usize| {
        let bytes = data.get(at * 8..at * 8 + 8).unwrap_or(&digest[at * 8..at * 8 + 8]);
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    };
    let millis = i64::try_from(word(0) % 253_402_300_800_000).expect("before the year 10000");
    let at = Timestamp::from_unix_millis(millis).expect("after 1970");
    let cursor = Cursor { at, seq: word(1) & MAX, as_of: word(2) & MAX };
    let good = cursor.seal(&CURSOR_KEY, CURSOR_QUERY, CURSOR_CALLER);
    assert_eq!(Cursor::open(&good, &CURSOR_KEY, CURSOR_QUERY, CURSOR_CALLER), Ok(cursor), "a cursor opens");
    let mut changed = good.clone().into_bytes();
    for pair in data.get(24..).unwrap_or_default().as_chunks::<2>().0.iter().take(8) {
        let length = changed.len().max(1);
        match (pair[1], usize::from(pair[0]) % length) {
            (0..=2, at) => changed.truncate(at),
            (3..=5, at) => changed.insert(at.min(changed.len()), pair[0]),
            (6..=8, _) => changed.push(b'='),
            (byte, at) => changed.iter_mut().skip(at).take(1).for_each(|there| *there = byte),
        }
    }
    let Ok(changed) = String::from_utf8(changed) else { return };
    let opened = Cursor::open(&changed, &CURSOR_KEY, CURSOR_QUERY, CURSOR_CALLER);
    assert_eq!(opened.is_ok(), changed == good, "a cursor that nobody gave out opens: {changed}");
    check_others(&good);
}

/// The row of a log: what is taken is written as something that says the same.
fn place(data: &[u8]) -> bool {
    let Some(cursor) = FileCursor::from_value(data) else { return false };
    let written = cursor.to_value();
    let again = FileCursor::from_value(&written).expect("a written row is taken");
    assert_eq!(again.to_value(), written, "a written row is no fixed point");
    assert_eq!((&again.generation, &again.file, again.offset), (&cursor.generation, &cursor.file, cursor.offset));
    assert_eq!(again.counts, cursor.counts);
    assert!(again.names.iter().eq(cursor.names.iter()), "names of spaces are lost");
    // It becomes part of keys and of external ids.
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    assert!(cursor.generation.len() == 16 && hex(&cursor.generation), "a life of another name");
    assert!(cursor.offset <= MAX);
    true
}
