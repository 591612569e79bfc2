//! Checkpoints and anchors that were changed, taken away, repeated or exchanged by somebody who cannot
//! sign; the lines are honest.

use super::{Kind, Mutant};
use crate::dice::Dice;
use crate::log::sign;
use crate::oracle::{Expected, chain, signature, statements};
use crate::scene::Scene;
use domain::checkpoint::Checkpoint;
use domain::verify::Break;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "flip-a-bit-of-a-checkpoint", apply: flip_a_bit },
    Kind { name: "respell-a-checkpoint", apply: respell },
    Kind { name: "sign-with-a-foreign-key", apply: foreign_key },
    Kind { name: "sign-with-a-key-out-of-its-range", apply: key_out_of_range },
    Kind { name: "delete-a-checkpoint", apply: delete },
    Kind { name: "delete-the-newest-checkpoints", apply: delete_newest },
    Kind { name: "duplicate-a-checkpoint", apply: duplicate },
    Kind { name: "swap-two-checkpoints", apply: swap },
    Kind { name: "replay-an-old-checkpoint", apply: replay },
    Kind { name: "checkpoint-of-another-chain", apply: of_another_chain },
    Kind { name: "flip-a-bit-of-an-anchor", apply: flip_an_anchor },
    Kind { name: "anchor-of-a-fork", apply: anchor_of_a_fork },
    Kind { name: "anchor-of-another-chain", apply: anchor_of_another_chain },
];

fn given<'a>(scene: &'a Scene<'_>) -> Option<&'a [Checkpoint]> {
    scene.given.as_deref().filter(|given| !given.is_empty())
}

fn lines(checkpoints: &[Checkpoint]) -> Vec<Vec<u8>> {
    checkpoints.iter().map(Checkpoint::line).collect()
}

/// Checkpoints whose signatures count, in another selection or order.
pub(super) fn of_checkpoints(scene: &Scene<'_>, given: &[Checkpoint], more: Vec<Break>) -> Mutant {
    let mut breaks = statements(scene, scene.lines(), Some(given), &scene.anchors);
    breaks.extend(more);
    let expected = Expected::of(scene, &scene.anchors, breaks);
    let expected = expected.tail(scene.lines(), Some(given), &scene.anchors);
    Mutant { handed: scene.with_checkpoints(lines(given)), expected }
}

/// One checkpoint became `line`, whose signature does not count. The others still follow each other, and
/// it stays known that there is one of its number.
fn spoiled(scene: &Scene<'_>, i: usize, line: Vec<u8>) -> Option<Mutant> {
    let given = given(scene)?;
    let before = i.checked_sub(1).map_or(0, |before| given[before].head_seq);
    let found = signature(claimed(&line).unwrap_or(before + 1));
    let mut lines = lines(given);
    if lines[i] == line {
        return None;
    }
    lines[i] = line;
    let expected = Expected::of(scene, &scene.anchors, vec![found]);
    Some(Mutant { handed: scene.with_checkpoints(lines), expected })
}

/// The `headSeq` that a line claims, whatever else is wrong with it.
fn claimed(line: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(line).ok()?.get("headSeq")?.as_u64()
}

fn flip_a_bit(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let i = dice.below(given(scene)?.len());
    let mut line = given(scene)?[i].line();
    flip(&mut line, dice);
    spoiled(scene, i, line)
}

/// Any bit, and every other time one of the first half, where the short members are.
fn flip(line: &mut [u8], dice: &mut Dice) {
    let most = if dice.once_in(2) { line.len() } else { line.len() / 2 };
    let at = dice.below(most);
    line[at] ^= 1 << dice.below(8);
}

/// The same statement under the same signature, in a spelling that is not the canonical one.
fn respell(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let i = dice.below(given(scene)?.len());
    let line = String::from_utf8(given(scene)?[i].line()).ok()?;
    let (from, to) = *dice.pick(&[
        ("{", "{ "),
        ("}", "}\n"),
        (",\"n\":", ",\"n\" :"),
        ("\"reason\":\"i", "\"reason\":\"\\u0069"),
        (".000Z", "Z"),
        ("Z\"", "+00:00\""),
        ("Z\"", "0Z\""),
        ("T0", "t0"),
        ("Z\"", "z\""),
        ("\"headSeq\":", "\"extra\":1,\"headSeq\":"),
    ]);
    spoiled(scene, i, line.replacen(from, to, 1).into_bytes())
}

