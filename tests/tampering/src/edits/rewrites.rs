//! History that was rewritten and re-chained: every line holds, so that only the checkpoints over it can
//! tell, or an order that no chain may have.

use super::{Kind, Mutant, forged, of_lines};
use crate::body::Body;
use crate::dice::Dice;
use crate::events;
use crate::log::{Line, checkpoints, sign};
use crate::oracle::{Expected, hash, header, order, signature, statements};
use crate::scene::Scene;
use domain::checkpoint::Checkpoint;
use domain::hash::Hash;
use domain::names::ChainName;
use domain::verify::Break;
use sha2::{Digest, Sha256};
use std::rc::Rc;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "re-chain-a-changed-event", apply: changed },
    Kind { name: "re-chain-without-an-event", apply: without_an_event },
    Kind { name: "re-chain-with-a-forged-event", apply: with_a_forged_event },
    Kind { name: "re-chain-two-swapped-events", apply: swapped },
    Kind { name: "re-chain-a-falling-recorded-at", apply: falling },
    Kind { name: "re-chain-a-rising-recorded-at", apply: rising },
    Kind { name: "re-chain-another-chain-name", apply: renamed },
    Kind { name: "repeat-an-external-id", apply: repeated },
    Kind { name: "respell-a-line", apply: respelled },
    Kind { name: "respell-a-line-out-of-shape", apply: out_of_shape },
    Kind { name: "re-chain-what-is-no-event", apply: no_event },
    Kind { name: "re-chain-and-sign-with-a-foreign-key", apply: foreign_signature },
    Kind { name: "re-chain-and-sign-with-the-real-key", apply: real_signature },
];

fn changed(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let draft = events::draft(dice, 5000, body.lines[i].event.draft.at());
    body.lines[i] = forged(&body.lines[i], |event| event.draft = draft);
    body.rechain(i, scene);
    Some(of_lines(scene, &body, vec![]))
}

fn without_an_event(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    if scene.end.is_some() {
        return None; // One line less is a matter of the stated end: see `delete-lines`.
    }
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    body.remove(i);
    body.rechain(i, scene);
    Some(of_lines(scene, &body, vec![]))
}

fn with_a_forged_event(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let draft = events::draft(dice, 5000, body.lines[i].event.draft.at());
    body.insert(i, forged(&body.lines[i], |event| event.draft = draft));
    body.rechain(i, scene);
    Some(of_lines(scene, &body, vec![]))
}

/// The events change places; the times when the places were chained stay.
fn swapped(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let (i, j) = (scene.pick_line(dice), scene.pick_line(dice));
    if i == j {
        return None;
    }
    let (a, b) = (body.lines[i].clone(), body.lines[j].clone());
    body.lines[i] = forged(&a, |event| event.draft = b.event.draft.clone());
    body.lines[j] = forged(&b, |event| event.draft = a.event.draft.clone());
    body.rechain(i.min(j), scene);
    Some(of_lines(scene, &body, vec![]))
}

fn falling(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let before = &body.lines[i.checked_sub(1)?].event;
    let earlier = before.recorded_at.plus_millis(-1 - dice.millis(10_000));
    body.lines[i] = forged(&body.lines[i], |event| event.recorded_at = earlier);
    body.rechain(i, scene);
    let found = order(scene.first + i as u64, "recordedAt", scene.block_of(&body, i));
    Some(of_lines(scene, &body, vec![found]))
}

/// The line after it falls. At the end of a block of several lines the header tells first: it has one
/// `recordedAt` for all of them.
fn rising(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let after = body.lines.get(i + 1).unwrap_or(&body.lines[i]).event.recorded_at;
    body.lines[i] = forged(&body.lines[i], |event| event.recorded_at = after.plus_millis(1 + dice.millis(10_000)));
    body.rechain(i, scene);
    let mut breaks = vec![];
    if i + 1 < body.lines.len() {
        breaks.push(order(scene.first + i as u64 + 1, "recordedAt", scene.block_of(&body, i + 1)));
    }
    if let Some(n) = scene.block_of(&body, i) {
        let block = body.block(n);
        if block.len() > 1 && block.end == i + 1 {
            breaks.push(header(scene.first + block.start as u64, n, "recordedAt"));
        }
    }
    Some(of_lines(scene, &body, breaks))
}

