//! Rows of blocks that were damaged, taken out, put under other numbers, or exchanged.

use super::{Kind, Mutant};
use crate::dice::Dice;
use crate::log::{Line, block};
use crate::oracle::{Expected, gap, header, link, statements, unreadable_block};
use crate::scene::Scene;
use domain::block::Block;
use domain::verify::Break;
use flate2::bufread::GzDecoder;
use std::io::Read;
use std::rc::Rc;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "flip-a-bit-of-a-body", apply: flip_a_bit },
    Kind { name: "truncate-a-row", apply: truncate },
    Kind { name: "append-bytes-to-a-member", apply: append },
    Kind { name: "delete-a-block", apply: delete },
    Kind { name: "swap-two-blocks", apply: swap },
    Kind { name: "duplicate-a-block-under-another-number", apply: duplicate },
    Kind { name: "overwrite-a-block-by-another", apply: overwrite },
    Kind { name: "block-of-another-chain", apply: of_another_chain },
    Kind { name: "swap-two-gzip-members", apply: swap_members },
];

/// A block of the scene: its number, its row in pieces, its lines, and where each of its members starts
/// among them and in the body.
pub(super) struct Target {
    pub(super) n: u64,
    pub(super) block: Block,
    pub(super) lines: std::ops::Range<usize>,
    members: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>,
}

impl Target {
    pub(super) fn throw(scene: &Scene<'_>, dice: &mut Dice) -> Option<Self> {
        if !scene.in_rows {
            return None;
        }
        let n = dice.below(scene.base.rows.len()) as u64 + 1;
        let body = scene.body();
        let lines = body.block(n);
        let block = Block::from_row(row_of(scene, n)).expect("an honest row");
        let (mut line, mut byte) = (lines.start, 0);
        let mut members = vec![];
        for member in &block.header.members {
            let (events, bytes) = (member.events as usize, member.bytes as usize);
            members.push((line..line + events, byte..byte + bytes));
            (line, byte) = (line + events, byte + bytes);
        }
        Some(Self { n, block, lines, members })
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.lines.start as u64 + 1
    }

    pub(super) fn is_last(&self, scene: &Scene<'_>) -> bool {
        self.lines.end == scene.lines().len()
    }
}

fn row_of<'a>(scene: &'a Scene<'_>, n: u64) -> &'a [u8] {
    &scene.base.rows[place_of(n)]
}

pub(super) fn place_of(n: u64) -> usize {
    usize::try_from(n).expect("a few blocks") - 1
}

/// Row `n` became `row`. `lines` are those that are there up to the edit, or all where none is gone.
pub(super) fn with_row(scene: &Scene<'_>, n: u64, row: Vec<u8>, lines: &[Rc<Line>], mut breaks: Vec<Break>) -> Mutant {
    let mut rows = scene.numbered_rows();
    rows[place_of(n)].1 = row;
    breaks.extend(statements(scene, lines, scene.given.as_deref(), &scene.anchors));
    let expected = Expected::of(scene, &scene.anchors, breaks).tail(lines, scene.given.as_deref(), &scene.anchors);
    Mutant { handed: scene.with_rows(rows), expected }
}

/// What comes out of a gzip member, byte by byte, so that nothing is lost that stands before a damage; and
/// whether it is whole.
fn unpack(member: &[u8]) -> (Vec<u8>, bool) {
    let (mut decoder, mut plain, mut byte) = (GzDecoder::new(member), vec![], [0]);
    loop {
        match decoder.read(&mut byte) {
            Ok(0) => return (plain, true),
            Ok(_) => plain.push(byte[0]),
            Err(_) => return (plain, false),
        }
    }
}

/// How many of these lines came out whole: they are proven by their own hashes.
fn proven(plain: &[u8], lines: &[Rc<Line>]) -> usize {
    plain.split_inclusive(|b| *b == b'\n').zip(lines).take_while(|(plain, line)| *plain == line.bytes).count()
}

