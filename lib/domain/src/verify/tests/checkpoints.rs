//! What checkpoints and anchors say.

use super::*;

#[test]
fn each_rule_of_the_order_of_checkpoints_shows_alone() {
    let events = events(9);
    let log = bytes(&events);
    let given = checkpoints(&events, &[4, 5, 7]);
    assert_eq!(breaks(&verify(&log, &given, &[], &options())), [], "4 and 5 have one time");
    let chain_mismatch = |head_seq| ("checkpoint-chain-mismatch", head_seq, "");
    let with = |touch: &dyn Fn(&mut Checkpoint)| {
        let mut second = given[1].clone();
        touch(&mut second);
        breaks(&verify(&log, &[given[0].clone(), signed(second)], &[], &options()))
    };
    assert_eq!(with(&|_| ()), []);
    assert_eq!(with(&|second| second.n = 3), [chain_mismatch(5)]);
    assert_eq!(with(&|second| second.n = 1), [chain_mismatch(5)]);
    assert_eq!(with(&|second| second.prev_checkpoint = Hash::ZERO), [chain_mismatch(5)]);
    assert_eq!(with(&|second| second.at = second.at.plus_millis(-1)), [chain_mismatch(5)]);
    let stays = |second: &mut Checkpoint| {
        (second.head_seq, second.head_hash, second.root_hash) = (4, given[0].head_hash, given[0].root_hash);
    };
    assert_eq!(with(&stays), [chain_mismatch(4)]);
}

#[test]
fn a_checkpoint_out_of_order_is_not_counted_but_held_against_its_event() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 5, 7]);
    let mut second = given[1].clone();
    second.n = 3;
    let report = verify(&bytes(&events), &[given[0].clone(), signed(second.clone())], &[], &options());
    assert_eq!((report.checkpoints_verified, report.unsigned_tail), (1, 5));
    second.head_hash = Hash::of(b"another");
    let report = verify(&bytes(&events), &[given[0].clone(), signed(second.clone())], &[], &options());
    assert_eq!(breaks(&report), [("checkpoint-chain-mismatch", 5, ""), ("checkpoint-head-mismatch", 5, "")]);
    let found = &report.breaks[1];
    let hashes = (found.expected.clone(), found.actual.clone());
    assert_eq!(hashes, (Some(second.head_hash.to_hex()), Some(events[4].hash.to_hex())));
}

#[test]
fn behind_a_changed_checkpoint_the_next_is_taken_with_any_digest() {
    let events = events(9);
    let mut given = checkpoints(&events, &[2, 4, 6, 8]);
    given[1].signature[0] ^= 1;
    given[2].prev_checkpoint = Hash::of(b"what it was");
    given[2] = signed(given[2].clone());
    given[3].prev_checkpoint = given[2].digest();
    given[3] = signed(given[3].clone());
    let report = verify(&bytes(&events), &given, &[], &options());
    assert_eq!(breaks(&report), [("checkpoint-signature-mismatch", 4, "")]);
    assert_eq!((report.checkpoints_verified, report.unsigned_tail), (3, 1));
    // It may claim any head, but stands no later than the next that counts.
    given[1].head_seq = 9;
    let mut late = bytes(&events[..6]);
    late.extend(bytes(&events[7..]));
    let report = verify(&late, &given, &[], &options());
    assert_eq!(breaks(&report)[..2], [("checkpoint-signature-mismatch", 9, ""), ("event-seq-gap", 7, "")]);
}

#[test]
fn a_checkpoint_that_cannot_be_read_claims_a_head_or_the_next() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 7]);
    for (line, head_seq) in [("{\"headSeq\":6}", 6), ("{\"headSeq\":\"6\"}", 5), ("[]", 5), ("nothing", 5)] {
        let mut walk = Walk::new(options(), None, None);
        walk.checkpoint(&given[0].line(), Evidence::Chained);
        walk.checkpoint(line.as_bytes(), Evidence::Chained);
        walk.run(check(Chunk::Lines(bytes(&events)), &options())).unwrap();
        assert_eq!(breaks(&walk.finish().unwrap()), [("checkpoint-signature-mismatch", head_seq, "")], "{line}");
    }
}

#[test]
fn without_keys_nothing_is_signed_and_the_answer_says_so_once() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 7]);
    let options = Options { ring: KeyRing::default(), ..options() };
    let report = verify(&bytes(&events), &given, &given[1..], &options);
    assert_eq!(report.missing, ["no key to check the checkpoints' signatures with"]);
    assert_eq!(report.status(), Status::Incomplete);
    assert_eq!((report.anchored, report.checkpoints_verified, report.unsigned_tail), (false, 0, 9));
    assert_eq!(verify(&bytes(&events), &[], &[], &options).status(), Status::Intact);
}

#[test]
fn an_anchor_disputes_a_checkpoint_of_its_number() {
    let events = events(9);
    let log = bytes(&events);
    let given = checkpoints(&events, &[4, 7]);
    let against = |touch: &dyn Fn(&mut Checkpoint)| {
        let mut anchor = given[1].clone();
        touch(&mut anchor);
        verify(&log, &given, &[signed(anchor)], &options())
    };
    let same = against(&|_| ());
    assert_eq!((breaks(&same), same.checkpoints_verified, same.unsigned_tail), (vec![], 2, 2));
    // The two name one event, and its hash tells which is wrong.
    let other_hash = against(&|anchor| anchor.head_hash = Hash::of(b"another"));
    assert_eq!(breaks(&other_hash), [("checkpoint-head-mismatch", 7, "")]);
    assert_eq!(other_hash.checkpoints_verified, 2);
    // Nothing tells.
    let other_reason = against(&|anchor| anchor.reason = Reason::Manual);
    assert_eq!(breaks(&other_reason), [("checkpoint-chain-mismatch", 7, "")]);
    assert_eq!(other_reason.checkpoints_verified, 1);
    let other_head = against(&|anchor| (anchor.head_seq, anchor.head_hash) = (8, Hash::of(b"another")));
    assert_eq!(breaks(&other_head), [("checkpoint-chain-mismatch", 7, ""), ("checkpoint-head-mismatch", 8, "")]);
    // Of another number.
    let other_n = against(&|anchor| anchor.n = 1);
    assert_eq!(breaks(&other_n), [("checkpoint-chain-mismatch", 4, "")]);
}

