//! Ends of a log that were cut off or exchanged, and logs that were put back to an earlier true state.

use super::{Kind, Mutant, of_lines};
use crate::body::Body;
use crate::dice::Dice;
use crate::oracle::{Expected, chain, link, statements};
use crate::scene::Scene;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "truncate-the-tail-under-its-checkpoints", apply: truncate_under_checkpoints },
    Kind { name: "truncate-the-tail-with-its-checkpoints", apply: truncate_with_checkpoints },
    Kind { name: "roll-back-to-a-checkpoint", apply: roll_back },
    Kind { name: "splice-the-tail-of-another-chain", apply: splice_other_tail },
    Kind { name: "splice-the-tail-of-a-fork", apply: splice_fork_tail },
    Kind { name: "replace-the-log-by-a-fork", apply: replace_by_fork },
    Kind { name: "replace-the-log-by-another-chain", apply: replace_by_other },
    Kind { name: "state-another-start", apply: state_another_start },
];

/// The checkpoints beyond the end vouch for what is gone; without one nothing is missing.
fn truncate_under_checkpoints(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    if scene.end.is_some() {
        return None; // `delete-lines` cuts exports whose end is stated.
    }
    let mut body = scene.body();
    body.truncate(dice.below(body.lines.len()));
    Some(of_lines(scene, &body, vec![]))
}

fn truncate_with_checkpoints(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let last = dice.below(scene.lines().len());
    cut(scene, last)
}

/// Everything is what it was when that checkpoint was made: only a later one from outside can tell.
fn roll_back(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let given = scene.given.as_deref().filter(|given| !given.is_empty())?;
    let head = dice.pick(given).head_seq;
    cut(scene, usize::try_from(head).ok()?)
}

/// The first `last` lines and the checkpoints over them.
fn cut(scene: &Scene<'_>, last: usize) -> Option<Mutant> {
    let mut body = scene.body();
    if scene.end.is_some() || last == body.lines.len() {
        return None;
    }
    body.truncate(last);
    let mut given = scene.given.clone();
    given.iter_mut().for_each(|given| given.retain(|c| c.head_seq <= last as u64));
    let (lines, given) = (&body.lines, given.as_deref());
    let breaks = statements(scene, lines, given, &scene.anchors);
    let mut handed = scene.with_body(&body);
    handed.checkpoints = given.map(|given| given.iter().map(|c| c.line()).collect());
    let expected = Expected::of(scene, &scene.anchors, breaks).tail(lines, given, &scene.anchors);
    Some(Mutant { handed, expected })
}

/// The first of the foreign lines has the right number and follows another line.
fn splice_other_tail(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let i = scene.pick_line(dice);
    let other = &scene.base.other;
    splice(scene, Body { lines: other.lines.clone(), layout: other.layout.clone() }, 0, i)
}

/// Right at the fork everything follows, and only a checkpoint of what stood there can tell.
fn splice_fork_tail(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let base = scene.base;
    let tail = Body { lines: base.fork.lines[base.forked_after..].to_vec(), layout: base.fork.layout.clone() };
    let from = usize::try_from(scene.first).ok()? - 1;
    let i = if dice.once_in(2) { base.forked_after.checked_sub(from)? } else { scene.pick_line(dice) };
    splice(scene, tail, base.forked_after, i)
}

/// Exchanges the lines from `i` on by those of `tail` with the same numbers; `tail` stands behind the
/// event `tail_after`.
fn splice(scene: &Scene<'_>, mut tail: Body, tail_after: usize, i: usize) -> Option<Mutant> {
    let mut body = scene.body();
    let seq = scene.first + i as u64;
    let skip = usize::try_from(seq).ok()?.checked_sub(1 + tail_after)?;
    if scene.end.is_some() || i == 0 || i >= body.lines.len() || skip >= tail.lines.len() {
        return None;
    }
    tail.drop_front(skip);
    body.truncate(i);
    let (before, stands) = (body.lines[i - 1].event.hash, tail.lines[0].event.prev_hash);
    body.append(tail);
    let found = (before != stands).then(|| link(seq, before, stands, scene.block_of(&body, i)));
    Some(of_lines(scene, &body, found.into_iter().collect()))
}

/// The fork with its own checkpoints, signed by the same keys: whoever holds a key can do that, and only
/// what was kept outside can tell.
fn replace_by_fork(scene: &Scene<'_>, _: &mut Dice) -> Option<Mutant> {
    let base = scene.base;
    if scene.end.is_some() {
        return None;
    }
    let mut body = scene.body();
    body.truncate(base.forked_after);
    body.append(Body { lines: base.fork.lines[base.forked_after..].to_vec(), layout: base.fork.layout.clone() });
    let given = scene.given.as_ref().map(|_| &base.fork.checkpoints[..]);
    let mut handed = scene.with_body(&body);
    handed.checkpoints = given.map(|given| given.iter().map(|c| c.line()).collect());
    let breaks = statements(scene, &body.lines, given, &scene.anchors);
    let expected = Expected::of(scene, &scene.anchors, breaks).tail(&body.lines, given, &scene.anchors);
    Some(Mutant { handed, expected })
}

/// Whole and true, of the wrong chain, under our checkpoints. Whoever was told our name holds them
/// against the foreign lines; else the lines name the chain, and the checkpoints are the foreign ones.
fn replace_by_other(scene: &Scene<'_>, _: &mut Dice) -> Option<Mutant> {
    if scene.end.is_some() {
        return None;
    }
    let other = &scene.base.other;
    let body = Body { lines: other.lines.clone(), layout: other.layout.clone() };
    if scene.named {
        return Some(of_lines(scene, &body, vec![]));
    }
    let all = scene.given.iter().flatten().chain(&scene.anchors);
    let breaks = all.map(|checkpoint| chain(checkpoint.head_seq)).collect();
    let expected = Expected::of(scene, &[], breaks).tail(&body.lines, None, &[]);
    Some(Mutant { handed: scene.with_body(&body), expected })
}

/// A companion that states another hash before its first line.
fn state_another_start(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    scene.end?;
    let mut handed = scene.honest();
    let stated = domain::hash::Hash(dice.bytes());
    handed.options.start = domain::verify::Start::At { seq: scene.first, prev_hash: stated };
    let found = link(scene.first, stated, scene.prev_hash, None);
    let expected = Expected::of(scene, &scene.anchors, vec![found]);
    Some(Mutant { handed, expected })
}
