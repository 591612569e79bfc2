//! Headers of blocks that say something else than their lines, and lines that were put under a header
//! that does not know them.

use super::blocks::{Target, place_of, shortened, with_body, with_row};
use super::{Kind, Mutant};
use crate::dice::Dice;
use crate::events;
use crate::log::next_line;
use crate::oracle::{header, unreadable_block};
use crate::scene::Scene;
use domain::block::gzip::Packer;
use domain::block::{Header, Member};
use domain::hash::Hash;
use domain::names::ChainName;
use domain::time::Timestamp;
use flate2::{Compression, GzBuilder};
use serde_json::Value;
use std::io::Write;

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "flip-a-bit-of-a-header", apply: flip_a_bit },
    Kind { name: "respell-a-header", apply: respell },
    Kind { name: "change-a-header-and-its-digest", apply: change },
    Kind { name: "change-a-digest", apply: change_digest },
    Kind { name: "state-other-gzip-members", apply: other_members },
    Kind { name: "pack-a-member-by-another-tool", apply: pack_anew },
    Kind { name: "cut-lines-off-under-an-old-header", apply: cut_lines_off },
    Kind { name: "add-a-line-under-an-old-header", apply: add_a_line },
];

/// A header that cannot be read says nothing of its lines: `block-unreadable` where they are expected. One
/// that can disagrees in the member that was changed; what nobody can hold it against shows in `digest`.
fn flip_a_bit(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    let mut row = scene.base.rows[place_of(target.n)].clone();
    let length = row.len() - target.block.body.len();
    row[dice.below(length)] ^= 1 << dice.below(8);
    Some(judged(scene, &target, row, length))
}

/// The same header in another spelling, which is not its canonical one.
fn respell(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    let row = &scene.base.rows[place_of(target.n)];
    let length = row.len() - target.block.body.len();
    let text = std::str::from_utf8(&row[..length]).expect("a header is text");
    let (from, to) = *dice.pick(&[
        ("{", "{ "),
        ("Z\"", "z\""),
        ("Z\"", "0Z\""),
        ("Z\"", "+00:00\""),
        (".000Z\"", "Z\""),
        ("\"n\":", "\"m\":1,\"n\":"),
        ("\"writer\":\"h", "\"writer\":\"\\u0068"),
        ("ö", "\\u00f6"),
        ("\"count\":", "\"count\":0"),
    ]);
    // Any of the three times, not only the first.
    let times = text.matches(from).count();
    let nth = dice.below(times.max(1));
    let (at, _) = text.match_indices(from).nth(nth)?;
    let spelled = [&text[..at], to, &text[at + from.len()..]].concat();
    let row = [spelled.as_bytes(), &target.block.body].concat();
    let found = unreadable_block(target.first_seq(), target.n);
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}

/// Judges a row of which something in the first `length` bytes, header and LF, was changed.
fn judged(scene: &Scene<'_>, target: &Target, row: Vec<u8>, length: usize) -> Mutant {
    let (first, n) = (target.first_seq(), target.n);
    let changed = row[..length].strip_suffix(b"\n").filter(|header| !header.contains(&b'\n')).and_then(readable);
    let found = match changed {
        None => unreadable_block(first, n),
        Some(changed) => {
            let was = &scene.base.rows[place_of(n)][..length];
            let was: Value = serde_json::from_slice(was).expect("an honest header");
            let differs = was.as_object().into_iter().flatten().find(|(name, value)| changed[name.as_str()] != **value);
            match differs.expect("one bit of one member").0.as_str() {
                "count" => {
                    let count = changed["count"].as_u64().unwrap_or_default();
                    header(first + count.min(target.lines.len() as u64), n, "count")
                }
                "chain" => header(first, n, "chain"),
                "n" => header(first, n, "n"),
                "firstSeq" => header(first, n, "firstSeq"),
                "prevHash" => header(first, n, "prevHash"),
                "headHash" => header(first, n, "headHash"),
                "atMin" => header(first, n, "atMin"),
                "atMax" => header(first, n, "atMax"),
                "recordedAt" => header(first, n, "recordedAt"),
                "members" => header(first, n, "members"),
                _ => header(first, n, "digest"),
            }
        }
    };
    with_row(scene, n, row, scene.lines(), vec![found])
}

/// The header, if it is the canonical form of one by section 6.
fn readable(bytes: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let object = value.as_object()?;
    let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let holds = |name: &str, value: &Value| match name {
        "n" | "firstSeq" | "count" => value.as_u64().is_some_and(|number| number > 0),
        "chain" => value.as_str().is_some_and(|text| ChainName::new(text).is_ok()),
        "prevHash" | "headHash" | "digest" => value.as_str().is_some_and(hex),
        "atMin" | "atMax" | "recordedAt" => {
            value.as_str().is_some_and(|text| Timestamp::parse(text).is_ok_and(|time| time.to_string() == text))
        }
        "writer" | "nonce" => value.is_string(),
        "members" => value.as_array().is_some_and(|members| {
            let number = |number: &Value| number.as_u64().is_some_and(|number| u32::try_from(number).is_ok());
            members.iter().all(|m| m.as_array().is_some_and(|m| m.len() == 2 && m.iter().all(number)))
        }),
        _ => false,
    };
    let whole = object.len() == 13 && object.iter().all(|(name, value)| holds(name, value));
    // All names are ASCII and all numbers whole, so that sorted and compact is canonical.
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    let text: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    (whole && format!("{{{}}}", text.join(",")).as_bytes() == bytes).then_some(value)
}

