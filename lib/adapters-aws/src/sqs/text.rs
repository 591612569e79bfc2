//! Bodies as SQS takes them: never empty, and only of the characters that XML has.
//!
//! A character that it refuses becomes U+E000, which nobody uses, and a letter; so does U+E000 itself.
//! Text without control characters grows by no more than a third.

const MARK: char = '\u{e000}';
const EMPTY: char = 'e';

/// The letter of a character that cannot stand for itself.
fn letter(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => None,
        '\0'..='\u{1f}' => char::from_u32(u32::from(c) + u32::from('@')),
        '\u{fffe}' => Some('a'),
        '\u{ffff}' => Some('b'),
        MARK => Some('c'),
        _ => None,
    }
}

/// What a letter stands for.
fn meant(letter: char) -> Option<char> {
    match letter {
        '@'..='_' => char::from_u32(u32::from(letter) - u32::from('@')),
        'a' => Some('\u{fffe}'),
        'b' => Some('\u{ffff}'),
        'c' => Some(MARK),
        _ => None,
    }
}

/// The body to send.
pub(super) fn escape(body: &str) -> String {
    if body.is_empty() {
        return String::from_iter([MARK, EMPTY]);
    }
    let mut escaped = String::with_capacity(body.len());
    for c in body.chars() {
        match letter(c) {
            Some(letter) => escaped.extend([MARK, letter]),
            None => escaped.push(c),
        }
    }
    escaped
}

/// The body that was sent. What others sent, and means nothing here, stays as it is.
pub(super) fn unescape(body: &str) -> String {
    let mut sent = String::with_capacity(body.len());
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().filter(|_| c == MARK);
        if next == Some(EMPTY) {
            chars.next();
        } else if let Some(meant) = next.and_then(meant) {
            chars.next();
            sent.push(meant);
        } else {
            sent.push(c);
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::MAX_BODY_BYTES;
    use proptest::prelude::*;

    fn taken(c: char) -> bool {
        matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    }

    fn check(body: &str) {
        let escaped = escape(body);
        assert!(!escaped.is_empty() && escaped.chars().all(taken), "{body:?}");
        assert_eq!(unescape(&escaped), body);
    }

    #[test]
    fn every_character_survives() {
        check("");
        let all: String = ('\0'..=char::MAX).collect();
        check(&all);
        for c in ('\0'..='\u{ff}').chain('\u{d700}'..='\u{e100}').chain('\u{ff00}'..='\u{10010}') {
            check(&c.to_string());
            check(&format!("{c}{c}@"));
        }
    }

    #[test]
    fn the_largest_body_without_controls_still_fits() {
        let body = "\u{ffff}".repeat(MAX_BODY_BYTES / 3);
        assert_eq!(body.len(), MAX_BODY_BYTES);
        assert_eq!(escape(&body).len(), 256 * 1024);
        let json = r#"{"a":"ä\n"}"#;
        assert_eq!(escape(json), json);
    }

    #[test]
    fn what_others_sent_stays() {
        for foreign in ["\u{e000}", "\u{e000}z", "x\u{e000}\u{e000}", "plain"] {
            assert_eq!(unescape(foreign), foreign);
        }
    }

    proptest! {
        #[test]
        fn any_body_survives(body in "[\0-\u{20}a-e@\u{e000}\u{fffd}-\u{10001}]{0,40}") {
            check(&body);
        }

        #[test]
        fn two_bodies_never_look_alike(one in "[\0-\u{2}e@A\u{e000}]{0,4}", two in "[\0-\u{2}e@A\u{e000}]{0,4}") {
            prop_assert_eq!(escape(&one) == escape(&two), one == two);
        }
    }
}
