mod rules;

use super::*;
use crate::admit::complete_draft;
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