/// In a part of the gzip header that any reader takes as it is, only the digest tells. Else the member
/// cannot be unpacked to its end.
fn flip_a_bit(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut target = Target::throw(scene, dice)?;
    let (lines, bytes) = dice.pick(&target.members).clone();
    let within = match dice.below(3) {
        0 => dice.below(10),
        1 => bytes.len() - 1 - dice.below(8),
        _ => dice.below(bytes.len()),
    };
    target.block.body[bytes.start + within] ^= 1 << dice.below(8);
    let (plain, whole) = unpack(&target.block.body[bytes]);
    let proven = proven(&plain, &scene.lines()[lines.clone()]);
    let found = if whole && proven == lines.len() {
        header(target.first_seq(), target.n, "digest")
    } else {
        unreadable_block((lines.start + proven) as u64 + 1, target.n)
    };
    // The untouched header may not be made to fit.
    let row = with_body(row_of(scene, target.n), &target.block.body);
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}

/// The header of `row` over another body.
pub(super) fn with_body(row: &[u8], body: &[u8]) -> Vec<u8> {
    let end = row.iter().position(|b| *b == b'\n').expect("a row has a header") + 1;
    [&row[..end], body].concat()
}

/// Members that are still whole hold; of the one that was cut, the lines that come out. Cut between two
/// members nothing is damaged, but the count of lines is another.
fn truncate(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    let row = row_of(scene, target.n);
    let body_at = row.len() - target.block.body.len();
    let seam = body_at + dice.pick(&target.members).1.start;
    let lengths = [0, seam, dice.below(body_at), dice.below(row.len()), dice.below(row.len())];
    let length = *dice.pick(&lengths);
    let row = row[..length].to_vec();
    let Some(body_length) = length.checked_sub(body_at).filter(|length| *length > 0) else {
        let found = unreadable_block(target.first_seq(), target.n);
        return Some(with_row(scene, target.n, row, scene.lines(), vec![found]));
    };
    let (lines, bytes) = target.members.iter().find(|(_, bytes)| bytes.end > body_length)?.clone();
    if bytes.start == body_length {
        return Some(shortened(scene, &target, row, lines.start));
    }
    let (plain, _) = unpack(&target.block.body[bytes.start..body_length]);
    let kept = lines.start + proven(&plain, &scene.lines()[lines]);
    let found = unreadable_block(kept as u64 + 1, target.n);
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}

/// A block that lost its last lines, from line `end` on, under its old header: the next block shows the
/// gap, and at the end of the log the header's count does.
pub(super) fn shortened(scene: &Scene<'_>, target: &Target, row: Vec<u8>, end: usize) -> Mutant {
    let seq = end as u64 + 1;
    if target.is_last(scene) {
        return with_row(scene, target.n, row, &scene.lines()[..end], vec![header(seq, target.n, "count")]);
    }
    with_row(scene, target.n, row, scene.lines(), vec![gap(seq, Some(target.n + 1))])
}

/// Bytes behind a member that are none, whether or not the header was made to count them: they cannot be
/// unpacked, and the lines before them are proven.
fn append(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut target = Target::throw(scene, dice)?;
    let m = dice.below(target.members.len());
    let (lines, bytes) = target.members[m].clone();
    let mut garbage: Vec<u8> = (0..dice.between(1, 40)).map(|_| dice.byte()).collect();
    garbage[0] &= 0x0f;
    let more = u32::try_from(garbage.len()).expect("a few");
    target.block.body.splice(bytes.end..bytes.end, garbage);
    let row = if dice.once_in(2) {
        let header = &mut target.block.header;
        header.members[m].bytes += more;
        header.digest = header.computed_digest(&target.block.body);
        target.block.to_row()
    } else {
        with_body(row_of(scene, target.n), &target.block.body)
    };
    let found = unreadable_block(lines.end as u64 + 1, target.n);
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}

