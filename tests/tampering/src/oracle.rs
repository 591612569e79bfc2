//! What `docs/format.md` demands of an answer. Every kind of edit says itself which event it broke, and
//! how; here are the words for that, and what section 8 says of checkpoints over lines that hold.

use crate::body::Body;
use crate::log::{Line, roots};
use crate::scene::Scene;
use domain::checkpoint::Checkpoint;
use domain::hash::Hash;
use domain::verify::{Break, BreakKind, Report, Status};
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// The answer that is wanted.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The first break to the last member, or none.
    pub first: Option<Break>,
    /// Whether something from outside was compared.
    pub anchored: bool,
    /// Demanded of intact answers only: behind a break, how much still holds depends on the walk.
    pub unsigned_tail: u64,
}

impl Expected {
    /// The first of `breaks` in the order of section 8.
    pub(crate) fn of(scene: &Scene<'_>, anchors: &[Checkpoint], breaks: Vec<Break>) -> Self {
        let first = breaks.into_iter().min_by_key(place);
        // A copy counts as compared if its event lies in the stated range, or behind an open end.
        let start = scene.end.map_or(1, |_| scene.first);
        let within = |c: &Checkpoint| c.head_seq >= start && scene.end.is_none_or(|end| c.head_seq <= end);
        Self { first, anchored: anchors.iter().any(within), unsigned_tail: 0 }
    }

    /// As [`Expected::of`], for lines that hold under these checkpoints and anchors.
    pub(crate) fn tail(mut self, lines: &[Rc<Line>], given: Option<&[Checkpoint]>, anchors: &[Checkpoint]) -> Self {
        let there = |c: &&Checkpoint| lines.iter().any(|line| line.event.seq == c.head_seq);
        let newest = given.into_iter().flatten().chain(anchors).filter(there).map(|c| c.head_seq).max();
        self.unsigned_tail = lines.last().map_or(0, |line| line.event.seq).saturating_sub(newest.unwrap_or(0));
        self
    }

    /// What of `report` is not as wanted.
    ///
    /// # Errors
    /// The two, in words.
    pub fn compare(&self, report: &Report) -> Result<(), String> {
        let status = if self.first.is_some() { Status::Broken } else { Status::Intact };
        let tail = self.first.is_none().then_some(self.unsigned_tail);
        let holds = report.status() == status
            && report.first_break == self.first
            && self.anchored == report.anchored
            && tail.is_none_or(|tail| tail == report.unsigned_tail && report.events_verified == report.events_total);
        if holds {
            return Ok(());
        }
        let words = |first: &Option<Break>| {
            first
                .as_ref()
                .map_or("none".to_owned(), |b| String::from_utf8_lossy(&b.to_value().canonical()).into_owned())
        };
        Err(format!(
            "wanted: {} anchored {} unsigned tail {tail:?}\nfound:  {} anchored {} unsigned tail {} ({} of {} events hold, {} breaks)",
            words(&self.first),
            self.anchored,
            words(&report.first_break),
            report.anchored,
            report.unsigned_tail,
            report.events_verified,
            report.events_total,
            report.breaks_total,
        ))
    }
}

/// "Ordered by `seq`, at the same `seq` events before block headers before checkpoints, and of these in
/// the order signature, chain, head, tail."
fn place(found: &Break) -> (u64, u8) {
    let rank = match found.kind {
        BreakKind::BlockHeaderMismatch => 1,
        BreakKind::CheckpointSignatureMismatch => 2,
        BreakKind::CheckpointChainMismatch => 3,
        BreakKind::CheckpointHeadMismatch => 4,
        BreakKind::TailTruncated => 5,
        _ => 0,
    };
    (found.seq.or(found.head_seq).unwrap_or_default(), rank)
}

pub(crate) fn gap(seq: u64, block: Option<u64>) -> Break {
    Break { block, ..Break::at_event(BreakKind::EventSeqGap, seq) }
}

pub(crate) fn order(seq: u64, member: &'static str, block: Option<u64>) -> Break {
    Break { block, member: Some(member), ..Break::at_event(BreakKind::EventOrderMismatch, seq) }
}

pub(crate) fn link(seq: u64, before: Hash, stands: Hash, block: Option<u64>) -> Break {
    let (expected, actual) = (Some(before.to_hex()), Some(stands.to_hex()));
    Break { block, expected, actual, ..Break::at_event(BreakKind::EventPrevHashMismatch, seq) }
}

pub(crate) fn header(seq: u64, block: u64, member: &'static str) -> Break {
    Break { block: Some(block), member: Some(member), ..Break::at_event(BreakKind::BlockHeaderMismatch, seq) }
}

pub(crate) fn unreadable_block(seq: u64, block: u64) -> Break {
    Break { block: Some(block), ..Break::at_event(BreakKind::BlockUnreadable, seq) }
}

pub(crate) fn signature(head_seq: u64) -> Break {
    Break::at_checkpoint(BreakKind::CheckpointSignatureMismatch, head_seq)
}