/// Somebody who knows how digests are made. `writer` and `nonce` are free text, so that nothing is wrong
/// with others.
fn change(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut target = Target::throw(scene, dice)?;
    let count = target.block.header.count;
    let said = &mut target.block.header;
    let by = 1 + dice.millis(100_000);
    let member = match dice.below(12) {
        0 => {
            said.chain = ChainName::new("other.log").expect("a name");
            Some("chain")
        }
        1 => {
            said.n += dice.between(1, 1000) as u64;
            Some("n")
        }
        2 => {
            said.first_seq += dice.between(1, 1000) as u64;
            Some("firstSeq")
        }
        3 => {
            said.count = dice.between(1, 70) as u64;
            Some("count")
        }
        4 => {
            said.prev_hash = Hash(dice.bytes());
            Some("prevHash")
        }
        5 => {
            said.head_hash = Hash(dice.bytes());
            Some("headHash")
        }
        6 => {
            said.at_min = said.at_min.plus_millis(if dice.once_in(2) { by } else { -by });
            Some("atMin")
        }
        7 => {
            said.at_max = said.at_max.plus_millis(if dice.once_in(2) { by } else { -by });
            Some("atMax")
        }
        8 => {
            said.recorded_at = said.recorded_at.plus_millis(if dice.once_in(2) { by } else { -by });
            Some("recordedAt")
        }
        9 => {
            said.members[0].events += 1;
            Some("members")
        }
        10 => {
            said.writer.push('!');
            None
        }
        _ => {
            said.nonce = String::new();
            None
        }
    };
    if member == Some("count") && said.count == count {
        return None;
    }
    let place = if member == Some("count") { count.min(said.count) } else { 0 };
    said.digest = said.computed_digest(&target.block.body);
    let found = member.map(|member| header(target.first_seq() + place, target.n, member));
    let row = target.block.to_row();
    Some(with_row(scene, target.n, row, scene.lines(), found.into_iter().collect()))
}

fn change_digest(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut target = Target::throw(scene, dice)?;
    target.block.header.digest = Hash(dice.bytes());
    let found = header(target.first_seq(), target.n, "digest");
    let row = target.block.to_row();
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}

/// `members` is one pair per gzip member: two told as one, or a seam told elsewhere, is neither damage nor
/// a missing line.
fn other_members(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut target = Target::throw(scene, dice)?;
    let said = &mut target.block.header;
    let m = dice.below(said.members.len());
    match dice.below(3) {
        0 => {
            let next = *said.members.get(m + 1)?;
            said.members[m].events += next.events;
            said.members[m].bytes += next.bytes;
            said.members.remove(m + 1);
        }
        1 => {
            let by = u32::try_from(dice.between(1, 12)).expect("a few");
            said.members.get_mut(m + 1)?.bytes += by;
            said.members[m].bytes -= by;
        }
        _ => {
            let half = said.members[m].bytes / 2;
            said.members[m].bytes -= half;
            said.members.insert(m + 1, Member { events: 0, bytes: half });
        }
    }
    said.digest = said.computed_digest(&target.block.body);
    let found = header(target.first_seq(), target.n, "members");
    let row = target.block.to_row();
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}

/// The same lines in other gzip bytes, which any reader unpacks: under the old header its lengths or its
/// digest tell, and under a header that was made to fit nothing is wrong with any line.
fn pack_anew(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let mut target = Target::throw(scene, dice)?;
    let lines = &scene.lines()[target.lines.clone()];
    let plain: Vec<u8> = lines.iter().flat_map(|line| line.bytes.iter().copied()).collect();
    let mut writer = GzBuilder::new().filename("lines").mtime(7).write(vec![], Compression::best());
    writer.write_all(&plain).expect("memory can be written");
    target.block.body = writer.finish().expect("memory can be written");
    let was = &scene.base.rows[place_of(target.n)];
    if dice.once_in(2) {
        let bytes = u32::try_from(target.block.body.len()).expect("a few");
        let events = u32::try_from(lines.len()).expect("a few");
        let said: &mut Header = &mut target.block.header;
        said.members = vec![Member { events, bytes }];
        said.digest = said.computed_digest(&target.block.body);
        return Some(with_row(scene, target.n, target.block.to_row(), scene.lines(), vec![]));
    }
    let members = &target.block.header.members;
    let fits = members.len() == 1 && members[0].bytes as usize == target.block.body.len();
    let found = header(target.first_seq(), target.n, if fits { "digest" } else { "members" });
    let row = with_body(was, &target.block.body);
    Some(with_row(scene, target.n, row, scene.lines(), vec![found]))
}

fn cut_lines_off(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    if target.lines.len() == 1 {
        return None;
    }
    let end = target.lines.start + dice.between(1, target.lines.len() - 1);
    let kept = &scene.lines()[target.lines.start..end];
    let plain: Vec<u8> = kept.iter().flat_map(|line| line.bytes.iter().copied()).collect();
    let row = with_body(&scene.base.rows[place_of(target.n)], &Packer::new().pack(&plain));
    Some(shortened(scene, &target, row, end))
}

/// At the end of the log, where it repeats no number: the header does not know it.
fn add_a_line(scene: &Scene<'_>, dice: &mut Dice) -> Option<Mutant> {
    let target = Target::throw(scene, dice)?;
    let mut lines = scene.lines().to_vec();
    if !target.is_last(scene) {
        return None;
    }
    let recorded_at = lines[target.lines.start].event.recorded_at;
    let draft = events::draft(dice, 5000, recorded_at);
    lines.push(next_line(&lines, &scene.base.own.name, draft, recorded_at));
    let plain: Vec<u8> = lines[target.lines.start..].iter().flat_map(|line| line.bytes.iter().copied()).collect();
    let row = with_body(&scene.base.rows[place_of(target.n)], &Packer::new().pack(&plain));
    let found = header(target.lines.end as u64 + 1, target.n, "count");
    Some(with_row(scene, target.n, row, &lines, vec![found]))
}