/// The gap shows in the next block; behind the last one, only a checkpoint knows.
fn delete(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    let mut rows = scene.numbered_rows();
    rows.remove(place_of(target.n));
    let (lines, breaks) = if target.is_last(scene) {
        (&scene.lines()[..target.lines.start], vec![])
    } else if target.n == 1 {
        (&scene.lines()[target.lines.end..], vec![gap(1, Some(2))])
    } else {
        (scene.lines(), vec![gap(target.first_seq(), Some(target.n + 1))])
    };
    let (given, anchors) = (scene.given.as_deref(), &scene.anchors);
    let breaks = [breaks, statements(scene, lines, given, anchors)].concat();
    let expected = Expected::of(scene, anchors, breaks).tail(lines, given, anchors);
    Some(Mutant { handed: scene.with_rows(rows), expected })
}

/// Rows in another order under the same numbers: only what the lines say counts.
fn rearranged(scene: &Scene<'_>, rows: Vec<(u64, Vec<u8>)>, found: Break) -> Mutant {
    let expected = Expected::of(scene, &scene.anchors, vec![found]);
    Mutant { handed: scene.with_rows(rows), expected }
}

fn swap(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let (a, b) = (Target::throw(scene, dice)?, Target::throw(scene, dice)?);
    if a.n >= b.n {
        return None;
    }
    let mut rows = scene.numbered_rows();
    rows[place_of(a.n)].1 = row_of(scene, b.n).to_vec();
    rows[place_of(b.n)].1 = row_of(scene, a.n).to_vec();
    Some(rearranged(scene, rows, gap(a.first_seq(), Some(a.n))))
}

fn duplicate(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    let mut rows = scene.numbered_rows();
    let n = rows.len() as u64 + 1 + dice.below(3) as u64;
    rows.push((n, row_of(scene, target.n).to_vec()));
    Some(rearranged(scene, rows, gap(target.first_seq(), Some(n))))
}

/// A later block in the place of an earlier one: numbers are missing. An earlier one: they repeat.
fn overwrite(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let (gone, copied) = (Target::throw(scene, dice)?, Target::throw(scene, dice)?);
    if gone.n == copied.n {
        return None;
    }
    let mut rows = scene.numbered_rows();
    rows[place_of(gone.n)].1 = row_of(scene, copied.n).to_vec();
    let seq = gone.first_seq().min(copied.first_seq());
    Some(rearranged(scene, rows, gap(seq, Some(gone.n))))
}

/// A whole and true block of another log in the place of ours. As the first block it holds in itself, for
/// `chain` is that of the first line: then the block behind it does not follow, or a checkpoint over it
/// tells.
fn of_another_chain(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    let other = &scene.base.other;
    let members = other.layout.get(place_of(target.n))?;
    let start: usize = other.layout[..place_of(target.n)].iter().flatten().sum();
    let theirs = &other.lines[start..start + members.iter().sum::<usize>()];
    let row = block(target.n, theirs, members).to_row();
    let ours = scene.lines();
    let follow = |seq: u64, line: &Line, before: &Line, n| {
        if line.event.seq == seq {
            link(seq, before.event.hash, line.event.prev_hash, Some(n))
        } else {
            gap(seq.min(line.event.seq), Some(n))
        }
    };
    if target.n > 1 {
        let found = follow(target.first_seq(), &theirs[0], &ours[target.lines.start - 1], target.n);
        return Some(with_row(scene, target.n, row, ours, vec![found]));
    }
    let last = &theirs[theirs.len() - 1];
    let behind = ours.get(target.lines.end).map(|line| follow(last.event.seq + 1, line, last, 2));
    Some(with_row(scene, 1, row, theirs, behind.into_iter().collect()))
}

fn swap_members(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut target = Target::throw(scene, dice)?;
    let (a, b) = (dice.below(target.members.len()), dice.below(target.members.len()));
    if a >= b {
        return None;
    }
    let mut order: Vec<usize> = (0..target.members.len()).collect();
    order.swap(a, b);
    let body = &target.block.body;
    let swapped: Vec<u8> = order.iter().flat_map(|m| body[target.members[*m].1.clone()].iter().copied()).collect();
    target.block.body = swapped;
    let header = &mut target.block.header;
    header.members.swap(a, b);
    if dice.once_in(2) {
        header.digest = header.computed_digest(&target.block.body);
    }
    let found = gap(target.members[a].0.start as u64 + 1, Some(target.n));
    let row = target.block.to_row();
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}
