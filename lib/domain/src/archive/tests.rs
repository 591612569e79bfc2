//! Archives built in memory, touched, and what is said of them.

use super::*;
use crate::block::{Block, Head, Stored, Stub, Writer, is_stub};
use crate::event::Draft;
use crate::hash::Hash;
use crate::json::Object;
use crate::keys::{Algorithm, KeyRing, SigningKey};
use crate::names::ChainName;
use crate::time::Timestamp;
use crate::verify::{Break, BreakKind, Options, Report, Start, Status};

fn chain() -> ChainName {
    ChainName::new("tested").unwrap()
}

fn key() -> SigningKey {
    SigningKey::new(Algorithm::Ed25519, [7; 32])
}

fn options(threads: usize) -> Options {
    Options {
        ring: KeyRing::of(key().verify_key()),
        start: Start::FirstLine,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: false,
        repeat_key: [1; 16],
        threads,
    }
}

fn second(n: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + 1000 * i64::try_from(n).unwrap()).unwrap()
}

fn block(head: &Head, drafts: &[Draft]) -> Block {
    let now = second(head.seq + 600);
    let writer = Writer { chain: &chain(), writer: "w", nonce: "n".to_owned(), now, threads: 0 };
    Block::build(&writer, head, &drafts.iter().collect::<Vec<_>>()).0
}

fn draft(n: u64) -> Draft {
    Draft::internal("test.happened", format!("x{n}"), second(n), Object::default()).unwrap()
}

/// An archive of blocks with as many events as stated; `more` are chained behind them, in a block of their own.
fn archive(head: &mut Head, previous: Hash, counts: &[u64], more: &[Draft]) -> (Found, Manifest) {
    let mut batch = Batch::new(&chain(), head.seq + 1, head.hash);
    let own = counts.iter().map(|count| (head.seq + 1..=head.seq + count).map(draft).collect::<Vec<_>>());
    let mut all: Vec<Vec<Draft>> = Vec::new();
    let mut seq = head.seq;
    for count in counts {
        all.push((seq + 1..=seq + count).map(draft).collect());
        seq += count;
    }
    assert_eq!(own.count(), all.len());
    if !more.is_empty() {
        all.push(more.to_vec());
    }
    for drafts in all {
        let block = block(head, &drafts);
        assert!(batch.has_room_for(&block.header));
        batch.add(&block).unwrap();
        *head = block.header.head();
    }
    let range = batch.range().unwrap();
    let base = Base {
        jsonl_key: range.object(),
        archived_at: second(90_000),
        prev_manifest: previous,
        checkpoint: 1,
        sig_alg: "ed25519".to_owned(),
        key_id: key().verify_key().key_id(),
    };
    let mut manifest = batch.manifest(base).unwrap();
    manifest.signature = key().sign(&manifest.signed_bytes());
    (Found { range, manifest: manifest.bytes(), object: Some(batch.into_parts().0) }, manifest)
}

/// Three archives: events 1–130, 131–140, 141–171.
fn three() -> Vec<(Found, Manifest)> {
    let mut head = Head::EMPTY;
    let mut previous = Hash::ZERO;
    [&[100, 20, 10][..], &[10], &[30, 1]]
        .iter()
        .map(|counts| {
            let made = archive(&mut head, previous, counts, &[]);
            previous = made.1.digest();
            made
        })
        .collect()
}

fn clone(found: &Found) -> Found {
    Found { range: found.range, manifest: found.manifest.clone(), object: found.object.clone() }
}

fn verify(archives: Vec<Found>, threads: usize) -> Report {
    let none = std::iter::empty::<std::io::Result<Vec<u8>>>();
    let mut offline = Offline::new(&options(threads), &archives[0], none, &[], None);
    archives.into_iter().for_each(|found| offline.archive(found).unwrap());
    offline.finish().unwrap()
}

fn touched(which: usize, touch: impl FnOnce(&mut Found)) -> Report {
    let mut archives: Vec<Found> = three().iter().map(|(found, _)| clone(found)).collect();
    touch(&mut archives[which]);
    verify(archives, 0)
}

fn first(report: &Report) -> Break {
    report.first_break.clone().expect("something is broken")
}