fn foreign_key(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let i = dice.below(given(scene)?.len());
    let mut checkpoint = given(scene)?[i].clone();
    if dice.once_in(2) {
        sign(&mut checkpoint, &scene.base.keys.foreign);
    } else {
        // In the real key's name.
        checkpoint.signature = scene.base.keys.foreign.sign(&checkpoint.signed_bytes());
    }
    spoiled(scene, i, checkpoint.line())
}

fn key_out_of_range(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let i = dice.below(given(scene)?.len());
    let mut checkpoint = given(scene)?[i].clone();
    let key = scene.base.keys.not_at(checkpoint.head_seq)?;
    sign(&mut checkpoint, key);
    spoiled(scene, i, checkpoint.line())
}

/// The one behind it is not the next.
fn delete(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut given = given(scene)?.to_vec();
    given.remove(dice.below(given.len()));
    Some(of_checkpoints(scene, &given, vec![]))
}

/// Nothing stands behind them: only an anchor beyond the newest that is left can tell.
fn delete_newest(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let left = dice.below(given(scene)?.len());
    Some(of_checkpoints(scene, &given(scene)?[..left], vec![]))
}

fn duplicate(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut given = given(scene)?.to_vec();
    let i = dice.below(given.len());
    given.insert(i, given[i].clone());
    Some(of_checkpoints(scene, &given, vec![]))
}

fn swap(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut given = given(scene)?.to_vec();
    let (i, j) = (dice.below(given.len()), dice.below(given.len()));
    if i == j {
        return None;
    }
    given.swap(i, j);
    Some(of_checkpoints(scene, &given, vec![]))
}

/// An old one behind the newest, or in its place.
fn replay(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut given = given(scene)?.to_vec();
    let old = given[dice.below(given.len())].clone();
    if dice.once_in(2) && given.last() != Some(&old) {
        given.pop();
    }
    given.push(old);
    Some(of_checkpoints(scene, &given, vec![]))
}

/// Signed by our keys for another log, in the place of one of ours or behind the newest. It is not looked
/// at further, so that the next of ours does not follow.
fn of_another_chain(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    if scene.base.other.checkpoints.is_empty() {
        return None;
    }
    let mut ours = scene.given.clone()?;
    let foreign = dice.pick(&scene.base.other.checkpoints);
    let i = dice.below(ours.len() + 1);
    if i < ours.len() && dice.once_in(2) {
        ours.remove(i);
    }
    let mut mutant = of_checkpoints(scene, &ours, vec![chain(foreign.head_seq)]);
    let mut lines = lines(&ours);
    lines.insert(i, foreign.line());
    mutant.handed.checkpoints = Some(lines);
    Some(mutant)
}

/// The same scene with other anchors, of which `counting` are signed and ours.
fn with_anchors(scene: &Scene<'_>, lines: Vec<Vec<u8>>, counting: &[Checkpoint], more: Vec<Break>) -> Mutant {
    let given = scene.given.as_deref();
    let mut breaks = statements(scene, scene.lines(), given, counting);
    breaks.extend(more);
    let expected = Expected::of(scene, counting, breaks).tail(scene.lines(), given, counting);
    let mut handed = scene.honest();
    handed.anchors = lines;
    Mutant { handed, expected }
}

/// No anchor counted before it, so that one that claims nothing stands at 1.
fn flip_an_anchor(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    if scene.anchors.is_empty() {
        return None;
    }
    let i = dice.below(scene.anchors.len());
    let mut lines = lines(&scene.anchors);
    flip(&mut lines[i], dice);
    let found = signature(claimed(&lines[i]).unwrap_or(1));
    let mut counting = scene.anchors.clone();
    counting.remove(i);
    Some(with_anchors(scene, lines, &counting, vec![found]))
}

/// Somebody else was shown another history.
fn anchor_of_a_fork(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let fork = &scene.base.fork;
    if fork.checkpoints.is_empty() {
        return None;
    }
    let mut anchors = scene.anchors.clone();
    anchors.push(dice.pick(&fork.checkpoints).clone());
    Some(with_anchors(scene, lines(&anchors), &anchors, vec![]))
}

fn anchor_of_another_chain(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let other = &scene.base.other;
    if other.checkpoints.is_empty() {
        return None;
    }
    let foreign = dice.pick(&other.checkpoints);
    let mut lines = lines(&scene.anchors);
    lines.insert(dice.below(lines.len() + 1), foreign.line());
    Some(with_anchors(scene, lines, &scene.anchors, vec![chain(foreign.head_seq)]))
}
