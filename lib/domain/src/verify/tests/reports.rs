//! The order of breaks, and how many are listed.

use super::super::report::Breaks;
use super::*;

fn at(seq: u64) -> Break {
    Break::at_event(BreakKind::EventHashMismatch, seq)
}

#[test]
fn at_one_seq_events_come_before_headers_before_checkpoints() {
    use BreakKind as K;
    let ordered = [
        K::EventSeqGap,
        K::BlockHeaderMismatch,
        K::CheckpointSignatureMismatch,
        K::CheckpointChainMismatch,
        K::CheckpointHeadMismatch,
        K::TailTruncated,
    ];
    let mut breaks = Breaks::default();
    breaks.add(Break::at_event(K::EventSeqGap, 8));
    for kind in ordered.into_iter().rev() {
        breaks.add(Break::at_checkpoint(kind, 7));
    }
    let (found, total) = breaks.finish();
    let kinds: Vec<K> = found.iter().map(|found| found.kind).collect();
    assert_eq!((&kinds[..6], kinds[6], total), (&ordered[..], K::EventSeqGap, 7));
}

#[test]
fn a_movable_break_stands_no_later_than_where_it_is_settled() {
    let mut breaks = Breaks::default();
    breaks.add(at(7));
    breaks.add_movable(at(9));
    breaks.settle(6);
    // It is settled once.
    breaks.settle(1);
    breaks.add(at(3));
    breaks.add_movable(at(4));
    breaks.settle(8);
    let seqs: Vec<_> = breaks.finish().0.into_iter().filter_map(|found| found.seq).collect();
    assert_eq!(seqs, [3, 4, 9, 7]);
}

#[test]
fn the_first_thousand_breaks_are_listed_and_all_are_counted() {
    for count in [999, 1000, 1001, 1999, 2000, 2001, 4500] {
        let mut breaks = Breaks::default();
        // The last come first, so that what is dropped on the way is never among the first.
        (1..=count).rev().for_each(|seq| breaks.add(at(seq)));
        let (found, total) = breaks.finish();
        let seqs: Vec<_> = found.into_iter().filter_map(|found| found.seq).collect();
        assert_eq!((total, seqs), (count, (1..=count.min(1000)).collect()));
    }
    let mut report = Report::default();
    (1..=1002).for_each(|seq| report.add(at(seq)));
    assert_eq!((report.breaks.len(), report.breaks_total), (1000, 1002));
    assert_eq!(report.first_break, Some(at(1)));
}

#[test]
fn a_verdict_is_intact_only_if_nothing_was_left_out() {
    let mut report = Report::default();
    assert_eq!(report.status().as_str(), "intact");
    report.missing.push("a file".to_owned());
    assert_eq!(report.status().as_str(), "incomplete");
    report.add(at(1));
    assert_eq!(report.status().as_str(), "broken");
}

#[test]
fn a_break_has_the_members_that_it_carries() {
    let text = |found: Break| String::from_utf8(found.to_value().canonical()).unwrap();
    let found = Break::of_companion("bytes", "7".to_owned(), "8".to_owned());
    assert_eq!(text(found), r#"{"actual":"8","expected":"7","kind":"companion-mismatch","member":"bytes"}"#);
    let hash = Hash::of(b"").to_hex();
    // Zeros stand for what has no hash.
    let hashes = at(3).hashes(Hash::of(b""), Hash::ZERO);
    assert_eq!(text(hashes), format!(r#"{{"expected":"{hash}","kind":"event-hash-mismatch","seq":3}}"#));
    let block = Break { block: Some(2), ..Break::at_checkpoint(BreakKind::TailTruncated, 9) };
    assert_eq!(text(block), r#"{"block":2,"headSeq":9,"kind":"tail-truncated"}"#);
}