#[test]
fn archives_hold_on_any_number_of_threads() {
    for threads in [0, 1, 3] {
        let report = verify(three().into_iter().map(|(found, _)| found).collect(), threads);
        assert_eq!(report.status(), Status::Intact, "{report:?}");
        assert_eq!((report.events_verified, report.archives_verified), (171, 3));
        assert_eq!(report.head.unwrap().0, 171);
    }
}

#[test]
fn a_part_of_the_archives_is_not_all_of_them() {
    let archives = || three().into_iter().map(|(found, _)| found);
    let report = verify(archives().skip(1).collect(), 0);
    assert_eq!((report.status(), report.events_verified), (Status::Incomplete, 41));
    let report = verify(archives().filter(|found| found.range.start != 131).collect(), 0);
    assert_eq!((first(&report).kind, first(&report).seq), (BreakKind::EventSeqGap, Some(131)));
}

/// Every cut, at a byte or at the end of a gzip member, is reported at the first event that is gone.
#[test]
fn an_object_that_was_cut_names_the_first_event_that_is_gone() {
    let (found, manifest) = three().remove(0);
    let object = found.object.unwrap();
    let mut ends = Vec::new();
    crate::block::gzip::Unpacker::new().unpack_run(&object, usize::MAX, &mut Vec::new()).unwrap().clone_into(&mut ends);
    assert_eq!(ends.len(), 4, "100 events are two members");
    for (cut, lost) in [(ends[0], 65), (ends[1], 101), (ends[2], 121), (0, 1), (ends[0] - 1, 1), (ends[0] + 1, 65)] {
        let report = touched(0, |found| found.object = Some(object[..cut].to_vec()));
        let found = first(&report);
        // A member that was cut gives what could be unpacked of it.
        let exact = ends.contains(&cut) || cut == 0;
        assert_eq!(found.kind, BreakKind::ArchiveContentMismatch);
        assert_eq!(found.archive, Some(manifest.range));
        assert!(if exact { found.seq == Some(lost) } else { found.seq >= Some(lost) }, "{cut}: {found:?}");
    }
    for cut in (0..object.len()).step_by(7) {
        let found = first(&touched(0, |found| found.object = Some(object[..cut].to_vec())));
        let whole: u64 = [64, 36, 20, 10].iter().zip(&ends).filter(|(_, end)| **end <= cut).map(|(n, _)| n).sum();
        assert!(found.kind == BreakKind::ArchiveContentMismatch && found.seq > Some(whole), "{cut}: {found:?}");
    }
}

#[test]
fn every_changed_byte_of_an_object_shows() {
    let object = three().remove(1).0.object.unwrap();
    for at in 0..object.len() {
        let found = first(&touched(1, |found| {
            let mut object = object.clone();
            object[at] ^= 1;
            found.object = Some(object);
        }));
        assert_eq!(found.kind, BreakKind::ArchiveContentMismatch, "{at}");
        assert!(found.seq.is_some_and(|seq| (131..=141).contains(&seq)), "{at}: {found:?}");
    }
}

#[test]
fn what_follows_the_last_event_and_what_was_packed_anew_show() {
    let object = three().remove(1).0.object.unwrap();
    let place = |object: Vec<u8>| first(&touched(1, |found| found.object = Some(object))).seq;
    assert_eq!(place([&object[..], &object[..]].concat()), Some(141));
    assert_eq!(place([&object[..], b"junk"].concat()), Some(141));
    let mut plain = Vec::new();
    crate::block::gzip::Unpacker::new().unpack(&object, &mut plain).unwrap();
    let mut anew = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut anew, &plain).unwrap();
    assert_eq!(place(anew.finish().unwrap()), Some(131));
    let changed = String::from_utf8(plain).unwrap().replacen("x135", "x135_", 1);
    let mut anew = crate::block::gzip::Packer::new();
    assert_eq!(place(anew.pack(changed.as_bytes())), Some(135));
}

/// A member of a few bytes that unpacks to as much as one likes is damage, and costs no memory.
#[test]
fn a_bomb_is_damage() {
    let zeros = vec![0; 64 * 1024 * 1024];
    let bomb = crate::block::gzip::Packer::new().pack(&zeros);
    assert!(bomb.len() < 1024 * 1024);
    let found = first(&touched(1, |found| found.object = Some(bomb)));
    assert_eq!((found.kind, found.seq), (BreakKind::ArchiveContentMismatch, Some(131)));
}

