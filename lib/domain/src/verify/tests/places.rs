//! Places that a verifier must name exactly, one by one. Logs touched in every way are in `tests/tampering`.

use super::super::*;
use super::{name, signed};
use crate::block::{Block, Head, Writer};
use crate::checkpoint::Checkpoint;
use crate::event::{Draft, Event};
use crate::json::Object;
use crate::names::ChainName;
use crate::time::Timestamp;
use std::io::BufReader;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T12:00:00.000Z").unwrap()
}

/// Blocks of so many events each; every event has the external id that `id` gives to its number.
fn blocks(sizes: &[u64], id: impl Fn(u64) -> String) -> Vec<Block> {
    let (mut head, name) = (Head::EMPTY, name());
    let build = |size: &u64| {
        let drafts: Vec<Draft> = (head.seq + 1..=head.seq + size)
            .map(|seq| Draft::internal("test.made", id(seq), now(), Object::default()).unwrap())
            .collect();
        let writer = Writer { chain: &name, writer: "test", nonce: String::new(), now: now(), threads: 0 };
        let (block, _) = Block::build(&writer, &head, &drafts.iter().collect::<Vec<_>>());
        head = block.header.head();
        block
    };
    sizes.iter().map(build).collect()
}

fn lines(blocks: &[Block]) -> Vec<Vec<u8>> {
    let plain: Vec<u8> = blocks.iter().flat_map(|block| block.lines().unwrap()).collect();
    plain.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

fn checkpoints(blocks: &[Block], heads: &[u64]) -> Vec<Checkpoint> {
    let events: Vec<Event> =
        lines(blocks).iter().map(|line| Event::from_line(line.trim_ascii_end()).unwrap()).collect();
    super::checkpoints(&events, heads)
}

/// Every line is parsed in full.
fn options() -> Options {
    Options { parse_after: 0, ..super::options() }
}

fn of_rows(rows: &[Vec<u8>]) -> Report {
    let mut walk = Walk::new(options(), Some(name()), None);
    for (n, row) in (1..).zip(rows) {
        walk.run(check(Chunk::Block { n, row: row.clone() }, &options())).unwrap();
    }
    walk.finish().unwrap()
}

fn of_file(lines: &[Vec<u8>], given: &[Checkpoint], anchors: &[Checkpoint], start: Start, buffer: usize) -> Report {
    let bytes = lines.concat();
    verify_lines(
        BufReader::with_capacity(buffer, &bytes[..]),
        given.iter().map(|checkpoint| Ok(checkpoint.line())),
        &anchors.iter().map(Checkpoint::line).collect::<Vec<_>>(),
        None,
        &Options { start, ..options() },
        None,
        |_| (),
    )
    .unwrap()
}

#[test]
fn a_repeated_external_id_is_a_break_of_its_block() {
    let repeated = blocks(&[3, 3], |seq| format!("id {}", seq % 5));
    let rows: Vec<_> = repeated.iter().map(Block::to_row).collect();
    let found = of_rows(&rows).first_break.unwrap();
    assert_eq!((found.kind, found.seq, found.block), (BreakKind::EventOrderMismatch, Some(6), Some(2)));
    let found = of_file(&lines(&repeated), &[], &[], Start::Genesis, 4096).first_break.unwrap();
    assert_eq!((found.seq, found.block), (Some(6), None));
}

/// The lines before such bytes are proven; whether the header was made to count them makes no difference.
#[test]
fn bytes_that_are_no_gzip_member_are_damage() {
    let honest = blocks(&[100, 5], |seq| format!("id {seq}"));
    for behind in [0, 1] {
        for counted in [false, true] {
            let mut block = honest[0].clone();
            let at: u32 = block.header.members[..=behind].iter().map(|member| member.bytes).sum();
            block.body.splice(at as usize..at as usize, *b"smuggled");
            if counted {
                block.header.members[behind].bytes += 8;
                block.header.digest = block.header.computed_digest(&block.body);
            }
            let found = of_rows(&[block.to_row(), honest[1].to_row()]).first_break.unwrap();
            let seq = [65, 101][behind];
            assert_eq!((found.kind, found.seq, found.block), (BreakKind::BlockUnreadable, Some(seq), Some(1)));
        }
    }
}

#[test]
fn a_header_that_cuts_a_whole_body_elsewhere_disagrees_about_its_members() {
    let honest = blocks(&[100, 5], |seq| format!("id {seq}"));
    let told = |change: &dyn Fn(&mut Vec<crate::block::Member>)| {
        let mut block = honest[0].clone();
        change(&mut block.header.members);
        block.header.digest = block.header.computed_digest(&block.body);
        let report = of_rows(&[block.to_row(), honest[1].to_row()]);
        assert_eq!((report.events_verified, report.breaks_total), (105, 1));
        let found = report.first_break.unwrap();
        assert_eq!((found.kind, found.seq), (BreakKind::BlockHeaderMismatch, Some(1)));
        assert_eq!(found.member, Some("members"));
    };
    told(&|members| {
        let second = members.pop().unwrap();
        members[0].events += second.events;
        members[0].bytes += second.bytes;
    });
    told(&|members| {
        members[0].bytes -= 9;
        members[1].bytes += 9;
    });
}

/// A read that fails must not keep back lines that were unpacked before the damage.
#[test]
fn all_lines_before_a_damage_are_proven() {
    let honest = blocks(&[60], |seq| format!("id {seq}"));
    let (row, body) = (honest[0].to_row(), honest[0].body.len());
    let mut before = 0;
    for at in (body / 2..body - 8).step_by(7) {
        let cut = of_rows(&[row[..row.len() - body + at].to_vec()]).first_break.unwrap();
        assert_eq!(cut.kind, BreakKind::BlockUnreadable);
        // The more there is of the stream, the more is proven.
        assert!(cut.seq.unwrap() >= before);
        before = cut.seq.unwrap();
        let mut damaged = row.clone();
        let len = damaged.len();
        damaged[len - body + at..].fill(0xff);
        let found = of_rows(&[damaged]).first_break.unwrap();
        // What follows is no continuation, so that nothing of what came out is lost by it.
        assert!(found.seq.unwrap() >= before, "{at}: {found:?}, {before}");
    }
    assert!(before > 30);
}

#[test]
fn an_anchor_is_missed_only_beyond_the_greatest_number_and_where_its_event_is() {
    let honest = blocks(&[20], |seq| format!("id {seq}"));
    let given = checkpoints(&honest, &[4, 8, 12]);
    let mut renumbered = given.clone();
    renumbered[2] = signed(Checkpoint { n: 1, ..renumbered[2].clone() });
    let report = of_file(&lines(&honest), &renumbered, &given[1..2], Start::Genesis, 4096);
    assert_eq!((report.breaks_total, report.first_break.unwrap().head_seq), (1, Some(12)));

    // An export from 10 on says nothing of the events 4 and 8, nor do copies about it.
    let tail = &lines(&honest)[9..];
    let prev_hash = crate::line::LineView::of(tail[0].trim_ascii_end()).unwrap().prev_hash;
    let start = Start::At { seq: 10, prev_hash };
    let report = of_file(tail, &given[..1], &given[1..2], start, 4096);
    assert_eq!((report.breaks_total, report.anchored), (0, false));
    let report = of_file(tail, &given[..1], &given[2..], start, 4096);
    assert_eq!((report.anchored, report.first_break.unwrap().head_seq), (true, Some(12)));
}

/// However little a reader gives at once, the first line names the chain if it holds, and not if it does not.
#[test]
fn the_first_line_names_the_chain_if_it_holds() {
    let honest = blocks(&[5], |seq| format!("id {seq}"));
    let foreign: Vec<Checkpoint> = checkpoints(&honest, &[3])
        .into_iter()
        .map(|checkpoint| signed(Checkpoint { chain: ChainName::new("other").unwrap(), ..checkpoint }))
        .collect();
    let mut renamed = lines(&honest);
    let text = String::from_utf8(renamed[0].clone()).unwrap().replace("\"tested\"", "\"tasted\"");
    renamed[0] = text.into_bytes();
    for buffer in [1, 7, 700, 128 * 1024] {
        let report = of_file(&lines(&honest), &foreign, &[], Start::Genesis, buffer);
        assert_eq!(report.first_break.unwrap().kind, BreakKind::CheckpointChainMismatch);
        let own = checkpoints(&honest, &[3]);
        let report = of_file(&renamed, &own, &own, Start::Genesis, buffer);
        assert_eq!((report.breaks_total, report.anchored), (1, true));
        assert_eq!(report.first_break.unwrap().kind, BreakKind::EventHashMismatch);
    }
}

/// Another spelling of a time would be other bytes under the same digest or signature.
#[test]
fn stored_times_have_one_spelling() {
    let honest = blocks(&[5], |seq| format!("id {seq}"));
    let own = checkpoints(&honest, &[3]);
    let line = String::from_utf8(own[0].line()).unwrap();
    let row = honest[0].to_row();
    for (from, to) in [("Z\"", "z\""), ("T12", "t12"), (".000Z", "Z"), ("000Z", "0001Z"), ("Z\"", "+00:00\"")] {
        assert!(Checkpoint::from_line(line.replacen(from, to, 1).as_bytes()).is_err());
        let header = row.len() - honest[0].body.len();
        let text = std::str::from_utf8(&row[..header]).unwrap();
        let row = [text.replacen(from, to, 1).as_bytes(), &honest[0].body].concat();
        let found = of_rows(&[row]).first_break.unwrap();
        assert_eq!((found.kind, found.seq), (BreakKind::BlockUnreadable, Some(1)));
    }
}
