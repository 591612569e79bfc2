//! What the row of a block says, and what its header says of its lines.

use super::*;
use crate::block::{Header, Member, gzip};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// A block of these events as a writer would have packed them, with a number of them in each member.
fn packed(n: u64, events: &[Event], per_member: usize) -> Block {
    let (mut body, mut members) = (Vec::new(), Vec::new());
    for part in events.chunks(per_member) {
        let member = gzip::Packer::new().pack(&bytes(part));
        let (events, bytes) = (u32::try_from(part.len()).unwrap(), u32::try_from(member.len()).unwrap());
        members.push(Member { events, bytes });
        body.extend(member);
    }
    let header = Header {
        chain: name(),
        n,
        first_seq: events[0].seq,
        count: events.len() as u64,
        prev_hash: events[0].prev_hash,
        head_hash: events[events.len() - 1].hash,
        at_min: events.iter().map(|event| event.draft.at()).min().unwrap(),
        at_max: events.iter().map(|event| event.draft.at()).max().unwrap(),
        recorded_at: events[0].recorded_at,
        writer: "w".to_owned(),
        nonce: "n".to_owned(),
        members,
        digest: Hash::ZERO,
    };
    honest(Block { header, body })
}

fn honest(mut block: Block) -> Block {
    block.header.digest = block.header.computed_digest(&block.body);
    block
}

/// Events that were recorded at one time, as those of a block are.
fn together(count: u64) -> Vec<Event> {
    let mut events = events(count);
    events.iter_mut().for_each(|event| event.recorded_at = second(90));
    seal(&mut events);
    events
}

fn of(blocks: &[Block]) -> Vec<(&'static str, u64, &'static str)> {
    breaks(&walk(rows(blocks), &[], &[], &options()))
}

