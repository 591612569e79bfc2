//! Lines of events: what is taken is its own canonical form, and all readers of a line agree on it.

use crate::{chain, check_refusal, now};
use domain::admit::{Door, admit, complete_draft};
use domain::event::{Draft, Event, MAX_LINE_BYTES, Place};
use domain::hash::Hash;
use domain::json::{Limits, Object, Value, parse};
use domain::keys::KeyRing;
use domain::line::LineView;
use domain::names::{EventId, Source};
use domain::verify::{BreakKind, Options, Start, verify_lines};

/// A stored line, a draft and a posted event are looked for in the data.
pub fn event(data: &[u8]) -> bool {
    let mut taken = line(data);
    if let Some(mut rehashed) = rehashed(data) {
        // Whoever rewrites an event also works out its hash, so this gets to the rules behind it.
        taken |= line(&rehashed);
        rehashed.push(b'\n');
        check_verifier(&rehashed);
    }
    if !data.contains(&b'\n') {
        check_verifier(&[data, b"\n"].concat());
    }
    match parse(data, Limits::ADMISSION) {
        Ok(value) => taken | posted(&value),
        Err(refusal) => {
            check_refusal(&refusal);
            taken
        }
    }
}

/// The line with the hash that its other bytes have, if it has the shape of a line.
fn rehashed(data: &[u8]) -> Option<Vec<u8>> {
    let view = LineView::of(data)?;
    // All that has no meaning of its own must at least not fail.
    let (_, _) = (view.identity(), view.draft_digest());
    let at = data.windows(8).position(|window| window == b"\"hash\":\"")? + 8;
    let mut line = data.to_vec();
    line.get_mut(at..at + 64)?.copy_from_slice(view.computed_hash().to_hex().as_bytes());
    Some(line)
}

/// A stored line.
fn line(data: &[u8]) -> bool {
    let value = parse(data, Limits::FORMAT);
    let event = match Event::from_line(data) {
        Ok(event) => event,
        Err(refusal) => {
            check_refusal(&refusal);
            // Whoever takes another form of an event takes it for the event that it is.
            if let Some(event) = value.ok().and_then(|value| Event::from_value(value).ok()) {
                assert_eq!(Event::from_line(&event.line()).as_ref(), Ok(&event), "its line is not taken");
                assert_ne!(event.line(), data, "its own line is refused: {refusal}");
            }
            return false;
        }
    };
    assert_eq!(event.line(), data, "another line");
    let value = value.expect("a line is JSON");
    assert_eq!(value.canonical(), data, "a line is its own canonical form");
    assert_eq!(Event::from_value(value.clone()), Ok(event.clone()), "read as a value");
    let Value::Object(mut object) = value else { panic!("a line is an object") };
    object.remove("hash");
    assert_eq!(object.canonical().len() + 74, data.len(), "74 bytes are cut out");
    assert_eq!(Hash::of(&object.canonical()), event.hash, "the hash of the rest");
    assert_eq!(Event::from_value(object.clone().into()), Ok(event.clone()), "read without its hash");
    check_view(&event, &object, data);
    draft(&event.draft);
    true
}

/// The view finds every member where the full reader has it.
fn check_view(event: &Event, object: &Object, line: &[u8]) {
    let view = LineView::of(line).expect("the view takes every line");
    let quoted = |name: &str| object.get(name).map(Value::canonical);
    assert_eq!((view.hash, view.computed_hash()), (event.hash, event.hash), "hash");
    assert_eq!(view.prev_hash, event.prev_hash, "prevHash");
    assert_eq!(view.seq, event.seq, "seq");
    assert!(view.seq > 0, "the first event has seq 1");
    assert_eq!(view.at, event.draft.at().to_bytes(), "at");
    assert_eq!(view.recorded_at, event.recorded_at.to_bytes(), "recordedAt");
    assert_eq!(view.chain, event.chain.as_str().as_bytes(), "chain");
    assert_eq!(view.source, event.draft.source().as_str().as_bytes(), "source");
    assert_eq!(view.action, event.draft.action().as_str().as_bytes(), "action");
    assert_eq!(Some(view.id.to_vec()), quoted("id"), "id");
    assert_eq!(view.external_id.map_or(Some(b"null".to_vec()), |id| Some(id.to_vec())), quoted("externalId"));
    assert_eq!(view.external_id.is_some(), event.draft.external_id().is_some(), "externalId");
    assert_eq!(view.identity(), event.draft.identity(&event.chain), "identity");
    assert_eq!(view.draft_digest(), event.draft.digest(), "digest of the draft");
}

