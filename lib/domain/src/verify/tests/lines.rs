//! What lines alone say.

use super::*;

#[test]
fn a_log_that_holds_is_told_in_full() {
    let events = events(9);
    let given = checkpoints(&events, &[4, 7]);
    let report = verify(&bytes(&events), &given, &given[1..], &options());
    let wanted = Report {
        anchored: true,
        events_verified: 9,
        events_total: 9,
        checkpoints_verified: 2,
        head: Some((9, events[8].hash)),
        unsigned_tail: 2,
        first_seq: Some(1),
        ..Report::default()
    };
    assert_eq!(report, wanted);
    assert_eq!(report.status(), Status::Intact);
}

#[test]
fn an_export_from_the_middle_starts_where_it_says_or_where_its_first_line_does() {
    let events = events(9);
    let middle = bytes(&events[3..]);
    let from = |start| Options { start, all_checkpoints: false, ..options() };
    let at = |seq, prev_hash| from(Start::At { seq, prev_hash });
    for options in [at(4, events[2].hash), from(Start::FirstLine)] {
        let report = verify(&middle, &[], &[], &options);
        assert_eq!(breaks(&report), []);
        assert_eq!((report.first_seq, report.head), (Some(4), Some((9, events[8].hash))));
        // Its tree is not known, so a root that is wrong cannot be seen, but a head can.
        let mut anchor = checkpoints(&events, &[6]).remove(0);
        anchor.root_hash = Hash::of(b"another");
        assert_eq!(breaks(&verify(&middle, &[], &[signed(anchor.clone())], &options)), []);
        anchor.head_hash = Hash::of(b"another");
        let report = verify(&middle, &[], &[signed(anchor)], &options);
        assert_eq!(breaks(&report), [("checkpoint-head-mismatch", 6, "")]);
    }
    assert_eq!(breaks(&verify(&middle, &[], &[], &at(3, events[2].hash))), [("event-seq-gap", 3, "")]);
    assert_eq!(breaks(&verify(&middle, &[], &[], &at(4, Hash::ZERO))), [("event-prev-hash-mismatch", 4, "")]);
}

#[test]
fn a_first_line_of_seq_1_is_the_genesis() {
    let mut events = events(4);
    let given = checkpoints(&events, &[3]);
    for start in [Start::Genesis, Start::FirstLine, Start::At { seq: 1, prev_hash: Hash::ZERO }] {
        let options = Options { start, ..options() };
        assert_eq!(breaks(&verify(&bytes(&events), &given, &[], &options)), []);
        let mut rooted = given[0].clone();
        rooted.root_hash = Hash::of(b"another");
        let report = verify(&bytes(&events), &[signed(rooted)], &[], &options);
        assert_eq!(breaks(&report), [("checkpoint-head-mismatch", 3, "")]);
    }
    events[0].prev_hash = Hash::of(b"something before");
    seal(&mut events);
    let first_line = Options { start: Start::FirstLine, ..options() };
    let report = verify(&bytes(&events), &[], &[], &first_line);
    assert_eq!(breaks(&report), [("event-prev-hash-mismatch", 1, "")]);
    let found = report.first_break.unwrap();
    let hashes = (found.expected.unwrap(), found.actual.unwrap());
    assert_eq!(hashes, (Hash::ZERO.to_hex(), Hash::of(b"something before").to_hex()));
    // Stated, it is what the caller knows of the event before.
    let stated = Options { start: Start::At { seq: 1, prev_hash: Hash::of(b"something before") }, ..options() };
    assert_eq!(breaks(&verify(&bytes(&events), &[], &[], &stated)), []);
}

#[test]
fn behind_a_changed_line_its_stored_and_its_computed_hash_are_accepted() {
    let events = events(6);
    let line = |n: usize| String::from_utf8(events[n - 1].line()).unwrap() + "\n";
    let changed = line(3).replace("success", "failure");
    let computed =
        Hash::of_pieces(&[changed.trim_end().replace(&format!("\"hash\":\"{}\",", events[2].hash), "").as_bytes()]);
    let before = line(1) + &line(2);
    let report = verify((before.clone() + &changed + &line(4) + &line(5)).as_bytes(), &[], &[], &options());
    assert_eq!(breaks(&report), [("event-hash-mismatch", 3, "")]);
    let found = report.first_break.unwrap();
    assert_eq!((found.expected, found.actual), (Some(events[2].hash.to_hex()), Some(computed.to_hex())));
    assert_eq!((report.events_verified, report.events_total), (4, 5));
    // Whoever re-chains from the changed line on.
    let mut forged = events[3..5].to_vec();
    forged[0].prev_hash = computed;
    seal(&mut forged);
    let report = verify(&[(before.clone() + &changed).as_bytes(), &bytes(&forged)].concat(), &[], &[], &options());
    assert_eq!(breaks(&report), [("event-hash-mismatch", 3, "")]);
    // Neither of the two.
    forged[0].prev_hash = Hash::of(b"neither");
    seal(&mut forged);
    let report = verify(&[(before.clone() + &changed).as_bytes(), &bytes(&forged)].concat(), &[], &[], &options());
    assert_eq!(breaks(&report), [("event-hash-mismatch", 3, ""), ("event-prev-hash-mismatch", 4, "")]);
    // A line that fails its hash is not believed about its place: it counts as the expected one.
    let moved = line(3).replace("\"seq\":3", "\"seq\":7");
    let report = verify((before.clone() + &moved + &line(4)).as_bytes(), &[], &[], &options());
    assert_eq!(breaks(&report), [("event-hash-mismatch", 3, "")]);
    // The same holds of one that cannot be read; without a hash in it, any is accepted behind it.
    let torn = line(3).replace("\"outcome\"", "\"outcame\"").replace("\"v\":1", "\"v\":2");
    let report = verify((before.clone() + &torn + &line(4)).as_bytes(), &[], &[], &options());
    assert_eq!(breaks(&report), [("event-hash-mismatch", 3, "")]);
    assert!(report.first_break.unwrap().actual.is_some());
    let report = verify((before.clone() + "nothing\n" + &line(4) + &line(5)).as_bytes(), &[], &[], &options());
    assert_eq!(breaks(&report), [("event-hash-mismatch", 3, "")]);
    assert_eq!((report.first_break.unwrap().actual, report.events_total), (None, 5));
}

