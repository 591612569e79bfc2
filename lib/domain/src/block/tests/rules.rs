//! What a header, a member and a block may be, rule by rule.

use super::*;

/// A block of three members, and its header as an object.
fn sample() -> Block {
    build(&drafts(150, 30)).0
}

fn honest(mut block: Block) -> Block {
    block.header.digest = block.header.computed_digest(&block.body);
    block
}

/// The lines of a block, packed anew in members of these, with a header that fits as far as it can.
fn packed(block: &Block, lines: &[Vec<u8>], members: &[usize]) -> Block {
    let mut made = Block { header: block.header.clone(), body: Vec::new() };
    made.header.members.clear();
    let mut rest = lines;
    for events in members {
        let (these, others) = rest.split_at(*events);
        rest = others;
        let bytes = gzip::Packer::new().pack(&these.concat());
        let (events, length) = (u32::try_from(*events).unwrap(), u32::try_from(bytes.len()).unwrap());
        made.header.members.push(Member { events, bytes: length });
        made.body.extend(bytes);
    }
    honest(made)
}

fn lines(block: &Block) -> Vec<Vec<u8>> {
    block.lines().unwrap().split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

fn refused(block: &Block) -> (&'static str, String) {
    let one = block.check_in_full(0).unwrap_err();
    assert_eq!(block.check_in_full(3).unwrap_err(), one);
    (one.code, one.pointer)
}

fn at(code: &'static str, pointer: &str) -> (&'static str, String) {
    (code, pointer.to_owned())
}

#[test]
fn a_header_is_read_strictly() {
    let block = sample();
    let row = block.to_row();
    let text = std::str::from_utf8(split_row(&row).unwrap().0).unwrap();
    assert_eq!(Header::parse(text.as_bytes()).unwrap(), block.header);
    let with = |from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        match Header::parse(text.replace(from, to).as_bytes()) {
            Ok(_) => at("taken", ""),
            Err(refusal) => (refusal.code, refusal.pointer),
        }
    };
    assert_eq!(Header::parse(b"[]").unwrap_err().code, "wrong-type");
    assert_eq!(with("\"n\":1", "\"n\": 1"), at("not-canonical", ""));
    assert_eq!(with("\"chain\":\"test\"", "\"chain\":\"T\""), at("invalid-chain", "/chain"));
    assert_eq!(with("\"nonce\":\"nonce\"", "\"nonce\":\"nonce\",\"o\":1"), at("unknown-member", "/o"));
    for (from, to) in [("\"n\":1", "\"n\":0"), ("\"firstSeq\":1", "\"firstSeq\":0"), ("\"count\":150", "\"count\":0")] {
        assert_eq!(with(from, to), at("invalid-number", ""), "{to}");
    }
    // A chain ends before 2^53, the greatest number that JSON keeps.
    assert_eq!(with("\"n\":1", "\"n\":9007199254740991"), at("taken", ""));
    assert_eq!(with("\"firstSeq\":1", "\"firstSeq\":9007199254740841"), at("taken", ""));
    assert_eq!(with("\"firstSeq\":1", "\"firstSeq\":9007199254740842"), at("invalid-number", ""));
    let members = block.header.members[1];
    let pair = format!("[{},{}]", members.events, members.bytes);
    for other in ["64", "[64]", "[64,1,2]", "[\"64\",1]", "[64,null]", "[-1,1]", "[1.5,1]", "[1,4294967296]"] {
        assert_eq!(with(&pair, other), at("wrong-type", "/members"), "{other}");
    }
}

#[test]
fn the_head_of_a_block_is_its_last_event() {
    let block = sample();
    let head = Head { block: 1, seq: 150, hash: block.header.head_hash, recorded_at: Some(block.header.recorded_at) };
    assert_eq!((block.header.head(), block.header.last_seq()), (head, 150));
    let chain = ChainName::new("test").unwrap();
    let drafts = drafts(70, 30);
    let (next, _) = Block::build(&writer(&chain), &head, &drafts.iter().collect::<Vec<_>>());
    let header = &next.header;
    assert_eq!((header.n, header.first_seq, header.count, header.last_seq()), (2, 151, 70, 220));
    assert_eq!((header.prev_hash, header.head().block), (head.hash, 2));
    assert_eq!((header.at_min, header.at_max), (drafts[0].at(), drafts[69].at()));
    assert_eq!(next.check_in_full(0).unwrap().hashes.len(), 70);
    let members: Vec<_> = header.members.iter().map(|member| member.events).collect();
    assert_eq!(members, [64, 6]);
}

#[test]
fn one_line_is_found_in_its_member() {
    let block = sample();
    let lines = lines(&block);
    for seq in [1, 2, 64, 65, 128, 129, 150] {
        let line = block.line(seq).unwrap().unwrap();
        assert_eq!([&line[..], b"\n"].concat(), lines[usize::try_from(seq).unwrap() - 1], "{seq}");
    }
    assert_eq!((block.line(0).unwrap(), block.line(151).unwrap()), (None, None));
    let mut damaged = block;
    damaged.header.members[0].bytes += 1;
    assert_eq!(damaged.line(1).unwrap_err().pointer, "/members");
    assert_eq!(damaged.lines().unwrap_err().pointer, "/members");
}

