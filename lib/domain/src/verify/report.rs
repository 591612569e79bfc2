//! The answer of a verification.

use crate::archive::Range;
use crate::hash::Hash;
use crate::json::{Object, Value};

/// Breaks that a report lists; more are counted.
const LISTED: usize = 1000;

/// What is broken; the words and their meaning are part of the public format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakKind {
    /// An event was changed in place, or its line is not its own canonical form.
    EventHashMismatch,
    /// Numbers are missing or repeat.
    EventSeqGap,
    /// An event was exchanged before this one.
    EventPrevHashMismatch,
    /// `recordedAt` falls, `chain` changes, or (`source`, `externalId`) repeats.
    EventOrderMismatch,
    /// Stored bytes are damaged.
    BlockUnreadable,
    /// A block's header disagrees with its lines.
    BlockHeaderMismatch,
    /// A checkpoint was changed, or signed with a key that may not.
    CheckpointSignatureMismatch,
    /// History before a checkpoint was rewritten and re-chained.
    CheckpointHeadMismatch,
    /// A checkpoint was removed or reordered.
    CheckpointChainMismatch,
    /// A checkpoint vouches for events that are gone.
    TailTruncated,
    /// A manifest was swapped, changed or signed with another key.
    ArchiveManifestMismatch,
    /// Archived lines were changed, cut short or are missing.
    ArchiveContentMismatch,
    /// A derived entry hides or invents an event.
    IndexMismatch,
    /// An exported file is not what its companion says.
    CompanionMismatch,
}

impl BreakKind {
    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventHashMismatch => "event-hash-mismatch",
            Self::EventSeqGap => "event-seq-gap",
            Self::EventPrevHashMismatch => "event-prev-hash-mismatch",
            Self::EventOrderMismatch => "event-order-mismatch",
            Self::BlockUnreadable => "block-unreadable",
            Self::BlockHeaderMismatch => "block-header-mismatch",
            Self::CheckpointSignatureMismatch => "checkpoint-signature-mismatch",
            Self::CheckpointHeadMismatch => "checkpoint-head-mismatch",
            Self::CheckpointChainMismatch => "checkpoint-chain-mismatch",
            Self::TailTruncated => "tail-truncated",
            Self::ArchiveManifestMismatch => "archive-manifest-mismatch",
            Self::ArchiveContentMismatch => "archive-content-mismatch",
            Self::IndexMismatch => "index-mismatch",
            Self::CompanionMismatch => "companion-mismatch",
        }
    }
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// What.
    pub kind: BreakKind,
    /// At which event, for breaks of events, blocks and the index.
    pub seq: Option<u64>,
    /// At which checkpoint's head, for breaks of checkpoints.
    pub head_seq: Option<u64>,
    /// In which block.
    pub block: Option<u64>,
    /// In which archive.
    pub archive: Option<Range>,
    /// Which member.
    pub member: Option<&'static str>,
    /// What the rest of the data says should be there.
    pub expected: Option<String>,
    /// What was found or computed.
    pub actual: Option<String>,
}

impl Break {
    pub(super) fn new(kind: BreakKind) -> Self {
        Self { kind, seq: None, head_seq: None, block: None, archive: None, member: None, expected: None, actual: None }
    }

    /// A break at an event.
    pub fn at_event(kind: BreakKind, seq: u64) -> Self {
        Self { seq: Some(seq), ..Self::new(kind) }
    }

    /// A break at a checkpoint.
    pub fn at_checkpoint(kind: BreakKind, head_seq: u64) -> Self {
        Self { head_seq: Some(head_seq), ..Self::new(kind) }
    }

    /// A manifest that is not the one which the chain names, or that disagrees with what it describes.
    pub fn of_manifest(archive: Range) -> Self {
        Self { archive: Some(archive), ..Self::new(BreakKind::ArchiveManifestMismatch) }
    }

    /// Archived lines that are not there, from this event on.
    pub fn of_archive(archive: Range, seq: u64) -> Self {
        Self { archive: Some(archive), ..Self::at_event(BreakKind::ArchiveContentMismatch, seq) }
    }

    /// A member of a companion that is not that of its file.
    pub fn of_companion(member: &'static str, expected: String, actual: String) -> Self {
        Self {
            member: Some(member),
            expected: Some(expected),
            actual: Some(actual),
            ..Self::new(BreakKind::CompanionMismatch)
        }
    }

    pub(super) fn hashes(mut self, expected: Hash, actual: Hash) -> Self {
        self.expected = Some(expected.to_hex());
        // Zeros stand for "has no hash": the bytes are no event.
        self.actual = (actual != Hash::ZERO).then(|| actual.to_hex());
        self
    }

