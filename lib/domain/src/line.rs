//! Reading a stored line as bytes.
//!
//! A line is canonical because the writer and the signer parsed it in full before they vouched for
//! it. Everybody after them only hashes it and looks at a few members, found from both ends of the
//! line: the members have one order, and only `metadata`, in the middle, has a free shape.

use crate::event::{HASH_MEMBER_BYTES, Identity};
use crate::hash::Hash;

/// The members that a walk looks at, as they stand in the line. Strings keep their JSON escapes.
#[derive(Debug, Clone, Copy)]
pub struct LineView<'a, H = Hash> {
    line: &'a [u8],
    /// Where `"chain":` starts.
    chain_at: usize,
    /// Where `"hash":` starts: the line without its `hash` member is hashed.
    hash_at: usize,
    /// Where `"prevHash":` starts.
    prev_at: usize,
    /// Where `"resourceId":` starts.
    resource_at: usize,
    /// Where `"seq":` and `"source":` start.
    seq_at: usize,
    source_at: usize,
    /// When it happened: 24 bytes.
    pub at: &'a [u8],
    /// The chain's name.
    pub chain: &'a [u8],
    /// The external id with its quotes, `None` for null.
    pub external_id: Option<&'a [u8]>,
    /// The producer's id, with its quotes.
    pub id: &'a [u8],
    /// The stored hash.
    pub hash: H,
    /// The stored hash of the event before.
    pub prev_hash: H,
    /// When it was chained: 24 bytes.
    pub recorded_at: &'a [u8],
    /// Position.
    pub seq: u64,
    /// The source's name.
    pub source: &'a [u8],
    /// The action.
    pub action: &'a [u8],
}

/// Hashes as their 64 bytes of text, which a walk only has to compare.
pub(crate) type TextView<'a> = LineView<'a, &'a [u8]>;

impl<'a> LineView<'a> {
    /// Finds the members of one line (LF not included); `None` if it has not the shape of one.
    pub fn of(line: &'a [u8]) -> Option<Self> {
        let text = TextView::of_text(line)?;
        let (hash, prev_hash) = (Hash::from_hex(text.hash)?, Hash::from_hex(text.prev_hash)?);
        let TextView { line, chain_at, hash_at, prev_at, resource_at, seq_at, source_at, .. } = text;
        let TextView { at, chain, external_id, id, recorded_at, seq, source, action, .. } = text;
        Some(Self {
            line,
            chain_at,
            hash_at,
            prev_at,
            resource_at,
            seq_at,
            source_at,
            at,
            chain,
            external_id,
            id,
            hash,
            prev_hash,
            recorded_at,
            seq,
            source,
            action,
        })
    }
}

impl<'a> TextView<'a> {
    /// The same without a look at whether the hashes are hex.
    #[inline(always)]
    pub(crate) fn of_text(line: &'a [u8]) -> Option<Self> {
        let mut head = Head { line, at: 0 };
        head.expect(b"{\"action\":")?;
        let action = unquoted(head.string()?);
        head.expect(b",\"actorEmail\":")?;
        head.optional()?;
        head.expect(b",\"actorId\":")?;
        head.optional()?;
        head.expect(b",\"actorIp\":")?;
        head.optional()?;
        head.expect(b",\"actorType\":")?;
        head.string()?;
        head.expect(b",\"at\":\"")?;
        let at = head.take(24)?;
        head.expect(b"\",")?;
        let chain_at = head.at;
        head.expect(b"\"chain\":")?;
        let chain = unquoted(head.string()?);
        head.expect(b",\"externalId\":")?;
        let external_id = head.optional()?;
        head.expect(b",")?;
        let hash_at = head.at;
        head.expect(b"\"hash\":\"")?;
        let hash = head.take(64)?;
        head.expect(b"\",\"id\":")?;
        let id = head.take(38)?;
        head.expect(b",\"metadata\":{")?;
        let metadata_at = head.at;

        let mut tail = Tail { line, end: line.len() };
        tail.expect(b",\"v\":1}")?;
        tail.optional()?;
        tail.expect(b"\"tenantSlug\":")?;
        tail.expect(b",")?;
        let source = unquoted(tail.string()?);
        tail.expect(b"\"source\":")?;
        let source_at = tail.end;
        tail.expect(b",")?;
        let seq = tail.number()?;
        tail.expect(b"\"seq\":")?;
        let seq_at = tail.end;
        tail.expect(b",")?;
        tail.optional()?;
        tail.expect(b"\"resourceType\":")?;
        tail.expect(b",")?;
        tail.optional()?;
        tail.expect(b"\"resourceName\":")?;
        tail.expect(b",")?;
        tail.optional()?;
        tail.expect(b"\"resourceId\":")?;
        let resource_at = tail.end;
        tail.expect(b"\",")?;
        let recorded_at = tail.take(24)?;
        tail.expect(b"\"recordedAt\":\"")?;
        tail.expect(b"\",")?;
        let prev_hash = tail.take(64)?;
        tail.expect(b"\"prevHash\":\"")?;
        let prev_at = tail.end;
        // Both ends must leave the metadata between them, or they have read the same bytes twice.
        (metadata_at <= prev_at).then_some(Self {
            line,
            chain_at,
            hash_at,
            prev_at,
            resource_at,
            seq_at,
            source_at,
            at,
            chain,
            external_id,
            id,
            hash,
            prev_hash,
            recorded_at,
            seq,
            source,
            action,
        })
    }
}

