//! What a committed block means for those who look things up: pure functions of its bytes.
//!
//! Everything here is bounded by admission, so deriving never fails on an event, however hostile:
//! keys hold hashes of foreign text, never the text.

use crate::archive::Range;
use crate::block::{Block, Header, views};
use crate::event::{Event, Identity};
use crate::hash::Hash;
use crate::json::{Refusal, Value};
use crate::names::Source;
use crate::time::Timestamp;

/// Greatest span of `at` within one entry: how far a reader must look past its cursor.
pub const ENTRY_SPAN_MILLIS: i64 = 10_000;
/// Places that one entry may name: more than a block has.
const MOST_PLACES: u32 = 4096;
/// The action by which an operator lets work go on after the table lost events.
pub const BREAK_ACCEPTED: &str = "audit.break_accepted";

/// By this a writer knows that an event is chained already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// What the chain records at most once.
    pub identity: Identity,
    /// Its block.
    pub block: u64,
    /// Its place.
    pub seq: u64,
    /// Of the members that the producer decided.
    pub digest: Hash,
}

impl Marker {
    /// The value of the row: `<block> <seq> <digest>`.
    pub fn to_value(&self) -> String {
        format!("{} {} {}", self.block, self.seq, self.digest)
    }

    /// Reads the value of a row.
    pub fn from_value(identity: Identity, value: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(value).ok()?.split(' ');
        let (block, seq) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let digest = Hash::from_hex(parts.next()?.as_bytes())?;
        parts.next().is_none().then_some(Self { identity, block, seq, digest })
    }
}

/// Events of one block that happened within [`ENTRY_SPAN_MILLIS`] of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Least `at` among them.
    pub at_min: Timestamp,
    /// Greatest `at` among them.
    pub at_max: Timestamp,
    /// Their places in the block, from 0, ascending.
    pub events: Vec<u32>,
}

impl Entry {
    /// The value of the row: `<atMin> <places>`, places as ranges such as `0-63,70`.
    pub fn to_value(&self) -> String {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for &event in &self.events {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == event => *end = event,
                _ => ranges.push((event, event)),
            }
        }
        let text = |(from, to): &(u32, u32)| if from == to { from.to_string() } else { format!("{from}-{to}") };
        format!("{} {}", self.at_min, ranges.iter().map(text).collect::<Vec<_>>().join(","))
    }

    /// Reads the value of a row.
    pub fn from_value(at_max: Timestamp, value: &[u8]) -> Option<Self> {
        let (at_min, places) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        let mut events = Vec::new();
        for range in places.split(',') {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
            if to < from || to >= MOST_PLACES || events.len() as u64 > u64::from(MOST_PLACES) {
                return None;
            }
            events.extend(from..=to);
        }
        Some(Self { at_min: Timestamp::parse(at_min).ok()?, at_max, events })
    }
}

/// An operator said that work may go on although the table lost the history up to this head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedBreak {
    /// `headSeq` and `headHash` of the checkpoint that vouches for what is lost; `None` where only
    /// derived rows spoke of it.
    pub lost: Option<(u64, Hash)>,
    /// The last event that was left.
    pub left_seq: u64,
    /// The event that says so.
    pub seq: u64,
}

/// The action by which an operator keeps lines from expiring.
pub const HOLD_PLACED: &str = "audit.hold_placed";
/// The action by which that ends.
pub const HOLD_RELEASED: &str = "audit.hold_released";

/// A legal hold begins or ends, by the log's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEvent {
    /// These events are held.
    Placed {
        /// First and last of them.
        range: Range,
    },
    /// They are not any more.
    Released {
        /// The event that placed it.
        hold: u64,
    },
}

impl HoldEvent {
    /// What a line says, if it is about a hold.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let event = Event::from_line(line).ok()?;
        if event.draft.source().as_str() != Source::AUDIT {
            return None;
        }
        let number = |name: &str| event.draft.metadata().get(name)?.as_u64();
        match event.draft.action().as_str() {
            HOLD_PLACED => Some(Self::Placed { range: Range { start: number("fromSeq")?, end: number("toSeq")? } }),
            HOLD_RELEASED => Some(Self::Released { hold: number("holdSeq")? }),
            _ => None,
        }
    }
}

/// Everything that is derived from one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// One per event.
    pub markers: Vec<Marker>,
    /// By time.
    pub entries: Vec<Entry>,
    /// Rare.
    pub accepted: Vec<AcceptedBreak>,
    /// Rare; each with the `seq` of its event.
    pub holds: Vec<(u64, HoldEvent)>,
}

impl Derived {
    /// How many rows it has beside markers and entries.
    pub fn rare(&self) -> usize {
        self.accepted.len() + self.holds.len()
    }
}

/// Derives from a block that was committed, and so has been checked in full by its writer.
///
/// # Errors
/// Only damaged bytes.
pub fn derive(block: &Block) -> Result<Derived, Refusal> {
    Ok(derive_lines(&block.header, &block.lines()?))
}