#[test]
fn the_views_of_a_block_are_its_lines() {
    let plain = sample().lines().unwrap();
    let seqs: Vec<u64> = views(&plain).map(|view| view.seq).collect();
    assert_eq!(seqs, (1..=150).collect::<Vec<_>>());
}

#[test]
fn members_are_closed_when_they_hold_enough() {
    let events = |size: usize| {
        let (block, _) = build(&drafts(4, size));
        block.header.members.iter().map(|member| member.events).collect::<Vec<_>>()
    };
    // A line of 30 KB: the third makes 64 KiB full. One of 70 KB would do so alone.
    assert_eq!(events(30_000), [3, 1]);
    assert_eq!(events(64_000), [2, 2]);
    assert_eq!(events(1000), [4]);
}

#[test]
fn a_block_is_as_full_as_its_caps_allow() {
    let (noise, taken) = build(&drafts(200, 5_000));
    assert!(taken < 200 && noise.body.len() > MAX_COMPRESSED_BYTES - MEMBER_PLAIN_BYTES, "{}", noise.body.len());
    // What compresses well is held back by its plain length.
    let long = |n| {
        let metadata = Object::of([("p", "p".repeat(60_000).into())]);
        Draft::internal("a", format!("{n}"), Timestamp::from_unix_millis(0).unwrap(), metadata).unwrap()
    };
    let (block, taken) = build(&(0..75).map(long).collect::<Vec<_>>());
    let plain = block.lines().unwrap().len();
    assert!(taken < 75 && plain > MAX_PLAIN_BYTES - 2 * crate::event::MAX_LINE_BYTES, "{plain}");
}

#[test]
fn lines_never_unpack_to_more_than_a_block_may_hold() {
    let mut block = sample();
    let plain = vec![b'x'; MAX_PLAIN_BYTES / 2];
    let of = |plain: &[u8]| gzip::Packer::new().pack(plain);
    let (half, more) = (of(&plain), of(&[&plain[..], b"x"].concat()));
    let member = |bytes: &[u8]| Member { events: 1, bytes: u32::try_from(bytes.len()).unwrap() };
    block.body = [&half[..], &half].concat();
    block.header.members = vec![member(&half), member(&half)];
    assert_eq!(block.lines().unwrap().len(), MAX_PLAIN_BYTES);
    block.body = [&half[..], &more].concat();
    block.header.members = vec![member(&half), member(&more)];
    assert_eq!(block.lines().unwrap_err().code, "block-unreadable");
}

#[test]
fn each_member_of_a_header_is_checked_in_full() {
    let with = |touch: &dyn Fn(&mut Header)| {
        let mut block = sample();
        touch(&mut block.header);
        refused(&honest(block))
    };
    let disagrees = |member: &str| at("header-mismatch", &format!("/{member}"));
    assert_eq!(with(&|header| header.members[0].events = 63), disagrees("members"));
    assert_eq!(with(&|header| header.members[2].bytes -= 1), disagrees("members"));
    assert_eq!(with(&|header| header.count = 149), disagrees("count"));
    assert_eq!(with(&|header| header.count = 151), disagrees("count"));
    assert_eq!(with(&|header| header.head_hash = Hash::ZERO), disagrees("headHash"));
    assert_eq!(with(&|header| header.at_min = header.at_min.plus_millis(1)), disagrees("atMin"));
    assert_eq!(with(&|header| header.at_min = header.at_min.plus_millis(-1)), disagrees("atMin"));
    assert_eq!(with(&|header| header.at_max = header.at_max.plus_millis(1)), disagrees("atMax"));
    assert_eq!(with(&|header| header.at_max = header.at_max.plus_millis(-1)), disagrees("atMax"));
    assert_eq!(with(&|header| header.recorded_at = header.recorded_at.plus_millis(1)), disagrees("recordedAt"));
    assert_eq!(with(&|header| header.first_seq = 2), at("not-linked", "/2"));
    assert_eq!(with(&|header| header.prev_hash = Hash::of(b"another")), at("not-linked", "/1"));
    let chain = |header: &mut Header| header.chain = ChainName::new("other").unwrap();
    assert_eq!(with(&chain), at("header-mismatch", "/1/chain"));
    let mut block = sample();
    block.header.writer = "another".to_owned();
    assert_eq!(refused(&block), disagrees("digest"));
}