impl<H> LineView<'_, H> {
    /// SHA-256 over the line without its `hash` member.
    #[inline]
    pub fn computed_hash(&self) -> Hash {
        let rest = self.hash_at + HASH_MEMBER_BYTES;
        Hash::of_pieces(&[&self.line[..self.hash_at], &self.line[rest..]])
    }

    /// The same, by way of a buffer that is used again.
    #[inline]
    pub(crate) fn computed_hash_in(&self, scratch: &mut Vec<u8>) -> Hash {
        let rest = self.hash_at + HASH_MEMBER_BYTES;
        Hash::of_two(&self.line[..self.hash_at], &self.line[rest..], scratch)
    }

    /// What the chain records at most once.
    pub fn identity(&self) -> Identity {
        match self.external_id {
            Some(quoted) => Identity::of_raw(self.chain, self.source, "x", quoted),
            None => Identity::of_raw(self.chain, self.source, "i", self.id),
        }
    }

    /// SHA-256 over the members that the producer decided: equal to the digest of its draft.
    pub fn draft_digest(&self) -> Hash {
        let line = self.line;
        let chain_end = self.chain_at + "\"chain\":\"\",".len() + self.chain.len();
        let hash_end = self.hash_at + HASH_MEMBER_BYTES;
        let end = line.len() - ",\"v\":1}".len();
        Hash::of_pieces(&[
            &line[..self.chain_at],
            &line[chain_end..self.hash_at],
            &line[hash_end..self.prev_at],
            &line[self.resource_at..self.seq_at],
            &line[self.source_at..end],
            b"}",
        ])
    }
}

fn unquoted(string: &[u8]) -> &[u8] {
    &string[1..string.len() - 1]
}

/// Reads forwards.
struct Head<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Head<'a> {
    /// Takes an array, whose length is known, so that no call is made to compare a few bytes.
    #[inline(always)]
    fn expect<const N: usize>(&mut self, wanted: &[u8; N]) -> Option<()> {
        let there: &[u8; N] = self.line.get(self.at..)?.first_chunk()?;
        (there == wanted).then(|| self.at += N)
    }

    #[inline(always)]
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let taken = self.line.get(self.at..self.at + bytes)?;
        self.at += bytes;
        Some(taken)
    }

    #[inline(always)]
    fn optional(&mut self) -> Option<Option<&'a [u8]>> {
        if self.expect(b"null").is_some() {
            return Some(None);
        }
        self.string().map(Some)
    }

    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        if *self.line.get(start)? != b'"' {
            return None;
        }
        let mut at = start + 1;
        loop {
            // Eight bytes at once: short strings end without a branch per byte.
            if let Some(eight) = self.line.get(at..).and_then(<[u8]>::first_chunk) {
                let word = u64::from_le_bytes(*eight);
                let stops = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES);
                if stops == 0 {
                    at += 8;
                    continue;
                }
                at += stops.trailing_zeros() as usize / 8;
            }
            match *self.line.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        Some(&self.line[start..self.at])
    }
}

/// Reads backwards.
struct Tail<'a> {
    line: &'a [u8],
    end: usize,
}

impl<'a> Tail<'a> {
    #[inline(always)]
    fn expect<const N: usize>(&mut self, wanted: &[u8; N]) -> Option<()> {
        let there: &[u8; N] = self.line[..self.end].last_chunk()?;
        (there == wanted).then(|| self.end -= N)
    }

    #[inline(always)]
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let start = self.end.checked_sub(bytes)?;
        let taken = &self.line[start..self.end];
        self.end = start;
        Some(taken)
    }

    #[inline(always)]
    fn optional(&mut self) -> Option<()> {
        // A string ends in a quote, so `null` cannot be the end of one.
        if self.expect(b"null").is_some() {
            return Some(());
        }
        self.string().map(drop)
    }

    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let close = self.end.checked_sub(1)?;
        if self.line[close] != b'"' {
            return None;
        }
        let mut quote = close;
        loop {
            if let Some(eight) = self.line[..quote].last_chunk() {
                let stops = zero_bytes(u64::from_be_bytes(*eight) ^ QUOTES);
                if stops == 0 {
                    quote -= 8;
                    continue;
                }
                quote -= stops.trailing_zeros() as usize / 8;
            }
            quote = quote.checked_sub(1)?;
            if self.line[quote] == b'"' && escapes_before(self.line, quote).is_multiple_of(2) {
                self.end = quote;
                return Some(&self.line[quote..=close]);
            }
        }
    }

    #[inline(always)]
    fn number(&mut self) -> Option<u64> {
        let digits = self.line[..self.end].iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let start = self.end - digits;
        let text = &self.line[start..self.end];
        // The first event has seq 1, so that no number starts with a zero.
        if digits == 0 || digits > 16 || text[0] == b'0' {
            return None;
        }
        self.end = start;
        Some(text.iter().fold(0, |value, b| value * 10 + u64::from(b - b'0')))
    }
}