pub(crate) fn chain(head_seq: u64) -> Break {
    Break::at_checkpoint(BreakKind::CheckpointChainMismatch, head_seq)
}

fn head(head_seq: u64, said: Hash, there: Hash) -> Break {
    let (expected, actual) = (Some(said.to_hex()), Some(there.to_hex()));
    Break { expected, actual, ..Break::at_checkpoint(BreakKind::CheckpointHeadMismatch, head_seq) }
}

/// Steps 1 and 2: `expected` and `actual` if the first run `"hash":"<64 hex>",` can be cut out and the
/// rest does not hash to it, else neither.
pub(crate) fn hash(seq: u64, line: &[u8], block: Option<u64>) -> Break {
    const NAME: &[u8] = b"\"hash\":\"";
    let run = line.windows(74).position(|run| {
        run.starts_with(NAME)
            && run.ends_with(b"\",")
            && run[8..72].iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
    });
    let hashes = run.map(|at| {
        let rest = Sha256::new().chain_update(&line[..at]).chain_update(&line[at + 74..]).finalize();
        (String::from_utf8_lossy(&line[at + 8..at + 72]).into_owned(), domain::hash::hex(&rest))
    });
    let hashes = hashes.filter(|(stored, computed)| stored != computed);
    let (expected, actual) = hashes.map_or((None, None), |(stored, computed)| (Some(stored), Some(computed)));
    Break { block, expected, actual, ..Break::at_event(BreakKind::EventHashMismatch, seq) }
}

/// Lines that were spoiled from line `i` on, told by where LF stands in what they became: the first that
/// is not what it was. A gzip member holds whole lines, so a line of rows ends with its member.
pub(crate) fn first_spoiled(scene: &Scene<'_>, body: &Body, i: usize) -> Break {
    let end = if scene.in_rows { body.member_of(i).0.end } else { body.lines.len() };
    let bytes: Vec<u8> = body.lines[i..end].iter().flat_map(|line| line.bytes.iter().copied()).collect();
    for (place, line) in (i..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
        let was = scene.lines().get(place).filter(|_| place < end);
        if was.is_none_or(|was| was.bytes != line) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            return hash(scene.first + place as u64, line, scene.block_of(body, i));
        }
    }
    unreachable!("bytes were changed, so that some line is not what it was")
}

/// What checkpoints whose signatures count say where every line holds: section 8, on checkpoints and
/// anchors, sentence by sentence.
pub(crate) fn statements(
    scene: &Scene<'_>,
    lines: &[Rc<Line>],
    given: Option<&[Checkpoint]>,
    anchors: &[Checkpoint],
) -> Vec<Break> {
    let mut found = vec![];
    let first = lines.first().map_or(0, |line| line.event.seq);
    let last = lines.last().map_or(0, |line| line.event.seq);
    let roots = if scene.knows_the_tree() { roots(lines) } else { vec![] };
    let place = |seq: u64| usize::try_from(seq.checked_sub(first)?).ok().filter(|i| *i < lines.len());
    for checkpoint in given.into_iter().flatten().chain(anchors) {
        let head_seq = checkpoint.head_seq;
        if let Some(i) = place(head_seq) {
            let there = lines[i].event.hash;
            if checkpoint.head_hash != there {
                found.push(head(head_seq, checkpoint.head_hash, there));
            } else if let Some(root) = roots.get(i).filter(|root| **root != checkpoint.root_hash) {
                found.push(head(head_seq, checkpoint.root_hash, *root));
            }
        } else if head_seq > last && scene.end.is_none_or(|end| head_seq <= end) {
            let actual = Some(last.to_string());
            found.push(Break { actual, ..Break::at_checkpoint(BreakKind::TailTruncated, head_seq) });
        }
    }
    let Some(given) = given else { return found };
    // Its `n` is the next, its `prevCheckpoint` the digest of the one before, its `headSeq` grows, its `at`
    // does not fall.
    for (i, checkpoint) in given.iter().enumerate() {
        let follows = match i.checked_sub(1).map(|before| &given[before]) {
            None => checkpoint.n == 1 && checkpoint.prev_checkpoint == Hash::ZERO,
            Some(before) => {
                checkpoint.n == before.n + 1
                    && checkpoint.prev_checkpoint == before.digest()
                    && checkpoint.head_seq > before.head_seq
                    && checkpoint.at >= before.at
            }
        };
        if !follows {
            found.push(chain(checkpoint.head_seq));
        }
    }
    let newest = given.iter().map(|c| c.n).max().unwrap_or(0);
    for anchor in anchors {
        if anchor.n > newest && place(anchor.head_seq).is_some() {
            found.push(chain(anchor.head_seq));
        }
        for checkpoint in given.iter().filter(|c| c.n == anchor.n && *c != anchor) {
            let one_event = checkpoint.head_seq == anchor.head_seq && checkpoint.head_hash != anchor.head_hash;
            if !one_event {
                found.push(chain(checkpoint.head_seq));
            }
        }
    }
    found
}