    /// As the members of the format, absent ones left out.
    pub fn to_value(&self) -> Value {
        let mut object = Object::of([("kind", self.kind.as_str().into())]);
        let number = |n: Option<u64>| n.and_then(Value::integer);
        for (name, value) in [
            ("seq", number(self.seq)),
            ("headSeq", number(self.head_seq)),
            ("block", number(self.block)),
            ("startSeq", number(self.archive.map(|archive| archive.start))),
            ("endSeq", number(self.archive.map(|archive| archive.end))),
            ("member", self.member.map(Value::from)),
            ("expected", self.expected.as_deref().map(Value::from)),
            ("actual", self.actual.as_deref().map(Value::from)),
        ] {
            if let Some(value) = value {
                object.insert(name, value);
            }
        }
        object.into()
    }
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Everything that could be looked at holds, and nothing was left out.
    Intact,
    /// Something does not hold.
    Broken,
    /// What was looked at holds; something could not be looked at.
    Incomplete,
}

impl Status {
    /// The word of the HTTP answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Broken => "broken",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether a copy of a checkpoint from outside the checked data was compared.
    pub anchored: bool,
    /// Events whose line, hash, number and link hold.
    pub events_verified: u64,
    /// Lines that were there.
    pub events_total: u64,
    /// Events of archived blocks of which only the header was looked at.
    pub events_archived: u64,
    /// Archives that were read, and hold.
    pub archives_verified: u64,
    /// Archives whose lines are gone because their time was over.
    pub expired: Vec<Range>,
    /// Checkpoints that hold in every respect.
    pub checkpoints_verified: u64,
    /// `seq` and stored hash of the last line.
    pub head: Option<(u64, Hash)>,
    /// Events after the newest checkpoint that holds.
    pub unsigned_tail: u64,
    /// Greatest and least `seq` that were there.
    pub first_seq: Option<u64>,
    /// The first break in `seq` order.
    pub first_break: Option<Break>,
    /// All breaks in that order, the first thousand of them.
    pub breaks: Vec<Break>,
    /// How many breaks there are.
    pub breaks_total: u64,
    /// What could not be looked at, for a person.
    pub missing: Vec<String>,
}

impl Report {
    /// Adds what was found beside the lines, behind everything that was found in them.
    pub fn add(&mut self, found: Break) {
        self.breaks_total += 1;
        self.first_break.get_or_insert_with(|| found.clone());
        if self.breaks.len() < LISTED {
            self.breaks.push(found);
        }
    }

    /// The verdict.
    pub fn status(&self) -> Status {
        if self.breaks_total > 0 {
            Status::Broken
        } else if self.missing.is_empty() {
            Status::Intact
        } else {
            Status::Incomplete
        }
    }
}

/// Collects breaks under their place, keeps the first thousand and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Breaks {
    found: Vec<Found>,
    total: u64,
}

#[derive(Debug)]
struct Found {
    /// The order of the report: by `seq`, then by kind.
    place: (u64, u8),
    /// A checkpoint that was changed may claim any head; its true place is known with the next.
    movable: bool,
    what: Break,
}

impl BreakKind {
    /// At one `seq`: events before block headers before checkpoints, and of these the signature first.
    fn rank(self) -> u8 {
        match self {
            Self::BlockHeaderMismatch => 1,
            Self::CheckpointSignatureMismatch => 2,
            Self::CheckpointChainMismatch => 3,
            Self::CheckpointHeadMismatch => 4,
            Self::TailTruncated => 5,
            _ => 0,
        }
    }
}

impl Breaks {
    pub(super) fn add(&mut self, what: Break) {
        self.add_found(what, false);
    }

    /// A break whose place is not certain yet.
    pub(super) fn add_movable(&mut self, what: Break) {
        self.add_found(what, true);
    }

    fn add_found(&mut self, what: Break, movable: bool) {
        let start = what.archive.map(|archive| archive.start);
        let seq = what.seq.or(what.head_seq).or(start).unwrap_or_default();
        self.total += 1;
        self.found.push(Found { place: (seq, what.kind.rank()), movable, what });
        if self.found.len() >= 2 * LISTED {
            self.found.sort_by_key(|found| found.place);
            self.found.truncate(LISTED);
        }
    }

    /// Settles the movable breaks: none stands after `seq`.
    pub(super) fn settle(&mut self, seq: u64) {
        for found in self.found.iter_mut().filter(|found| found.movable) {
            found.place.0 = found.place.0.min(seq);
            found.movable = false;
        }
    }

    pub(super) fn finish(mut self) -> (Vec<Break>, u64) {
        self.found.sort_by_key(|found| found.place);
        self.found.truncate(LISTED);
        (self.found.into_iter().map(|found| found.what).collect(), self.total)
    }
}
