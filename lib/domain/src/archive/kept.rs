//! What is kept of an archive whose lines expired: the headers of its blocks, and those of the log's own
//! events by which holds, accepted breaks and the archives themselves are known. No event of a producer.

use crate::block::Header;
use crate::json::Refusal;
use crate::line::LineView;
use crate::names::Source;

/// Actions of the events that stay.
const KEPT: [&str; 6] = [
    crate::derived::BREAK_ACCEPTED,
    crate::derived::HOLD_PLACED,
    crate::derived::HOLD_RELEASED,
    "audit.archived",
    "audit.archive_expired",
    "audit.archive_verification_failed",
];

/// As it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Of all blocks, in order.
    pub headers: Vec<Header>,
    /// Lines of the log's own events, each with its LF, in order.
    pub lines: Vec<u8>,
}

impl Kept {
    /// Takes up a block: its header, and of its lines those of the log itself.
    pub fn add(&mut self, header: &Header, plain: &[u8]) {
        self.headers.push(header.clone());
        for line in plain.split_inclusive(|b| *b == b'\n') {
            let view = line.strip_suffix(b"\n").and_then(LineView::of);
            let stays = |view: LineView<'_>| {
                view.source == Source::AUDIT.as_bytes() && KEPT.iter().any(|action| action.as_bytes() == view.action)
            };
            if view.is_some_and(stays) {
                self.lines.extend_from_slice(line);
            }
        }
    }

    /// The bytes of the object: headers, then events, a line each.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.headers.iter().flat_map(|header| [&header.bytes()[..], b"\n"].concat()).collect();
        bytes.extend_from_slice(&self.lines);
        bytes
    }

    /// Reads such an object.
    ///
    /// # Errors
    /// A line that is neither a header nor an event.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut kept = Self::default();
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            if let Some(view) = LineView::of(text) {
                if view.computed_hash() != view.hash {
                    return Err(Refusal::new("archive-mismatch", "a line that was kept does not hold"));
                }
                kept.lines.extend_from_slice(line);
            } else {
                kept.headers.push(Header::parse(text)?);
            }
        }
        Ok(kept)
    }

    /// The lines that stand in this block.
    pub fn lines_of(&self, header: &Header) -> Vec<u8> {
        let within = |line: &&[u8]| {
            let view = line.strip_suffix(b"\n").and_then(LineView::of);
            view.is_some_and(|view| (header.first_seq..=header.last_seq()).contains(&view.seq))
        };
        self.lines.split_inclusive(|b| *b == b'\n').filter(within).flatten().copied().collect()
    }

    /// The line of event `seq`, without its LF, if it is one of the log's own.
    pub fn line(&self, seq: u64) -> Option<&[u8]> {
        self.lines.split(|b| *b == b'\n').find(|line| LineView::of(line).is_some_and(|view| view.seq == seq))
    }
}