/// The same from its unpacked lines.
pub fn derive_lines(header: &Header, plain: &[u8]) -> Derived {
    let mut markers = Vec::new();
    let mut accepted = Vec::new();
    let mut holds = Vec::new();
    let mut times = Vec::new();
    for (place, view) in (0u32..).zip(views(plain)) {
        markers.push(Marker { identity: view.identity(), block: header.n, seq: view.seq, digest: view.draft_digest() });
        let at = std::str::from_utf8(view.at).ok().and_then(|at| Timestamp::parse(at).ok());
        times.push((at.unwrap_or(header.recorded_at), place));
        let rare = [BREAK_ACCEPTED, HOLD_PLACED, HOLD_RELEASED].iter().any(|action| view.action == action.as_bytes());
        if rare && view.source == Source::AUDIT.as_bytes() {
            let line = plain.split(|b| *b == b'\n').nth(place as usize).unwrap_or_default();
            accepted.extend(AcceptedBreak::of_line(line));
            holds.extend(HoldEvent::of_line(line).map(|hold| (view.seq, hold)));
        }
    }
    Derived { markers, entries: entries(times), accepted, holds }
}

/// The entries of a block whose events happened at these times: what is dropped when it is archived.
pub fn entries_at(times: &[[u8; 24]]) -> Vec<Entry> {
    let at = |text: &[u8; 24]| std::str::from_utf8(text).ok().and_then(|at| Timestamp::parse(at).ok());
    entries((0u32..).zip(times).filter_map(|(place, text)| Some((at(text)?, place))).collect())
}

fn entries(mut times: Vec<(Timestamp, u32)>) -> Vec<Entry> {
    times.sort_unstable();
    let mut entries: Vec<Entry> = Vec::new();
    for (at, place) in times {
        match entries.last_mut() {
            Some(entry) if at.unix_millis() - entry.at_min.unix_millis() <= ENTRY_SPAN_MILLIS => {
                entry.at_max = at;
                entry.events.push(place);
            }
            _ => entries.push(Entry { at_min: at, at_max: at, events: vec![place] }),
        }
    }
    entries.iter_mut().for_each(|entry| entry.events.sort_unstable());
    entries
}