/// A draft as it travels, and in a chain.
fn draft(draft: &Draft) {
    let canonical = draft.canonical();
    let value = parse(&canonical, Limits::FORMAT).expect("a draft is JSON");
    assert_eq!(value.canonical(), canonical, "a draft is its own canonical form");
    let Value::Object(object) = value else { panic!("a draft is an object") };
    assert_eq!(complete_draft(object).as_ref(), Ok(draft), "a draft reads back");
    let chain = chain();
    for (seq, prev_hash) in [(1, Hash::ZERO), ((1 << 53) - 1, Hash::of(&canonical))] {
        let place = Place { chain: &chain, seq, recorded_at: now(), prev_hash };
        let (line, hash) = draft.seal(&place);
        let event = Event::from_line(&line).expect("a sealed draft is a line");
        assert_eq!((&event.draft, event.hash, event.seq), (draft, hash, seq), "the line says something else");
    }
}

/// What a producer might have posted, whole or without what it may leave out.
fn posted(value: &Value) -> bool {
    let mut taken = false;
    let chain = chain();
    let sources = [Source::PLATFORM_API, "ocis"].map(|name| Source::new(name).expect("a source"));
    let door = Door { chain: &chain, sources: &sources, now: now() };
    match admit(value.clone(), &door, || EventId::from_bytes([7; 16])) {
        Ok(admitted) => {
            taken = true;
            draft(&admitted);
            assert!(sources.contains(admitted.source()), "a source that was not allowed");
            assert!(!admitted.action().is_reserved(), "an action of the log itself");
            assert!(admitted.at() <= now().plus_millis(domain::admit::MAX_AHEAD_MILLIS), "from the future");
            let place = Place { chain: &chain, seq: 9_007_199_254_740_991, recorded_at: now(), prev_hash: Hash::ZERO };
            assert!(admitted.seal(&place).0.len() <= MAX_LINE_BYTES, "longer than a line may be");
        }
        Err(refusal) => check_refusal(&refusal),
    }
    if let Value::Object(object) = value {
        match complete_draft(object.clone()) {
            Ok(complete) => {
                taken = true;
                draft(&complete);
            }
            Err(refusal) => check_refusal(&refusal),
        }
    }
    taken
}

/// A verifier that parses everything believes a single line exactly if the full reader does.
fn check_verifier(line: &[u8]) {
    let options = Options {
        ring: KeyRing::default(),
        start: Start::FirstLine,
        end: None,
        parse_after: 0,
        all_checkpoints: false,
        repeat_key: [7; 16],
        threads: 0,
    };
    let report = verify_lines(line, [], &[], None, &options, None, |_| ()).expect("nothing is read from outside");
    let believed = report.breaks_total == 0 && report.events_verified == 1;
    let read = Event::from_line(&line[..line.len() - 1]);
    if read.as_ref().is_ok_and(|event| event.seq == 1 && event.prev_hash != Hash::ZERO) {
        // A good line, and at the start of a chain not a good place for it.
        let kinds: Vec<BreakKind> = report.breaks.iter().map(|found| found.kind).collect();
        return assert_eq!(kinds, [BreakKind::EventPrevHashMismatch], "nothing stands before the first event");
    }
    assert_eq!(believed, read.is_ok(), "the verifier and the reader disagree: {:?} {read:?}", report.first_break);
}
