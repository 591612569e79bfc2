//! The names of a table's objects: `encoded partition/encoded sort`, in the order of the bytes that they encode.
//!
//! Letters and digits stand for themselves. Every other byte is a mark and two hexadecimal digits, and the
//! mark stands where the byte would: `-` before the digits, `=` between digits and capitals, `_` between
//! capitals and small letters, `~` behind them. So no name needs escaping in a URL, in XML or in a header, and
//! the marks order what is behind them.

/// Every byte that a name can have, ascending; `/`, which is in no encoded part, is not among them.
pub(super) const ALPHABET: &[u8; 66] = b"-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

/// Most bytes in the name of an object, prefix and all.
pub(super) const MAX_NAME_BYTES: usize = 1024;

/// The text in the alphabet of names.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let mark = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                encoded.push(char::from(byte));
                continue;
            }
            ..b'0' => '-',
            b':'..=b'@' => '=',
            b'['..=b'`' => '_',
            b'{'.. => '~',
        };
        let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
        encoded.extend([mark, digit(byte >> 4), digit(byte & 15)]);
    }
    encoded
}

/// What was encoded; `None` if nothing has this encoding.
pub(super) fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'-' | b'=' | b'_' | b'~' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            plain => plain,
        });
    }
    let text = String::from_utf8(bytes).ok()?;
    // One name per text: another spelling would be another object for the same row.
    (encode(&text) == encoded).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_readable_where_they_can_be() {
        assert_eq!(encode("chain#main#0"), "chain-23main-230");
        assert_eq!(encode("A/b:c_d~é"), "A-2Fb=3Ac_5Fd~7E~C3~A9");
        assert!(ALPHABET.is_sorted());
    }

    #[test]
    fn what_nothing_encodes_to_is_not_decoded() {
        for odd in ["a/b", "-2", "-", "-41", "=23", "-2g", "-2f", "~FF", "a b", "é"] {
            assert_eq!(decode(odd), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn order_is_the_order_of_the_bytes(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.as_bytes().cmp(b.as_bytes()));
        }

        #[test]
        fn order_is_kept_among_neighbours(a in "[ -~]{0,4}", b in "[ -~]{0,4}") {
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.as_bytes().cmp(b.as_bytes()));
        }

        #[test]
        fn what_was_encoded_is_decoded(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|b| ALPHABET.contains(&b)));
            prop_assert_eq!(decode(&encoded), Some(text));
        }

        #[test]
        fn whatever_is_decoded_has_one_name(name in "[0-9A-Za-z=_~-]{0,9}") {
            if let Some(text) = decode(&name) {
                prop_assert_eq!(encode(&text), name);
            }
        }
    }
}