const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);

/// The top bit of the lowest zero byte, and perhaps of bytes above it.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
}

/// How many backslashes stand right before `at`.
fn escapes_before(line: &[u8], at: usize) -> usize {
    line[..at].iter().rev().take_while(|b| **b == b'\\').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Place};
    use crate::names::ChainName;
    use crate::testing::any_draft;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_whole_and_its_seq_a_number_without_ornament() {
        let chain = ChainName::new("c").unwrap();
        let recorded_at = Timestamp::from_unix_millis(0).unwrap();
        let draft = crate::event::Draft::internal("a", "x".to_owned(), recorded_at, Default::default()).unwrap();
        let (line, _) = draft.seal(&Place { chain: &chain, seq: 7, recorded_at, prev_hash: Hash::ZERO });
        for cut in 0..line.len() {
            assert!(LineView::of(&line[..cut]).is_none() && LineView::of(&line[cut + 1..]).is_none(), "{cut}");
        }
        let line = String::from_utf8(line).unwrap();
        let seq = |text: &str| {
            let line = line.replace("\"seq\":7", &format!("\"seq\":{text}"));
            LineView::of(line.as_bytes()).map(|view| view.seq)
        };
        for (text, value) in [("7", 7), ("10", 10), ("9999999999999999", 9_999_999_999_999_999)] {
            assert_eq!(seq(text), Some(value), "{text}");
        }
        for text in ["", "0", "07", "00", "-7", "+7", "7.0", "\"7\"", "10000000000000000", "99999999999999999999999"] {
            assert_eq!(seq(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_bytes_say_what_the_parsed_event_says(draft in any_draft(), seq in 1u64..=9_007_199_254_740_991) {
            let chain = ChainName::new("test.chain-1").unwrap();
            let recorded_at = Timestamp::parse("2026-11-25T13:07:09.125Z").unwrap();
            let place = Place { chain: &chain, seq, recorded_at, prev_hash: Hash::of(b"before") };
            let (line, hash) = draft.seal(&place);
            let view = LineView::of(&line).unwrap();
            let event = Event::from_line(&line).unwrap();
            prop_assert_eq!(&event.draft, &draft);
            prop_assert_eq!((view.hash, view.computed_hash()), (hash, hash));
            prop_assert_eq!(view.computed_hash_in(&mut b"spent".to_vec()), hash);
            prop_assert_eq!(view.prev_hash, Hash::of(b"before"));
            prop_assert_eq!(view.seq, seq);
            prop_assert_eq!(view.at, &draft.at().to_bytes());
            prop_assert_eq!(view.recorded_at, &recorded_at.to_bytes());
            prop_assert_eq!(view.identity(), draft.identity(&chain));
            prop_assert_eq!(view.draft_digest(), draft.digest());
            prop_assert_eq!(view.action, draft.action().as_str().as_bytes());
        }

        /// Whatever single byte is changed: the view fails, or the hash does.
        #[test]
        fn no_changed_byte_keeps_its_hash(draft in any_draft(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let chain = ChainName::new("c").unwrap();
            let recorded_at = Timestamp::from_unix_millis(0).unwrap();
            let place = Place { chain: &chain, seq: 7, recorded_at, prev_hash: Hash::ZERO };
            let (mut line, _) = draft.seal(&place);
            let at = at.index(line.len());
            prop_assume!(line[at] != to);
            line[at] = to;
            let intact = LineView::of(&line).is_some_and(|view| view.computed_hash() == view.hash);
            prop_assert!(!intact);
        }

        #[test]
        fn the_lowest_flag_is_at_the_lowest_zero_byte(bytes in any::<[u8; 8]>(), zeros in any::<u8>()) {
            let mut bytes = bytes;
            (0..8).filter(|i| zeros >> i & 1 == 1).for_each(|i| bytes[i] = 0);
            let flags = zero_bytes(u64::from_le_bytes(bytes));
            let first = bytes.iter().position(|b| *b == 0);
            prop_assert_eq!((flags != 0).then(|| flags.trailing_zeros() as usize / 8), first);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = LineView::of(&bytes);
        }
    }
}
