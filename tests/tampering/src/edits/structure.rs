//! Whole lines that were taken out, put in, moved, or exchanged, with nothing behind them re-chained.

use super::{Kind, Mutant, forged, of_lines};
use crate::dice::Dice;
use crate::events;
use crate::oracle::{Expected, chain, gap, link};
use crate::scene::Scene;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "delete-lines", apply: delete_lines },
    Kind { name: "duplicate-a-line", apply: duplicate_a_line },
    Kind { name: "copy-a-line-elsewhere", apply: copy_elsewhere },
    Kind { name: "swap-two-lines", apply: swap_two_lines },
    Kind { name: "move-a-line", apply: move_a_line },
    Kind { name: "insert-a-forged-line", apply: insert_forged },
    Kind { name: "exchange-a-line-under-its-own-hash", apply: exchange_a_line },
    Kind { name: "splice-a-line-of-another-chain", apply: splice_a_line },
];

/// The first number that is missing; behind the last line that is left, only a checkpoint or a companion
/// knows that something is missing.
fn delete_lines(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let from = scene.pick_line(dice);
    let most = body.lines.len() - from;
    let count = if dice.once_in(2) { 1 } else { dice.between(1, most) };
    (0..count).for_each(|_| drop(body.remove(from)));
    let seq = scene.first + from as u64;
    let breaks = if from < body.lines.len() {
        vec![gap(seq, scene.block_of(&body, from))]
    } else {
        scene.end.map(|_| gap(seq, None)).into_iter().collect()
    };
    Some(of_lines(scene, &body, breaks))
}

/// The number that repeats.
fn duplicate_a_line(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    body.insert(i + 1, body.lines[i].clone());
    // Behind the last line of a member the copy stands in the next one, if there is one.
    let found = gap(scene.first + i as u64, scene.block_of(&body, i + 1));
    Some(of_lines(scene, &body, vec![found]))
}

/// Put in later, it repeats its own number; put in earlier, it stands where another is missing.
fn copy_elsewhere(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let (from, to) = (scene.pick_line(dice), dice.below(body.lines.len() + 1));
    if from == to {
        return None;
    }
    body.insert(to, body.lines[from].clone());
    let found = gap(scene.first + from.min(to) as u64, scene.block_of(&body, to));
    Some(of_lines(scene, &body, vec![found]))
}

fn swap_two_lines(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let (i, j) = (scene.pick_line(dice), scene.pick_line(dice));
    if i == j {
        return None;
    }
    body.lines.swap(i, j);
    let first = i.min(j);
    let found = gap(scene.first + first as u64, scene.block_of(&body, first));
    Some(of_lines(scene, &body, vec![found]))
}

fn move_a_line(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let (from, to) = (scene.pick_line(dice), dice.below(body.lines.len()));
    if from == to {
        return None;
    }
    let line = body.remove(from);
    body.insert(to, line);
    let first = from.min(to);
    let found = gap(scene.first + first as u64, scene.block_of(&body, first));
    Some(of_lines(scene, &body, vec![found]))
}

/// It follows what stands before it, so that the line behind it repeats its number. At the very end
/// nothing is broken: that is how a log grows, and it counts as unsigned.
fn insert_forged(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = if dice.once_in(4) { body.lines.len() } else { scene.pick_line(dice) };
    let seq = scene.first + i as u64;
    let prev_hash = i.checked_sub(1).map_or(scene.prev_hash, |before| body.lines[before].event.hash);
    let neighbour = &body.lines[i.min(body.lines.len() - 1)];
    let draft = events::draft(dice, 5000, neighbour.event.draft.at());
    let line = forged(neighbour, |event| {
        event.draft = draft;
        (event.seq, event.prev_hash) = (seq, prev_hash);
    });
    let at_the_end = i == body.lines.len();
    body.insert(i, line);
    let breaks = if at_the_end { vec![] } else { vec![gap(seq, scene.block_of(&body, i + 1))] };
    Some(of_lines(scene, &body, breaks))
}

/// The line itself holds; the next one names the hash that stood there. A checkpoint with this very head
/// tells first.
fn exchange_a_line(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let draft = events::draft(dice, 5000, body.lines[i].event.draft.at());
    let was = body.lines[i].event.hash;
    body.lines[i] = forged(&body.lines[i], |event| event.draft = draft);
    let now = body.lines[i].event.hash;
    let behind =
        (i + 1 < body.lines.len()).then(|| link(scene.first + i as u64 + 1, now, was, scene.block_of(&body, i + 1)));
    Some(of_lines(scene, &body, behind.into_iter().collect()))
}

/// Readable, whole and in its place, but it does not follow.
fn splice_a_line(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let seq = scene.first + i as u64;
    let line = scene.base.other.lines.get(usize::try_from(seq).ok()? - 1)?.clone();
    if seq == 1 {
        // The first line follows the same zeros in every chain: see `replace-the-log`.
        return None;
    }
    let before = i.checked_sub(1).map_or(scene.prev_hash, |before| body.lines[before].event.hash);
    let found = link(seq, before, line.event.prev_hash, scene.block_of(&body, i));
    body.lines[i] = line;
    if i > 0 || scene.named {
        return Some(of_lines(scene, &body, vec![found]));
    }
    // The first line names the chain, of which no checkpoint is.
    let all = scene.given.iter().flatten().chain(&scene.anchors);
    let breaks = all.map(|checkpoint| chain(checkpoint.head_seq)).chain([found]).collect();
    Some(Mutant { handed: scene.with_body(&body), expected: Expected::of(scene, &[], breaks) })
}