/// `chain` is that of the first line, so another one of the first would be that of all.
fn renamed(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    if i == 0 {
        return None;
    }
    body.lines[i] = forged(&body.lines[i], |event| event.chain = ChainName::new("other.log").expect("a name"));
    body.rechain(i, scene);
    let found = order(scene.first + i as u64, "chain", scene.block_of(&body, i));
    Some(of_lines(scene, &body, vec![found]))
}

/// An event that stood before stands again, in the place of another. It makes no difference whether
/// whoever did that could sign, too.
fn repeated(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let with_id = |line: &&Rc<Line>| line.event.draft.external_id().is_some();
    let earlier: Vec<Rc<Line>> = body.lines[..i].iter().filter(with_id).cloned().collect();
    if earlier.is_empty() {
        return None;
    }
    let draft = dice.pick(&earlier).event.draft.clone();
    body.lines[i] = forged(&body.lines[i], |event| event.draft = draft);
    body.rechain(i, scene);
    let found = order(scene.first + i as u64, "externalId", scene.block_of(&body, i));
    if scene.end.is_none() && dice.once_in(2) {
        return Some(signed_anew(scene, &body, vec![found]));
    }
    Some(of_lines(scene, &body, vec![found]))
}

/// The checkpoints made anew over these lines, by the real keys.
fn signed_anew(scene: &Scene<'_>, body: &Body, mut breaks: Vec<Break>) -> Mutant {
    let heads: Vec<u64> = scene.given.iter().flatten().map(|c| c.head_seq).collect();
    let made = checkpoints(&scene.base.own.name, &body.lines, &heads, &scene.base.keys);
    let given = scene.given.as_ref().map(|_| &made[..]);
    breaks.extend(statements(scene, &body.lines, given, &scene.anchors));
    let mut handed = scene.with_body(body);
    handed.checkpoints = given.map(|given| given.iter().map(Checkpoint::line).collect());
    let expected = Expected::of(scene, &scene.anchors, breaks).tail(&body.lines, given, &scene.anchors);
    Mutant { handed, expected }
}

/// Another spelling of the same event, within the shape that a walk looks at. Our verifier reads lines
/// in full that no checkpoint covers: `expected` is the stored hash, which does hold of these bytes, and
/// `actual` the one of the canonical line. Under a checkpoint, the checkpoint tells.
fn respelled(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let spelling = *dice.pick(&[
        ("\"metadata\":{", "\"metadata\":{ "),
        ("\"outcome\":\"s", "\"outcome\":\"\\u0073"),
        ("\"outcome\":\"", "\"outcome\": \""),
        ("\"partnerSlug\":null", "\"partnerSlug\":\t null"),
        ("\"actorType\":\"s", "\"actorType\":\"\\u0073"),
    ]);
    spelled(scene, dice, spelling, Some)
}

/// The same where members, their order or the space between them are not those of section 3: no line at
/// all, wherever it stands. The hash that can be cut out holds, so that there is none to tell of.
fn out_of_shape(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let spelling = *dice.pick(&[
        ("{\"action\":", "{ \"action\":"),
        (",\"v\":1}", ",\"v\":1} "),
        (",\"v\":1}", ",\"v\":1,\"w\":1}"),
        (",\"v\":1}", ",\"v\":1.0}"),
        ("{\"action\":", "{\"v\":1,\"action\":"),
        ("\"metadata\":{", "\"metadata\": {"),
        ("\"recordedAt\":", "\"recordedAt\": "),
    ]);
    spelled(scene, dice, spelling, |_| None)
}