#[test]
fn every_line_follows_the_one_before_within_a_member_and_between_two() {
    let block = sample();
    let good = lines(&block);
    assert_eq!(packed(&block, &good, &[40, 60, 50]).check_in_full(2).unwrap().plain, good.concat());
    // What replaces line 50: one event of another time, chain or place, sealed for itself.
    let replaced = |touch: &dyn Fn(&mut Event)| {
        let mut lines = good.clone();
        let mut event = Event::from_line(lines[49].strip_suffix(b"\n").unwrap()).unwrap();
        touch(&mut event);
        lines[49] = [&event.line()[..], b"\n"].concat();
        [&[40, 60, 50][..], &[49, 1, 50, 50], &[60, 60, 30]].map(|sizes| refused(&packed(&block, &lines, sizes)))
    };
    assert_eq!(replaced(&|event| event.seq = 51), ["/41/50", "/50", "/1/50"].map(|place| at("not-linked", place)));
    let other = |event: &mut Event| event.prev_hash = Hash::ZERO;
    assert_eq!(replaced(&other), ["/41/50", "/50", "/1/50"].map(|place| at("not-linked", place)));
    let later = |event: &mut Event| event.recorded_at = event.recorded_at.plus_millis(1);
    let times = ["/41/recordedAt", "/recordedAt", "/1/recordedAt"];
    assert_eq!(replaced(&later), times.map(|place| at("header-mismatch", place)));
    let chain = |event: &mut Event| event.chain = ChainName::new("other").unwrap();
    assert_eq!(replaced(&chain), ["/41/chain", "/50/chain", "/1/chain"].map(|place| at("header-mismatch", place)));
    // One member is of one time, and the header of another.
    let mut lines = good.clone();
    let mut before = Event::from_line(lines[127].strip_suffix(b"\n").unwrap()).unwrap().hash;
    for line in &mut lines[128..] {
        let mut event = Event::from_line(line.strip_suffix(b"\n").unwrap()).unwrap();
        event.recorded_at = event.recorded_at.plus_millis(1);
        event.prev_hash = before;
        before = event.draft.seal(&event.place()).1;
        *line = [&event.line()[..], b"\n"].concat();
    }
    assert_eq!(refused(&packed(&block, &lines, &[64, 64, 22])), at("header-mismatch", "/recordedAt"));
}

#[test]
fn a_member_holds_whole_lines_and_at_least_one() {
    let block = sample();
    let mut cut = lines(&block);
    cut[149].pop();
    assert_eq!(refused(&packed(&block, &cut, &[64, 64, 22])), at("header-mismatch", "/129/body"));
    let lines = lines(&block);
    assert_eq!(refused(&packed(&block, &lines, &[64, 64, 22, 0])), at("header-mismatch", "/151/body"));
}

#[test]
fn a_gzip_member_is_exactly_one_member() {
    let unpack = |member: &[u8]| {
        let mut out = b"before".to_vec();
        let outcome = gzip::Unpacker::new().unpack(member, &mut out);
        (outcome.map_err(|refusal| refusal.detail), out)
    };
    for plain in [&b""[..], b"x", &[b'x'; 100_000], &drafts(30, 3000)[0].canonical()] {
        let member = gzip::Packer::new().pack(plain);
        assert_eq!(unpack(&member), (Ok(()), [b"before", plain].concat()));
        let refused = |member: &[u8], why: &str| {
            assert_eq!(unpack(member).0, Err(format!("gzip member: {why}")));
        };
        for cut in [0, 9, 10, 17] {
            refused(&member[..cut], "its header is not the fixed one");
        }
        let length = member.len();
        let deflated = &member[10..length - 8];
        let with = |deflated: &[u8]| [&member[..10], deflated, &member[length - 8..]].concat();
        refused(&with(&deflated[..deflated.len() - 1]), "its deflate stream is cut short");
        refused(&with(b""), "its deflate stream is cut short");
        refused(&with(&[deflated, b"x"].concat()), "bytes follow its deflate stream");
        let mut longer = member.clone();
        longer[length - 4] ^= 1;
        refused(&longer, "its check values do not match");
        // What could be read stays, however little was stated.
        let stated = [&member[..length - 4], &[0; 4]].concat();
        let (outcome, out) = unpack(&stated);
        assert_eq!((outcome.is_ok(), out), (plain.is_empty(), [b"before", plain].concat()));
        // The stated length is no promise: it is reserved no more than a member may hold.
        longer[length - 1] = 0xff;
        refused(&longer, "its check values do not match");
    }
}

#[test]
fn a_gzip_member_holds_sixty_four_of_the_longest_lines() {
    let most = MEMBER_EVENTS * (crate::event::MAX_LINE_BYTES + 1);
    let unpack =
        |bytes: usize| gzip::Unpacker::new().unpack(&gzip::Packer::new().pack(&vec![b'x'; bytes]), &mut Vec::new());
    assert_eq!(unpack(most), Ok(()));
    // What stood in the buffer before is not counted, whatever length is stated.
    let mut member = gzip::Packer::new().pack(&vec![b'x'; most - 100_000]);
    let length = member.len();
    member[length - 4..].fill(0);
    let refusal = gzip::Unpacker::new().unpack(&member, &mut vec![0; most / 2]).unwrap_err();
    assert_eq!(refusal.detail, "gzip member: its check values do not match");
    assert_eq!(unpack(most + 70_000).unwrap_err().detail, "gzip member: it unpacks to more than a member may hold");
}
