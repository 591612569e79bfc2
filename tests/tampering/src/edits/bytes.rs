//! Lines that were changed in place by somebody who did not care about their hashes.

use super::{Kind, Mutant, forged};
use crate::dice::Dice;
use crate::log::Line;
use crate::oracle::{Expected, first_spoiled};
use crate::scene::Scene;
use domain::event::Event;
use domain::hash::Hash;
use domain::names::ChainName;
use std::rc::Rc;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "flip-a-bit-of-a-line", apply: flip_a_bit },
    Kind { name: "insert-bytes-into-a-line", apply: insert_bytes },
    Kind { name: "delete-bytes-of-a-line", apply: delete_bytes },
    Kind { name: "delete-a-line-feed", apply: delete_a_line_feed },
    Kind { name: "change-an-event-under-its-old-hash", apply: change_an_event },
    Kind { name: "change-a-stored-hash", apply: change_a_stored_hash },
];

fn flip_a_bit(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    edit(scene, dice, |bytes, dice| {
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 << dice.below(8);
    })
}

fn insert_bytes(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    edit(scene, dice, |bytes, dice| {
        let at = dice.below(bytes.len());
        for _ in 0..dice.between(1, 4) {
            let any = dice.byte();
            bytes.insert(at, *dice.pick(&[b'\n', b' ', b'"', b'\r', 0, any]));
        }
    })
}

fn delete_bytes(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    edit(scene, dice, |bytes, dice| {
        let from = dice.below(bytes.len());
        let to = (from + dice.between(1, 90)).min(bytes.len());
        bytes.drain(from..to);
    })
}

fn delete_a_line_feed(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    edit(scene, dice, |bytes, _| bytes.truncate(bytes.len() - 1))
}

/// Another event, or another place for it, with nothing else made to fit. Its line is not believed, so
/// the break is where it stands.
fn change_an_event(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let i = scene.pick_line(dice);
    let line = &scene.lines()[i];
    let donor = &dice.pick(&scene.base.other.lines).event;
    let change = |event: &mut Event, dice: &mut Dice| match dice.below(5) {
        0 => event.seq += dice.between(1, 1_000_000) as u64,
        1 => event.prev_hash = Hash(dice.bytes()),
        2 => event.recorded_at = event.recorded_at.plus_millis(-1),
        3 => event.chain = ChainName::new("changed").expect("a name"),
        _ => event.draft = donor.draft.clone(),
    };
    let other = forged(line, |event| change(event, dice));
    with_hash(scene, i, &other, line.event.hash)
}

fn change_a_stored_hash(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let i = scene.pick_line(dice);
    let other = if dice.once_in(2) { Hash::ZERO } else { Hash(dice.bytes()) };
    with_hash(scene, i, &scene.lines()[i], other)
}

/// Line `i` becomes `line` with this hash in the place of its own.
fn with_hash(scene: &Scene<'_>, i: usize, line: &Line, hash: Hash) -> Option<Mutant> {
    let own = format!("\"hash\":\"{}\"", line.event.hash);
    let at = line.bytes.windows(own.len()).position(|run| run == own.as_bytes())? + 8;
    let mut bytes = line.bytes.clone();
    bytes[at..at + 64].copy_from_slice(hash.to_hex().as_bytes());
    spoiled(scene, i, bytes)
}

fn edit(scene: &Scene<'_>, dice: &mut Dice, change: impl FnOnce(&mut Vec<u8>, &mut Dice)) -> Option<Mutant> {
    let i = scene.pick_line(dice);
    let mut bytes = scene.lines()[i].bytes.clone();
    change(&mut bytes, dice);
    spoiled(scene, i, bytes)
}

/// Line `i` becomes these bytes, which may be no line, or several.
fn spoiled(scene: &Scene<'_>, i: usize, bytes: Vec<u8>) -> Option<Mutant> {
    let was = &scene.lines()[i];
    if was.bytes == bytes {
        return None;
    }
    let mut body = scene.body();
    body.lines[i] = Rc::new(Line { bytes, event: was.event.clone() });
    let found = first_spoiled(scene, &body, i);
    let expected = Expected::of(scene, &scene.anchors, vec![found]);
    Some(Mutant { handed: scene.with_body(&body), expected })
}