/// A line that hashes to its hash but says what no event can say: there is no canonical form to hash.
fn no_event(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let word = *dice.pick(&[
        ("\"outcome\":\"", "\"outcome\":\"un"),
        ("\"actorType\":\"", "\"actorType\":\"super"),
        ("\"partnerSlug\":null", "\"partnerSlug\":\"\""),
        ("\"action\":\"", "\"action\":\".\u{e9}"),
        ("\"resourceName\":null", "\"resourceName\":\"\\u0000\""),
        ("\"metadata\":{", "\"metadata\":{\"n\":1e400,"),
        ("\"metadata\":{", "\"metadata\":{\"d\":1,\"d\":1,"),
    ]);
    spelled(scene, dice, word, |_| Some(Hash::ZERO))
}

/// Replaces the first `from` of a line by `to`, makes the line's hash right for those bytes and chains
/// the rest behind it. `actual` says from the honest hash what stands under `actual`, zeros for nothing;
/// `None` if the line is no line in any case.
fn spelled(
    scene: &Scene<'_>,
    dice: &mut Dice,
    (from, to): (&str, &str),
    actual: fn(Hash) -> Option<Hash>,
) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let was = body.lines[i].clone();
    let text = std::str::from_utf8(&was.bytes).expect("a line is text");
    let text = text.replacen(from, to, 1);
    if text.as_bytes() == was.bytes {
        return None;
    }
    let own = was.event.hash.to_hex();
    let member = format!("\"hash\":\"{own}\",");
    let without = text.replacen(&member, "", 1);
    let stored = Hash(Sha256::digest(without.trim_end_matches('\n')).into());
    let bytes = text.replacen(&own, &stored.to_hex(), 1).into_bytes();
    let mut event = was.event.clone();
    event.hash = stored;
    let seq = event.seq;
    body.lines[i] = Rc::new(Line { bytes, event });
    body.rechain(i + 1, scene);
    let block = scene.block_of(&body, i);
    let found = hash(seq, &body.lines[i].bytes[..body.lines[i].bytes.len() - 1], block);
    let breaks = match actual(was.event.hash) {
        None => vec![found],
        Some(_) if seq <= scene.parse_after() => vec![],
        Some(actual) => {
            let actual = (actual != Hash::ZERO).then(|| actual.to_hex());
            vec![Break { expected: Some(stored.to_hex()), actual, ..found }]
        }
    };
    Some(of_lines(scene, &body, breaks))
}

/// The checkpoints over a rewritten history are made to fit, by somebody without a key.
fn foreign_signature(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    let from = scene.first + i as u64;
    if scene.end.is_some() || !scene.given.iter().flatten().any(|c| c.head_seq >= from) {
        return None;
    }
    let draft = events::draft(dice, 5000, body.lines[i].event.draft.at());
    body.lines[i] = forged(&body.lines[i], |event| event.draft = draft);
    body.rechain(i, scene);
    let heads: Vec<u64> = scene.given.iter().flatten().map(|c| c.head_seq).collect();
    let mut made = checkpoints(&scene.base.own.name, &body.lines, &heads, &scene.base.keys);
    let mut breaks = statements(scene, &body.lines, None, &scene.anchors);
    for checkpoint in made.iter_mut().filter(|c| c.head_seq >= from) {
        sign(checkpoint, &scene.base.keys.foreign);
        breaks.push(signature(checkpoint.head_seq));
    }
    let mut handed = scene.with_body(&body);
    handed.checkpoints = Some(made.iter().map(Checkpoint::line).collect());
    let expected = Expected::of(scene, &scene.anchors, breaks);
    Some(Mutant { handed, expected })
}

/// The same by somebody who holds the keys: only what was kept outside can tell.
fn real_signature(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut body = scene.body();
    let i = scene.pick_line(dice);
    if scene.end.is_some() || scene.given.is_none() {
        return None;
    }
    let draft = events::draft(dice, 5000, body.lines[i].event.draft.at());
    body.lines[i] = forged(&body.lines[i], |event| event.draft = draft);
    body.rechain(i, scene);
    Some(signed_anew(scene, &body, vec![]))
}
