mod rules;

use super::*;
use crate::admit::complete_draft;
use crate::json::{Limits, Object, Value, parse};
use crate::testing::any_draft;
use proptest::prelude::*;

fn writer(chain: &ChainName) -> Writer<'_> {
    let now = Timestamp::parse("2026-11-25T12:00:00Z").unwrap();
    Writer { chain, writer: "test", nonce: "nonce".to_owned(), now, threads: 1 }
}

/// `count` drafts whose metadata holds `size` bytes that do not compress.
fn drafts(count: usize, size: usize) -> Vec<Draft> {
    (0..count)
        .map(|i| {
            let noise: String =
                (0..size.div_ceil(64)).map(|j| Hash::of(format!("{i} {j}").as_bytes()).to_hex()).collect();
            let pieces = noise.as_bytes().chunks(8000).map(|c| String::from_utf8_lossy(c).into_owned().into());
            let mut draft = Draft::internal(
                "test.noise",
                format!("n{i}"),
                Timestamp::from_unix_millis(1_700_000_000_000 + i64::try_from(i).unwrap()).unwrap(),
                Object::of([("noise", Value::Array(pieces.collect()))]),
            )
            .unwrap();
            draft.action = crate::names::Action::new("test.noise").unwrap();
            draft
        })
        .collect()
}

fn build(drafts: &[Draft]) -> (Block, usize) {
    let chain = ChainName::new("test").unwrap();
    Block::build(&writer(&chain), &Head::EMPTY, &drafts.iter().collect::<Vec<_>>())
}

#[test]
fn blocks_keep_their_caps_whatever_the_events() {
    for (count, size) in [(1, 10), (64, 10), (65, 10), (1500, 10), (1500, 400), (20, 60_000), (7, 64_000)] {
        let drafts = drafts(count, size);
        let (block, taken) = build(&drafts);
        assert!((1..=count.min(MAX_EVENTS)).contains(&taken), "{count} of {size}: {taken}");
        assert!(block.body.len() <= MAX_COMPRESSED_BYTES, "{count} of {size}: {}", block.body.len());
        assert!(block.to_row().len() < 390 * 1024);
        assert!(block.lines().unwrap().len() <= MAX_PLAIN_BYTES);
        assert_eq!(block.check_in_full(2).unwrap().hashes.len(), taken);
        for seq in [1, block.header.last_seq()] {
            let line = block.line(seq).unwrap().unwrap();
            assert_eq!(Event::from_line(&line).unwrap().seq, seq);
        }
        assert_eq!(block.line(block.header.last_seq() + 1).unwrap(), None);
        assert_eq!(Block::from_row(&block.to_row()).unwrap(), block);
    }
    assert_eq!(build(&drafts(1500, 10)).1, 1000);
}

#[test]
fn a_block_never_falls_back_in_time() {
    let chain = ChainName::new("test").unwrap();
    let later = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
    let head = Head { recorded_at: Some(later), ..Head::EMPTY };
    let drafts = drafts(1, 10);
    let (block, _) = Block::build(&writer(&chain), &head, &[&drafts[0]]);
    assert_eq!(block.header.recorded_at, later);
}