impl AcceptedBreak {
    /// What a line says, if it is an acceptance by the log's own word.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let event = Event::from_line(line).ok()?;
        if event.draft.action().as_str() != BREAK_ACCEPTED || event.draft.source().as_str() != Source::AUDIT {
            return None;
        }
        let head = |name: &str| {
            let head = event.draft.metadata().get(name)?.as_object()?;
            let hash = head.get("hash").and_then(Value::as_str)?;
            Some((head.get("seq")?.as_u64()?, Hash::from_hex(hash.as_bytes())?))
        };
        Some(Self { lost: head("lostHead"), left_seq: head("tableHead")?.0, seq: event.seq })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Head, Writer};
    use crate::event::Draft;
    use crate::json::Object;
    use crate::names::{ChainName, EventId};
    use crate::testing::any_draft;
    use proptest::prelude::*;

    #[test]
    fn an_entry_names_its_places_in_ranges() {
        let at = |millis| Timestamp::from_unix_millis(millis).unwrap();
        let entry = |events: &[u32]| Entry { at_min: at(0), at_max: at(5), events: events.to_vec() };
        for (events, places) in
            [(&[0][..], "0"), (&[0, 1], "0-1"), (&[0, 2], "0,2"), (&[0, 1, 2, 5, 7, 8], "0-2,5,7-8"), (&[4095], "4095")]
        {
            let value = format!("1970-01-01T00:00:00.000Z {places}");
            assert_eq!(entry(events).to_value(), value);
            assert_eq!(Entry::from_value(at(5), value.as_bytes()), Some(entry(events)));
        }
        assert_eq!(Entry::from_value(at(5), b"1970-01-01T00:00:00.000Z 3-3"), Some(entry(&[3])));
        for places in ["", "x", "2-1", "1-", "-1", "4096", "0-4096", "4294967295", "0,", "0;1"] {
            let value = format!("1970-01-01T00:00:00.000Z {places}");
            assert_eq!(Entry::from_value(at(5), value.as_bytes()), None, "{places}");
        }
        assert_eq!(Entry::from_value(at(5), b"yesterday 0"), None);
        // However often a range is repeated, a row makes no list without end.
        let full = |ranges: usize| format!("1970-01-01T00:00:00.000Z {}", vec!["0-4095"; ranges].join(","));
        assert_eq!(Entry::from_value(at(5), full(2).as_bytes()).map(|entry| entry.events.len()), Some(8192));
        assert_eq!(Entry::from_value(at(5), full(3).as_bytes()), None);
    }

    #[test]
    fn an_entry_spans_ten_seconds_and_no_more() {
        let at = |millis| Timestamp::from_unix_millis(millis).unwrap();
        let made = entries(vec![(at(10_001), 0), (at(0), 3), (at(10_000), 2), (at(20_001), 1)]);
        let entry = |from, to, events: &[u32]| Entry { at_min: at(from), at_max: at(to), events: events.to_vec() };
        assert_eq!(made, [entry(0, 10_000, &[2, 3]), entry(10_001, 20_001, &[0, 1])]);
    }

    #[test]
    fn a_marker_is_three_words() {
        let identity = Identity(Hash::of(b"i"));
        let digest = Hash::of(b"d");
        let marker = Marker { identity, block: 7, seq: 70, digest };
        let value = format!("7 70 {digest}");
        assert_eq!(marker.to_value(), value);
        assert_eq!(Marker::from_value(identity, value.as_bytes()), Some(marker));
        for other in [format!("{value} 1"), format!("x 70 {digest}"), format!("7 x {digest}"), "7 70 x".to_owned()] {
            assert_eq!(Marker::from_value(identity, other.as_bytes()), None, "{other}");
        }
    }

    /// Only the log itself can say that work may go on.
    #[test]
    fn an_accepted_break_is_the_logs_own_word() {
        let head = |seq: u32, hash: &str| Value::from(Object::of([("seq", seq.into()), ("hash", hash.into())]));
        let hash = Hash::of(b"lost");
        let table = ("tableHead", head(4, &Hash::ZERO.to_hex()));
        let at = Timestamp::from_unix_millis(0).unwrap();
        let draft = |action: &str, metadata: Object| Draft::internal(action, "x".to_owned(), at, metadata).unwrap();
        let told = Object::of([table.clone(), ("lostHead", head(9, &hash.to_hex()))]);
        let both = draft(BREAK_ACCEPTED, told.clone());
        let mut posted = both.clone();
        posted.source = Source::new("platform-api").unwrap();
        posted.id = EventId::of_external(&posted.source, "x");
        let drafts = [
            draft("audit.archived", told.clone()),
            posted,
            both,
            draft(BREAK_ACCEPTED, Object::of([table.clone(), ("lostHead", Value::Null)])),
            draft(BREAK_ACCEPTED, Object::of([table, ("lostHead", head(9, "no hash"))])),
            draft(BREAK_ACCEPTED, Object::of([("lostHead", head(9, &hash.to_hex()))])),
        ];
        let chain = ChainName::new("c").unwrap();
        let writer = Writer { chain: &chain, writer: "w", nonce: "n".into(), now: at, threads: 0 };
        let (block, _) = Block::build(&writer, &Head::EMPTY, &drafts.iter().collect::<Vec<_>>());
        let accepted = |lost, seq| AcceptedBreak { lost, left_seq: 4, seq };
        let wanted = [accepted(Some((9, hash)), 3), accepted(None, 4), accepted(None, 5)];
        assert_eq!(derive(&block).unwrap().accepted, wanted);
        let read: Vec<_> =
            (1..=6).filter_map(|seq| AcceptedBreak::of_line(&block.line(seq).unwrap().unwrap())).collect();
        assert_eq!(read, wanted);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// No admissible event can make deriving fail, hide an event, or make a row that cannot be
        /// read back.
        #[test]
        fn deriving_is_total(drafts in prop::collection::vec(any_draft(), 1..80)) {
            let chain = ChainName::new("c").unwrap();
            let now = Timestamp::from_unix_millis(0).unwrap();
            let writer = Writer { chain: &chain, writer: "w", nonce: "n".into(), now, threads: 0 };
            let (block, taken) = Block::build(&writer, &Head::EMPTY, &drafts.iter().collect::<Vec<_>>());
            let derived = derive(&block).unwrap();
            prop_assert_eq!(derived.markers.len(), taken);
            let mut places: Vec<u32> = derived.entries.iter().flat_map(|e| e.events.clone()).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..u32::try_from(taken).unwrap()).collect::<Vec<_>>());
            for entry in &derived.entries {
                prop_assert!(entry.at_max.unix_millis() - entry.at_min.unix_millis() <= ENTRY_SPAN_MILLIS);
                prop_assert_eq!(Entry::from_value(entry.at_max, entry.to_value().as_bytes()), Some(entry.clone()));
                for place in &entry.events {
                    let at = drafts[*place as usize].at();
                    prop_assert!(entry.at_min <= at && at <= entry.at_max);
                }
            }
            for (marker, draft) in derived.markers.iter().zip(&drafts) {
                prop_assert_eq!(marker.identity, draft.identity(&chain));
                prop_assert_eq!(marker.digest, draft.digest());
                prop_assert_eq!(Marker::from_value(marker.identity, marker.to_value().as_bytes()), Some(*marker));
            }
        }
    }
}