/// Bytes as any gzip program would pack them.
fn gzip_of(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn blocks_that_hold_are_sound() {
    let options = options();
    for counts in [&[1, 2, 3][..], &[1000, 1], &[65, 64]] {
        let blocks = blocks(counts);
        for (block, row) in blocks.iter().zip(rows(&blocks)) {
            let checked = check(row, &options);
            assert!(checked.sound.is_some(), "{counts:?}");
            assert_eq!(checked.greatest_seq(), block.header.last_seq());
        }
        assert_eq!(of(&blocks), []);
    }
    assert_eq!(of(&[packed(1, &together(5), 2)]), []);
}

#[test]
fn lines_that_hold_are_sound() {
    let events = events(5);
    for parse_after in [0, u64::MAX] {
        let checked = check(Chunk::Lines(bytes(&events[1..])), &Options { parse_after, ..options() });
        assert_eq!((checked.greatest_seq(), checked.items.len()), (5, 0));
        assert_eq!(checked.sound.unwrap().hashes.len(), 4);
    }
    let mut swapped = [events[2].clone(), events[4].clone(), events[3].clone()];
    let checked = check(Chunk::Lines(bytes(&swapped)), &options());
    assert!(checked.sound.is_none());
    assert_eq!((checked.greatest_seq(), checked.items.len()), (5, 3));
    swapped[1].seq = 4;
    swapped[1].recorded_at = second(1);
    seal(&mut swapped);
    assert!(check(Chunk::Lines(bytes(&swapped)), &options()).sound.is_none());
    assert_eq!(check(Chunk::Junk, &options()).greatest_seq(), 0);
}

#[test]
fn each_member_of_a_header_is_held_against_the_lines() {
    let events = together(9);
    let before = packed(1, &events[..3], 2);
    let found = |touch: &dyn Fn(&mut Header)| {
        let mut block = packed(2, &events[3..7], 2);
        touch(&mut block.header);
        let report = walk(rows(&[before.clone(), honest(block)]), &[], &[], &options());
        assert!(report.breaks.iter().all(|found| found.block == Some(2)));
        assert_eq!((report.events_verified, report.events_total), (7, 7));
        breaks(&report)
    };
    let mismatch = |seq, member| ("block-header-mismatch", seq, member);
    assert_eq!(found(&|_| ()), []);
    assert_eq!(found(&|header| header.chain = ChainName::new("other").unwrap()), [mismatch(4, "chain")]);
    assert_eq!(found(&|header| header.first_seq = 5), [mismatch(4, "firstSeq")]);
    assert_eq!(found(&|header| header.count = 5), [mismatch(8, "count")]);
    assert_eq!(found(&|header| header.count = 3), [mismatch(7, "count")]);
    assert_eq!(found(&|header| header.prev_hash = Hash::ZERO), [mismatch(4, "prevHash")]);
    assert_eq!(found(&|header| header.head_hash = Hash::ZERO), [mismatch(4, "headHash")]);
    assert_eq!(found(&|header| header.at_min = second(3)), [mismatch(4, "atMin")]);
    assert_eq!(found(&|header| header.at_min = second(5)), [mismatch(4, "atMin")]);
    assert_eq!(found(&|header| header.at_max = second(8)), [mismatch(4, "atMax")]);
    assert_eq!(found(&|header| header.at_max = second(6)), [mismatch(4, "atMax")]);
    assert_eq!(found(&|header| header.recorded_at = second(91)), [mismatch(4, "recordedAt")]);
    assert_eq!(found(&|header| header.members[0].events = 1), [mismatch(4, "members")]);
    assert_eq!(found(&|header| header.members[1].bytes += 1), [mismatch(4, "members")]);
    // What follows from a count that disagrees is not told beside it; what does not is.
    let more = |header: &mut Header| (header.count, header.head_hash, header.at_max) = (5, Hash::ZERO, second(8));
    assert_eq!(found(&more), [mismatch(8, "count")]);
    let both = |header: &mut Header| (header.count, header.prev_hash) = (5, Hash::ZERO);
    assert_eq!(found(&both), [mismatch(4, "prevHash"), mismatch(8, "count")]);
    // The digest, only if nothing else disagrees.
    let digest = |touch: &dyn Fn(&mut Header)| {
        let mut block = packed(2, &events[3..7], 2);
        touch(&mut block.header);
        of(&[before.clone(), block])
    };
    assert_eq!(digest(&|header| header.writer = "another".to_owned()), [mismatch(4, "digest")]);
    assert_eq!(digest(&|header| header.at_max = second(8)), [mismatch(4, "atMax")]);
    // The number is that of the row's key.
    let row = packed(2, &events[3..7], 2).to_row();
    let keyed = walk(vec![rows(&[before]).remove(0), Chunk::Block { n: 3, row }], &[], &[], &options());
    assert_eq!((breaks(&keyed), keyed.first_break.unwrap().block), (vec![mismatch(4, "n")], Some(3)));
}

#[test]
fn a_block_has_one_time() {
    for late in 1..4 {
        let mut events = together(4);
        events[late..].iter_mut().for_each(|event| event.recorded_at = second(91));
        seal(&mut events);
        assert_eq!(of(&[packed(1, &events, 9)]), [("block-header-mismatch", 1, "recordedAt")]);
    }
}

#[test]
fn times_of_events_need_no_order_in_a_block() {
    let mut events = together(5);
    for (event, at) in events.iter_mut().zip([5, 9, 2, 7, 2]) {
        event.draft.at = second(at);
    }
    seal(&mut events);
    let mut block = packed(1, &events, 2);
    assert_eq!((block.header.at_min, block.header.at_max), (second(2), second(9)));
    assert_eq!(of(std::slice::from_ref(&block)), []);
    block.header.members[1].events = 1;
    assert_eq!(of(&[honest(block)]), [("block-header-mismatch", 1, "members")]);
}

#[test]
fn a_header_is_only_held_against_lines_that_hold() {
    let events = together(7);
    let wrong = |mut block: Block| {
        block.header.head_hash = Hash::ZERO;
        honest(block)
    };
    let whole = || packed(1, &events[..3], 2);
    // A seam that does not hold, a number that is missing, an order that falls.
    assert_eq!(of(&[whole(), wrong(packed(2, &events[4..], 2))]), [("event-seq-gap", 4, "")]);
    let mut early = events[3..].to_vec();
    early.iter_mut().for_each(|event| event.recorded_at = second(80));
    seal(&mut early);
    let found = of(&[whole(), wrong(packed(2, &early, 2))]);
    assert_eq!(found, [("event-order-mismatch", 4, "recordedAt")]);
    let mut unlinked = events[3..].to_vec();
    unlinked[2].prev_hash = Hash::ZERO;
    seal(&mut unlinked[2..]);
    let found = of(&[whole(), wrong(packed(2, &unlinked, 2))]);
    assert_eq!(found, [("event-prev-hash-mismatch", 6, "")]);
    let mut skipping = events[3..].to_vec();
    skipping.iter_mut().skip(2).for_each(|event| event.seq += 1);
    seal(&mut skipping);
    assert_eq!(of(&[whole(), wrong(packed(2, &skipping, 2))]), [("event-seq-gap", 6, "")]);
    let mut falling = events[3..].to_vec();
    falling[3].seq = 2;
    seal(&mut falling);
    assert_eq!(of(&[whole(), wrong(packed(2, &falling, 2))]), [("event-seq-gap", 2, "")]);
    falling[3].prev_hash = Hash::ZERO;
    seal(&mut falling[3..]);
    assert_eq!(of(&[whole(), wrong(packed(2, &falling, 2))]), [("event-seq-gap", 2, "")]);
    let mut foreign = events[3..].to_vec();
    foreign.iter_mut().skip(2).for_each(|event| event.chain = ChainName::new("other").unwrap());
    seal(&mut foreign);
    let order = |seq| ("event-order-mismatch", seq, "chain");
    assert_eq!(of(&[whole(), wrong(packed(2, &foreign, 2))]), [order(6), order(7)]);
    assert_eq!(of(&[whole(), wrong(packed(2, &events[3..], 2))]), [("block-header-mismatch", 4, "headHash")]);
}

#[test]
fn lines_of_a_damaged_member_count_as_far_as_they_can_be_proven() {
    let events = together(9);
    let block = packed(1, &events, 3);
    let first = block.header.members[0].bytes as usize;
    let second = first + block.header.members[1].bytes as usize;
    let unreadable = |seq| ("block-unreadable", seq, "");
    let with = |touch: &dyn Fn(&mut Vec<u8>)| {
        let mut touched = block.clone();
        touch(&mut touched.body);
        walk(rows(&[touched]), &[], &[], &options())
    };
    // The check value: all three lines were read. Behind them the next is taken as it stands.
    let report = with(&|body| body[second - 6] ^= 1);
    assert_eq!((breaks(&report), report.events_verified, report.events_total), (vec![unreadable(7)], 9, 9));
    assert_eq!(report.first_break.unwrap().block, Some(1));
    // The header of the member: any gzip reader takes it with another system.
    let report = with(&|body| body[first + 9] = 3);
    assert_eq!(breaks(&report), [("block-header-mismatch", 1, "digest")]);
    let report = with(&|body| body[first] = 0);
    assert_eq!((breaks(&report), report.events_total), (vec![unreadable(4)], 6));
    // Two members in a row: neither says more than that nothing behind the last line can be proven.
    let report = with(&|body| (body[first], body[second]) = (0, 0));
    assert_eq!((breaks(&report), report.events_total), (vec![unreadable(4), unreadable(4)], 3));
    // A line that was changed in a member that is damaged, too, is not proven.
    let plain = String::from_utf8(bytes(&events[3..6])).unwrap();
    let changed = plain.replacen("\"seq\":5", "\"seq\":8", 1);
    let mut member = gzip::Packer::new().pack(changed.as_bytes());
    let length = member.len();
    member[length - 1] ^= 1;
    let mut touched = block.clone();
    touched.body.splice(first..second, member);
    touched.header.members[1].bytes = u32::try_from(length).unwrap();
    let report = walk(rows(&[honest(touched)]), &[], &[], &options());
    assert_eq!((breaks(&report), report.events_total), (vec![unreadable(5)], 7));
}

#[test]
fn an_external_id_in_a_damaged_member_is_not_forgotten() {
    let mut events = together(9);
    events[7].draft = draft(4);
    seal(&mut events);
    let mut block = packed(1, &events, 3);
    let second = (block.header.members[0].bytes + block.header.members[1].bytes) as usize;
    block.body[second - 6] ^= 1;
    let found = of(&[block]);
    assert_eq!(found, [("block-unreadable", 7, ""), ("event-order-mismatch", 8, "externalId")]);
}

#[test]
fn what_has_no_header_is_unpacked_as_one_gzip_file() {
    let events = together(6);
    let block = packed(1, &events, 2);
    let damage = ("block-unreadable", 1, "");
    let row = [b"no header\n", &block.body[..]].concat();
    let report = walk(vec![Chunk::Block { n: 1, row }], &[], &[], &options());
    assert_eq!((breaks(&report), report.events_total), (vec![damage], 6));
    let report = walk(vec![Chunk::Block { n: 1, row: b"no body".to_vec() }], &[], &[], &options());
    assert_eq!((breaks(&report), report.events_total), (vec![damage], 0));
    assert_eq!(report.first_break.unwrap().block, Some(1));
    // A header over nothing.
    let mut empty = block;
    (empty.body, empty.header.members) = (Vec::new(), Vec::new());
    assert_eq!(of(&[honest(empty)]), [damage]);
}

#[test]
fn a_block_holds_no_more_than_two_thousand_lines() {
    let events = together(2300);
    for (count, holds) in [(1001, true), (2000, true), (2001, false)] {
        let block = packed(1, &events[..count], 5000);
        let report = walk(rows(&[block]), &[], &[], &options());
        if holds {
            assert_eq!((breaks(&report), report.events_total), (vec![], count as u64));
        } else {
            assert_eq!((breaks(&report), report.events_total), (vec![("block-unreadable", 2001, "")], 2000));
        }
    }
    // The rest is not looked at, in whatever members it comes.
    let report = walk(rows(&[packed(1, &events, 100)]), &[], &[], &options());
    assert_eq!((breaks(&report), report.events_total), (vec![("block-unreadable", 2001, "")], 2000));
}

#[test]
fn a_body_that_unpacks_without_end_is_unreadable() {
    const MOST: usize = 8 * 1024 * 1024;
    let events = together(2);
    let mut block = packed(1, &events, 2);
    for (plain, kind) in [(MOST - 1, "event-hash-mismatch"), (MOST, "block-unreadable")] {
        block.body = gzip_of(&[bytes(&events), vec![b'x'; plain - bytes(&events).len()]].concat());
        block.header.members = vec![Member { events: 2, bytes: u32::try_from(block.body.len()).unwrap() }];
        assert_eq!(of(&[honest(block.clone())]), [(kind, 3, "")], "{plain}");
    }
}

#[test]
fn an_unreadable_line_names_its_block() {
    let events = together(4);
    let mut block = packed(1, &events, 4);
    let plain = [&bytes(&events[..2]), &b"nothing\n"[..], &bytes(&events[3..])].concat();
    block.body = gzip_of(&plain);
    block.header.members[0].bytes = u32::try_from(block.body.len()).unwrap();
    let report = walk(rows(&[honest(block)]), &[], &[], &options());
    assert_eq!(breaks(&report), [("event-hash-mismatch", 3, "")]);
    assert_eq!(report.first_break.unwrap().block, Some(1));
}