/// Every byte of a row has one right value: whichever is changed, the full check fails.
#[test]
fn every_changed_byte_shows() {
    // All of a small block; of one with two members, as many as take no longer.
    for (count, step) in [(3, 1), (70, 41)] {
        let row = build(&drafts(count, 30)).0.to_row();
        for at in (0..row.len()).step_by(step) {
            let mut changed = row.clone();
            changed[at] ^= 1;
            let outcome = Block::from_row(&changed).and_then(|block| block.check_in_full(0));
            assert!(outcome.is_err(), "byte {at} of {}", row.len());
            assert!(Block::from_row(&row[..at]).and_then(|b| b.check_in_full(0)).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn zcat_reads_the_body() {
    use std::io::Read;
    let (block, _) = build(&drafts(130, 30));
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(&block.body[..]).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, block.lines().unwrap());
    assert_eq!(block.header.members.len(), 3);
}

#[test]
fn a_gzip_bomb_is_refused() {
    let bomb = gzip::Packer::new().pack(&vec![b'a'; 8 * 1024 * 1024]);
    let refusal = gzip::Unpacker::new().unpack(&bomb, &mut Vec::new()).unwrap_err();
    assert_eq!(refusal.code, "block-unreadable");
}

/// Also where a stream ends behind the limit and within the room that there was, as behind other bytes.
#[test]
fn a_member_holds_what_it_may_and_not_a_byte_more() {
    const MOST: usize = MEMBER_EVENTS * (crate::event::MAX_LINE_BYTES + 1);
    for (bytes, fits) in [(MOST - 1, true), (MOST, true), (MOST + 1, false), (2 * MOST, false)] {
        let member = gzip::Packer::new().pack(&vec![b'a'; bytes]);
        for before in [0, 1000, MOST] {
            let mut out = vec![b'b'; before];
            assert_eq!(gzip::Unpacker::new().unpack(&member, &mut out).is_ok(), fits, "{bytes} behind {before}");
            assert!(out.capacity() < 3 * (MOST + before), "{bytes} behind {before}: {}", out.capacity());
        }
    }
}

/// The block with these members instead of its own, as somebody who packs it anew would make it.
fn packed(block: &Block, members: &[(&[u8], u32)]) -> Block {
    let mut block = block.clone();
    let packed: Vec<_> = members.iter().map(|(plain, events)| (gzip::Packer::new().pack(plain), *events)).collect();
    let member = |(bytes, events): &(Vec<u8>, u32)| Member { events: *events, bytes: bytes.len().try_into().unwrap() };
    block.header.members = packed.iter().map(member).collect();
    block.body = packed.into_iter().flat_map(|(bytes, _)| bytes).collect();
    block.header.digest = block.header.computed_digest(&block.body);
    block
}

/// Lines that hold and follow each other are not enough: a reader must be able to hold them.
#[test]
fn a_block_that_no_writer_makes_is_not_vouched_for() {
    let (block, _) = build(&drafts(65, 10));
    let plain = block.lines().unwrap();
    let code = |block: &Block| block.check_in_full(0).map(|_| ()).map_err(|refusal| refusal.code);
    let half = plain.iter().position(|b| *b == b'\n').unwrap() + 1;
    assert_eq!(code(&packed(&block, &[(&plain[..half], 1), (&plain[half..], 64)])), Ok(()));
    assert_eq!(code(&packed(&block, &[(&plain, 65)])), Err("block-too-large"));

    let chain = ChainName::new("test").unwrap();
    let drafts = drafts(1001, 10);
    let (mut first, _) = build(&drafts[..500]);
    let rest: Vec<&Draft> = drafts[500..].iter().collect();
    let (second, _) = Block::build(&writer(&chain), &first.header.head(), &rest);
    first.header.members.extend(&second.header.members);
    first.header.count += second.header.count;
    first.header.head_hash = second.header.head_hash;
    first.header.at_max = second.header.at_max;
    first.body.extend(&second.body);
    first.header.digest = first.header.computed_digest(&first.body);
    assert_eq!(code(&first), Err("block-too-large"));

    let bomb = vec![b'\n'; MAX_PLAIN_BYTES / 2];
    assert_eq!(code(&packed(&block, &[(&bomb, 1), (&bomb, 1), (&bomb, 1)])), Err("block-too-large"));
}

/// Times have many spellings, and a header one.
#[test]
fn a_header_has_one_spelling() {
    let row = build(&drafts(1, 10)).0.to_row();
    let at = row.iter().position(|b| *b == b'\n').unwrap();
    let header = String::from_utf8(row[..at].to_vec()).unwrap();
    for (from, to) in [
        ("12:00:00.000Z", "12:00:00Z"),
        ("T12:00:00.000Z", "T13:00:00.000+01:00"),
        ("\"n\":1", "\"n\":1.0"),
        ("\"n\":1", "\"n\": 1"),
    ] {
        let changed = header.replacen(from, to, 1);
        assert_ne!(changed, header, "{from}");
        assert_eq!(Header::parse(changed.as_bytes()).unwrap_err().code, "not-canonical", "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_admissible_events_make_a_sound_block(drafts in prop::collection::vec(any_draft(), 1..20)) {
        let (block, taken) = build(&drafts);
        prop_assert_eq!(taken, drafts.len());
        let plain = block.check_in_full(3).unwrap().plain;
        let lines = plain.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        let events: Vec<_> = lines.map(|l| Event::from_line(l).unwrap()).collect();
        for (event, draft) in events.iter().zip(&drafts) {
            prop_assert_eq!(&event.draft, draft);
            prop_assert_eq!(&complete_draft(parse(&draft.canonical(), Limits::FORMAT).unwrap().as_object().unwrap().clone()).unwrap(), draft);
        }
    }
}
