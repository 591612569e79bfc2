//! Checkpoints that somebody with the real key made to say something else: the later ones either still
//! name the digest of what was there, or were signed anew, too.

use super::checkpoints::of_checkpoints;
use super::{Kind, Mutant};
use crate::dice::Dice;
use crate::log::sign;
use crate::scene::Scene;
use domain::checkpoint::{Checkpoint, Reason};
use domain::hash::Hash;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "re-sign-another-root", apply: root },
    Kind { name: "re-sign-another-head-hash", apply: head_hash },
    Kind { name: "re-sign-another-head-seq", apply: head_seq },
    Kind { name: "re-sign-another-number", apply: number },
    Kind { name: "re-sign-an-earlier-time", apply: earlier },
    Kind { name: "re-sign-another-predecessor", apply: predecessor },
    Kind { name: "re-sign-another-reason", apply: reason },
];

/// The tree is known only where lines are read from 1 on; anybody who reads less cannot tell.
fn root(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let other = Hash(dice.bytes());
    resign(scene, dice, |checkpoint, _| checkpoint.root_hash = other)
}

fn head_hash(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let other = Hash(dice.bytes());
    resign(scene, dice, |checkpoint, _| checkpoint.head_hash = other)
}

fn head_seq(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let other = dice.between(1, scene.base.own.lines.len() + 3) as u64;
    resign(scene, dice, |checkpoint, _| checkpoint.head_seq = other)
}

fn number(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let other = dice.between(1, 8) as u64;
    resign(scene, dice, |checkpoint, _| checkpoint.n = other)
}

fn earlier(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let by = 1 + dice.millis(20_000);
    resign(scene, dice, |checkpoint, before| {
        let at = before.map_or(checkpoint.at, |before| before.at);
        checkpoint.at = at.plus_millis(-by);
    })
}

fn predecessor(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let other = if dice.once_in(2) { Hash::ZERO } else { Hash(dice.bytes()) };
    resign(scene, dice, |checkpoint, _| checkpoint.prev_checkpoint = other)
}

/// As true as before: only whoever kept the one that was there can tell.
fn reason(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    resign(scene, dice, |checkpoint, _| checkpoint.reason = Reason::Manual)
}

fn resign(
    scene: &Scene<'_>,
    dice: &mut Dice,
    change: impl FnOnce(&mut Checkpoint, Option<&Checkpoint>),
) -> Option<Mutant> {
    let mut given = scene.given.clone().filter(|given| !given.is_empty())?;
    let i = dice.below(given.len());
    let was = given[i].clone();
    let before = i.checked_sub(1).map(|before| given[before].clone());
    change(&mut given[i], before.as_ref());
    if given[i] == was {
        return None;
    }
    let keys = &scene.base.keys;
    let key = keys.at(given[i].head_seq);
    sign(&mut given[i], key);
    if dice.once_in(2) {
        for next in i + 1..given.len() {
            given[next].prev_checkpoint = given[next - 1].digest();
            let key = keys.at(given[next].head_seq);
            sign(&mut given[next], key);
        }
    }
    Some(of_checkpoints(scene, &given, vec![]))
}