#[test]
fn manifests_are_bound_to_their_events_their_key_and_each_other() {
    let three = three();
    let swapped = first(&touched(0, |found| found.manifest = three[1].1.bytes()));
    assert_eq!((swapped.kind, swapped.archive), (BreakKind::ArchiveManifestMismatch, Some(three[0].1.range)));
    for member in
        ["firstAt", "lastAt", "prevHash", "headHash", "jsonlSha256", "archivedAt", "checkpoint", "prevManifest"]
    {
        let mut text = String::from_utf8(three[1].1.bytes()).unwrap();
        let at = text.find(&format!("\"{member}\":")).unwrap() + member.len() + 4;
        let other = if &text[at..=at] == "2" { "3" } else { "2" };
        text.replace_range(at..=at, other);
        let found = first(&touched(1, |found| found.manifest = text.into_bytes()));
        assert_eq!(
            (found.kind, found.archive),
            (BreakKind::ArchiveManifestMismatch, Some(three[1].1.range)),
            "{member}"
        );
    }
    let other = SigningKey::new(Algorithm::Ed25519, [8; 32]);
    let mut forged = three[1].1.clone();
    (forged.key_id, forged.signature) = (other.verify_key().key_id(), Vec::new());
    forged.signature = other.sign(&forged.signed_bytes());
    assert_eq!(first(&touched(1, |found| found.manifest = forged.bytes())).archive, Some(forged.range));
    // Signed rightly, and not the one that the next one names.
    let mut again = three[1].1.clone();
    again.archived_at = second(99_999);
    again.signature = key().sign(&again.signed_bytes());
    let found = first(&touched(1, |found| found.manifest = again.bytes()));
    assert_eq!((found.kind, found.archive), (BreakKind::ArchiveManifestMismatch, Some(three[2].1.range)));
    // Signed rightly, and wrong about the lines: only who holds the key can do that, and it shows.
    let mut wrong = three[2].1.clone();
    wrong.jsonl_sha256 = Hash::of(b"other lines");
    wrong.signature = key().sign(&wrong.signed_bytes());
    let found = first(&touched(2, |found| found.manifest = wrong.bytes()));
    assert_eq!((found.kind, found.archive), (BreakKind::ArchiveManifestMismatch, Some(three[2].1.range)));
}

#[test]
fn a_manifest_has_one_spelling_and_agrees_with_itself() {
    let manifest = three().remove(0).1;
    let text = String::from_utf8(manifest.bytes()).unwrap();
    assert_eq!(Manifest::from_bytes(text.as_bytes()), Ok(manifest));
    for (from, to, code) in [
        ("\"type\":\"audit.archive.v1\"", "\"type\":\"audit.archive.v2\"", "unknown-version"),
        ("\"eventCount\":130", "\"eventCount\":131", "invalid-number"),
        ("\"startSeq\":1,", "\"startSeq\":0,", "invalid-number"),
        ("\"endSeq\":130", "\"endSeq\":129", "invalid-number"),
        ("\"n\":2,\"offset\"", "\"n\":3,\"offset\"", "invalid-number"),
        ("\"count\":20", "\"count\":21", "invalid-number"),
        ("{\"archivedAt\"", "{\"a\":1,\"archivedAt\"", "unknown-member"),
        ("{\"count\":20", "{\"a\":1,\"count\":20", "unknown-member"),
        ("\"checkpoint\":1", "\"checkpoint\": 1", "not-canonical"),
        ("\"signature\":\"", "\"signature\":\"x", "invalid-hash"),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        assert_eq!(Manifest::from_bytes(text.replace(from, to).as_bytes()).unwrap_err().code, code, "{to}");
    }
    assert_eq!(Manifest::from_bytes(b"[]").unwrap_err().code, "wrong-type");
}