#[test]
fn an_anchor_beyond_the_newest_checkpoint_means_that_some_were_removed() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 7]);
    let anchor = &given[1..];
    let report = verify(&bytes(&events), &given[..1], anchor, &options());
    assert_eq!(breaks(&report), [("checkpoint-chain-mismatch", 7, "")]);
    assert_eq!((report.anchored, report.checkpoints_verified, report.unsigned_tail), (true, 1, 2));
    assert_eq!(breaks(&verify(&bytes(&events[..7]), &given[..1], anchor, &options())), breaks(&report));
    // Not where its event is gone, too, or where not all checkpoints are given.
    let cut = verify(&bytes(&events[..6]), &given[..1], anchor, &options());
    assert_eq!(breaks(&cut), [("tail-truncated", 7, "")]);
    assert_eq!(cut.first_break.unwrap().actual.as_deref(), Some("6"));
    let some = Options { all_checkpoints: false, ..options() };
    assert_eq!(breaks(&verify(&bytes(&events), &given[..1], anchor, &some)), []);
}

#[test]
fn a_checkpoint_over_a_missing_event_is_neither_counted_nor_another_break() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 7]);
    let gap = [bytes(&events[..3]), bytes(&events[4..])].concat();
    let report = verify(&gap, &given, &[], &options());
    // Behind the gap the tree is not known, so the second holds by its head alone.
    assert_eq!(breaks(&report), [("event-seq-gap", 4, "")]);
    assert_eq!((report.checkpoints_verified, report.unsigned_tail), (1, 2));
}

#[test]
fn an_anchor_counts_where_its_event_was_asked_for() {
    let events = events(9);
    let anchors = checkpoints(&events, &[3, 4, 6, 7, 8]);
    let options = Options {
        start: Start::At { seq: 5, prev_hash: events[3].hash },
        end: Some(7),
        all_checkpoints: false,
        ..options()
    };
    for (anchor, anchored) in anchors.iter().zip([false, false, true, true, false]) {
        let report = verify(&bytes(&events[4..7]), &[], std::slice::from_ref(anchor), &options);
        assert_eq!((breaks(&report), report.anchored), (vec![], anchored), "{}", anchor.head_seq);
    }
}

#[test]
fn the_tail_is_what_a_checkpoint_vouches_for() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 7, 8]);
    let six = bytes(&events[..6]);
    let truncated = |head_seq| ("tail-truncated", head_seq, "");
    let report = verify(&six, &given, &[], &options());
    assert_eq!((breaks(&report), report.unsigned_tail), (vec![truncated(7), truncated(8)], 2));
    assert_eq!(breaks(&verify(&six, &given, &[], &Options { end: Some(6), ..options() })), []);
    let end_7 = Options { end: Some(7), ..options() };
    assert_eq!(breaks(&verify(&six, &given, &[], &end_7)), [("event-seq-gap", 7, ""), truncated(7)]);
    // Where the last bytes could not be read, they may be there.
    assert_eq!(breaks(&verify(&six[..six.len() - 1], &given, &[], &options())), [("event-hash-mismatch", 6, "")]);
    // A checkpoint that comes after its event says nothing of the tail.
    let mut walk = Walk::new(options(), Some(name()), None);
    walk.run(check(Chunk::Lines(bytes(&events[..4])), &options())).unwrap();
    walk.checkpoint(&given[0].line(), Evidence::Chained);
    walk.derived_beyond_the_end();
    let report = walk.finish().unwrap();
    assert_eq!((breaks(&report), report.unsigned_tail), (vec![("index-mismatch", 5, "")], 4));
}

#[test]
fn derived_rows_beyond_the_end_are_told_where_no_checkpoint_tells_it_better() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 7]);
    for (lines, found) in
        [(9, ("index-mismatch", 10, "")), (7, ("index-mismatch", 8, "")), (6, ("tail-truncated", 7, ""))]
    {
        let mut walk = Walk::new(options(), Some(name()), None);
        given.iter().for_each(|checkpoint| walk.checkpoint(&checkpoint.line(), Evidence::Chained));
        walk.run(check(Chunk::Lines(bytes(&events[..lines])), &options())).unwrap();
        walk.derived_beyond_the_end();
        walk.missing("the archive".to_owned());
        let report = walk.finish().unwrap();
        assert_eq!((breaks(&report), report.missing.len()), (vec![found], 1), "{lines}");
    }
}

#[test]
fn checkpoints_are_asked_for_until_one_is_beyond() {
    let given = checkpoints(&events(9), &[4, 7]);
    let mut walk = Walk::new(options(), Some(name()), None);
    assert!(!walk.has_checkpoints_beyond(0));
    walk.checkpoint(&given[0].line(), Evidence::Chained);
    assert!(walk.has_checkpoints_beyond(3) && !walk.has_checkpoints_beyond(4) && !walk.has_checkpoints_beyond(5));
}