#[test]
fn order_is_told_by_its_member() {
    let mut events = events(6);
    events[4].recorded_at = second(61);
    seal(&mut events);
    assert_eq!(breaks(&verify(&bytes(&events), &[], &[], &options())), [("event-order-mismatch", 5, "recordedAt")]);
    let mut events = super::events(6);
    events[4].chain = ChainName::new("other").unwrap();
    seal(&mut events);
    assert_eq!(breaks(&verify(&bytes(&events), &[], &[], &options())), [("event-order-mismatch", 5, "chain")]);
    let mut events = super::events(8);
    events[4].draft = draft(2);
    events[6].draft = draft(2);
    seal(&mut events);
    let report = verify(&bytes(&events), &[], &[], &options());
    let order = |seq| ("event-order-mismatch", seq, "externalId");
    assert_eq!(breaks(&report), [order(5), order(7)]);
    assert_eq!((report.events_verified, report.events_total), (6, 8));
}

#[test]
fn a_whole_run_of_another_chain_shows_at_each_of_its_lines() {
    let mut events = events(9);
    events[3..6].iter_mut().for_each(|event| event.chain = ChainName::new("other").unwrap());
    // Its external ids are those of the other chain.
    events[7].draft = draft(5);
    seal(&mut events);
    let runs = [&events[..3], &events[3..6], &events[6..]].map(|run| Chunk::Lines(bytes(run))).into();
    let report = walk(runs, &[], &[], &options());
    let order = |seq| ("event-order-mismatch", seq, "chain");
    assert_eq!(breaks(&report), [order(4), order(5), order(6)]);
    assert_eq!((report.events_verified, report.events_total, report.head), (6, 9, Some((9, events[8].hash))));
}

#[test]
fn lines_beyond_the_signed_ones_are_parsed_in_full() {
    let events = events(5);
    // Its own hash holds, and no writer would have written it.
    let odd = |n: usize| {
        let line = String::from_utf8(events[n - 1].line()).unwrap();
        let cut = line.replace(&format!("\"hash\":\"{}\",", events[n - 1].hash), "").replace("{}", "{\"b\":1,\"a\":1}");
        let hash = Hash::of(cut.as_bytes());
        (cut.replace("\"id\":", &format!("\"hash\":\"{hash}\",\"id\":")) + "\n", hash)
    };
    let (last, hash) = odd(5);
    let log = [bytes(&events[..4]), last.into_bytes()].concat();
    for (parse_after, found) in [(5, vec![]), (4, vec![("event-hash-mismatch", 5, "")])] {
        let report = verify(&log, &[], &[], &Options { parse_after, ..options() });
        assert_eq!(breaks(&report), found, "{parse_after}");
        if let Some(found) = report.first_break {
            let canonical = events[4].draft.seal(&events[4].place()).1;
            assert_eq!(found.expected, Some(hash.to_hex()));
            assert_ne!(found.actual, Some(canonical.to_hex()), "the metadata differs");
            assert!(found.actual.is_some_and(|actual| actual != hash.to_hex()));
        }
    }
    assert_eq!(breaks(&verify(&bytes(&events), &[], &[], &Options { parse_after: 0, ..options() })), []);
    // In a run that has a fault, too.
    let torn = [&log[..], b"nothing\n"].concat();
    for (parse_after, found) in [(5, &[6][..]), (4, &[5, 6])] {
        let report = verify(&torn, &[], &[], &Options { parse_after, ..options() });
        assert_eq!(report.breaks.iter().filter_map(|found| found.seq).collect::<Vec<_>>(), found);
    }
}

#[test]
fn an_end_that_is_stated_is_reached() {
    let events = events(9);
    let end = |end| Options { end: Some(end), ..options() };
    let six = bytes(&events[..6]);
    assert_eq!(breaks(&verify(&six, &[], &[], &end(6))), []);
    assert_eq!(breaks(&verify(&six, &[], &[], &end(7))), [("event-seq-gap", 7, "")]);
    assert_eq!(breaks(&verify(&six, &[], &[], &end(9))), [("event-seq-gap", 7, "")]);
    assert_eq!(breaks(&verify(b"", &[], &[], &end(3))), [("event-seq-gap", 1, "")]);
    let from_4 = Options { start: Start::At { seq: 4, prev_hash: events[2].hash }, ..end(3) };
    assert_eq!(breaks(&verify(b"", &[], &[], &from_4)), [("event-seq-gap", 3, "")]);
    let first_line = Options { start: Start::FirstLine, ..end(3) };
    assert_eq!(breaks(&verify(b"", &[], &[], &first_line)), [("event-seq-gap", 1, "")]);
    // What was cut in the middle of a line says so itself.
    assert_eq!(breaks(&verify(&six[..six.len() - 1], &[], &[], &end(9))), [("event-hash-mismatch", 6, "")]);
}