#[test]
fn lines_are_gone_rightly_only_where_the_chain_says_so() {
    let gone = |say: bool, lie: bool| {
        let mut head = Head::EMPTY;
        let (mut first, manifest) = archive(&mut head, Hash::ZERO, &[30], &[]);
        let hash = if lie { Hash::of(b"another") } else { manifest.digest() };
        let metadata =
            Object::of([("startSeq", 1u32.into()), ("endSeq", 30u32.into()), ("manifestSha256", hash.to_hex().into())]);
        let event = Draft::internal("audit.archive_expired", "expired:1-30".to_owned(), second(1), metadata).unwrap();
        let said = if say { vec![event] } else { vec![draft(1000)] };
        let second = archive(&mut head, manifest.digest(), &[5], &said).0;
        first.object = None;
        verify(vec![first, second], 0)
    };
    let report = gone(true, false);
    assert_eq!((report.status(), report.expired.clone()), (Status::Intact, vec![Range { start: 1, end: 30 }]));
    for report in [gone(false, false), gone(true, true)] {
        assert_eq!((first(&report).kind, first(&report).seq), (BreakKind::ArchiveContentMismatch, Some(1)));
    }
}

#[test]
fn a_block_that_does_not_hold_does_not_leave() {
    let good = block(&Head::EMPTY, &[draft(1), draft(2)]);
    let mut batch = Batch::new(&chain(), 1, Hash::ZERO);
    batch.add(&good).unwrap();
    let next = block(&good.header.head(), &[draft(3)]);
    let mut damaged = next.clone();
    damaged.body[40] ^= 1;
    assert_eq!(batch.add(&damaged).unwrap_err().0.seq, Some(3));
    let mut renamed = next.clone();
    renamed.header.writer = "another".to_owned();
    let found = batch.add(&renamed).unwrap_err().0;
    assert_eq!((found.kind, found.member), (BreakKind::BlockHeaderMismatch, Some("digest")));
    assert_eq!(batch.add(&good).unwrap_err().0.member, Some("n"));
    let elsewhere = block(&Head { block: 1, seq: 3, ..good.header.head() }, &[draft(4)]);
    assert_eq!(batch.add(&elsewhere).unwrap_err().0.member, Some("firstSeq"));
    let forked = block(&Head { hash: Hash::of(b"fork"), ..good.header.head() }, &[draft(3)]);
    assert_eq!(batch.add(&forked).unwrap_err().0.member, Some("prevHash"));
    batch.add(&next).unwrap();
    assert_eq!(batch.range(), Some(Range { start: 1, end: 3 }));
}

#[test]
fn a_stub_keeps_the_header_and_knows_its_members() {
    let block = block(&Head::EMPTY, &[draft(1), draft(2)]);
    let range = Range { start: 1, end: 90 };
    let stub = Stub::of(&block, range, 0);
    let row = stub.to_row();
    assert!(is_stub(&row) && !is_stub(&block.to_row()));
    assert_eq!(Stored::from_row(&row), Ok(Stored::Cold(stub.clone())));
    assert_eq!(Stored::from_row(&block.to_row()), Ok(Stored::Hot(block.clone())));
    let header = row.split(|b| *b == b'\n').next().unwrap();
    assert_eq!(header, block.to_row().split(|b| *b == b'\n').next().unwrap());
    assert_eq!(stub.restore(block.body.clone()), Ok(block.clone()));
    let mut other = block.body.clone();
    other[20] ^= 1;
    assert_eq!(stub.restore(other).unwrap_err().code, "archive-mismatch");
    assert_eq!(stub.restore(block.body[1..].to_vec()).unwrap_err().code, "archive-mismatch");
    let mut wrong = stub.clone();
    wrong.header.writer = "another".to_owned();
    assert_eq!(wrong.restore(block.body).unwrap_err().code, "header-mismatch");
    let elsewhere = Stub { archive: Range { start: 2, end: 90 }, ..stub };
    assert_eq!(Stored::from_row(&elsewhere.to_row()).unwrap_err().code, "not-canonical");
}

#[test]
fn names_say_which_events_are_in_an_archive() {
    let range = Range { start: 1, end: 130 };
    assert_eq!(range.object(), "00000000000000000001-00000000000000000130.jsonl.gz");
    for name in [range.object(), range.manifest(), range.kept()] {
        assert_eq!(Range::of_name(&name), Some(range));
    }
    for name in ["", "1-2.jsonl.gz", "00000000000000000002-00000000000000000001.x", "x", &"0".repeat(41)] {
        assert_eq!(Range::of_name(name), None, "{name}");
    }
}
