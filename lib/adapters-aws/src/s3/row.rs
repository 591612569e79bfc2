//! What is in the object of a row.

use ports::Version;

/// They give every write an ETag of its own.
const NONCE_BYTES: usize = 16;
/// What is left of a deleted row is as long as this, and no row is.
pub(super) const TOMBSTONE_BYTES: u64 = NONCE_BYTES as u64;
/// The kind of object that is a row. Its byte makes a row of an empty value longer than a tombstone.
const ROW: u8 = b'r';

/// Random bytes, and behind them the row; a tombstone where there is none.
pub(super) fn object(value: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = vec![0; NONCE_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    if let Some(value) = value {
        bytes.push(ROW);
        bytes.extend_from_slice(value);
    }
    bytes
}

/// The value of a row, or none of a tombstone; `None` if it is neither.
pub(super) fn value_of(object: &[u8]) -> Option<Option<&[u8]>> {
    match object.get(NONCE_BYTES..)?.split_first() {
        None => Some(None),
        Some((&ROW, value)) => Some(Some(value)),
        Some(_) => None,
    }
}

/// Anything else is no version that a store has given, and might mean more than itself in a header.
pub(super) fn can_be_etag(version: &Version) -> bool {
    !version.0.is_empty() && version.0.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_tombstones_differ_in_length_and_no_two_are_alike() {
        let (row, tombstone) = (object(Some(b"")), object(None));
        assert_eq!((row.len(), tombstone.len() as u64), (17, TOMBSTONE_BYTES));
        assert_ne!(object(None), tombstone);
        assert_eq!((value_of(&row), value_of(&tombstone)), (Some(Some(&b""[..])), Some(None)));
        assert_eq!(value_of(&object(Some(b"value"))), Some(Some(&b"value"[..])));
        assert_eq!((value_of(b"short"), value_of(b"put there by somebody else")), (None, None));
    }

    #[test]
    fn versions_are_what_stores_give() {
        assert!(can_be_etag(&Version("d41d8cd98f00b204e9800998ecf8427e-2".into())));
        for odd in ["", "\"", "a b", "a\r\nx: y", "é"] {
            assert!(!can_be_etag(&Version(odd.into())), "{odd:?}");
        }
    }
}
