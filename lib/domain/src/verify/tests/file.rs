//! Lines from a reader, in whatever pieces it gives.

use super::*;
use crate::json::Value;
use std::io::{self, BufReader, Read};

/// Gives a few bytes at a time, is interrupted before each, and may fail at the end.
struct Slow<'a> {
    rest: &'a [u8],
    interrupt: bool,
    fails: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.rest.is_empty() && self.fails {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.rest.read(out)
    }
}

fn read(lines: &[u8], piece: usize, given: &[Checkpoint], fails: bool) -> (Result<Report, FileError>, Vec<u64>) {
    let reader = BufReader::with_capacity(piece, Slow { rest: lines, interrupt: true, fails });
    let given = given.iter().map(|checkpoint| Ok(checkpoint.line()));
    let mut told = Vec::new();
    let report = verify_lines(reader, given, &[], None, &options(), None, |bytes| told.push(bytes));
    (report, told)
}

#[test]
fn pieces_of_any_size_have_one_verdict() {
    let events = events(7);
    let (log, given) = (bytes(&events), checkpoints(&events, &[3, 6]));
    let wanted = verify(&log, &given, &[], &options());
    let first = log.iter().position(|b| *b == b'\n').unwrap() + 1;
    for piece in [1, 2, 7, 100, 700, 701, 3000, log.len(), log.len() + 1] {
        let (report, told) = read(&log, piece, &given, false);
        assert_eq!(report.unwrap(), wanted, "{piece}");
        assert!(told.is_sorted() && told.last() == Some(&(log.len() as u64)));
        // The first line is read alone: it says whose checkpoints count.
        assert_eq!(told.len(), log.len().div_ceil(piece) - first / piece);
    }
    assert_eq!(read(b"", 9, &given, false).0.unwrap(), verify(b"", &given, &[], &options()));
}

/// However much the reader has at once, few enough bytes are looked at to stay in a core's cache.
#[test]
fn a_large_buffer_is_taken_in_pieces() {
    let mut events = events(3);
    events[1] = long(&events, 262_144);
    seal(&mut events);
    let log = bytes(&events);
    let (report, told) = read(&log, 1 << 20, &[], false);
    assert_eq!(breaks(&report.unwrap()), []);
    let first = log.iter().position(|b| *b == b'\n').unwrap() as u64 + 1;
    assert_eq!(told, [first + 131_072, first + 262_144, log.len() as u64]);
}

#[test]
fn a_reader_that_fails_is_no_verdict() {
    let log = bytes(&events(3));
    let error = read(&log, 100, &[], true).0.unwrap_err();
    assert!(std::error::Error::source(&error).is_some_and(|source| source.to_string() == "timed out"));
    let failing = std::iter::once(Err(io::ErrorKind::TimedOut.into()));
    assert!(verify_lines(&log[..], failing, &[], None, &options(), None, |_| ()).is_err());
}

#[test]
fn checkpoints_are_held_against_the_chain_of_the_first_line() {
    let events = events(5);
    let mut foreign = checkpoints(&events, &[3]).remove(0);
    foreign.chain = ChainName::new("other").unwrap();
    let report = read(&bytes(&events), 4096, &[signed(foreign)], false).0.unwrap();
    assert_eq!(breaks(&report), [("checkpoint-chain-mismatch", 3, "")]);
}

/// Checkpoints are fetched as the lines need them: none far ahead of what was read.
#[test]
fn checkpoints_are_fetched_a_little_ahead() {
    let events = events(30);
    let given = checkpoints(&events, &[3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
    let fetched = std::cell::Cell::new(0);
    let lines = given.iter().map(|checkpoint| {
        fetched.set(fetched.get() + 1);
        Ok(checkpoint.line())
    });
    let log = bytes(&events);
    let reader = BufReader::with_capacity(1000, &log[..]);
    let mut most = 0;
    let report = verify_lines(reader, lines, &[], None, &options(), None, |read| {
        let joined = log[..usize::try_from(read).unwrap()].iter().filter(|b| **b == b'\n').count();
        most = most.max(fetched.get() * 3 - joined);
    });
    assert_eq!(breaks(&report.unwrap()), []);
    assert!(most <= 5, "{most} events ahead");
}

/// An event whose line, with its LF, has this many bytes.
fn long(events: &[Event], length: usize) -> Event {
    let mut event = events[1].clone();
    let line = |event: &mut Event, padding: usize| {
        event.draft.metadata = Object::of([("p", Value::from("p".repeat(padding)))]);
        event.line().len() + 1
    };
    let bare = line(&mut event, 0);
    assert_eq!(line(&mut event, length - bare), length);
    event
}

#[test]
fn a_line_may_be_longer_than_a_read_but_not_than_any_line() {
    const LONGEST: usize = 256 * 1024;
    for (length, holds) in [(200_000, true), (LONGEST, true), (LONGEST + 1, false), (700_000, false)] {
        for piece in [50_000, 1 << 20] {
            let mut events = events(4);
            events[1] = long(&events, length);
            seal(&mut events);
            let report = read(&bytes(&events), piece, &[], false).0.unwrap();
            if holds {
                assert_eq!((breaks(&report), report.events_total), (vec![], 4), "{length} in {piece}");
            } else {
                assert_eq!(breaks(&report), [("event-hash-mismatch", 2, "")], "{length} in {piece}");
                assert_eq!((report.first_break.unwrap().expected, report.events_total), (None, 4));
            }
            // The same where the file ends in the middle of it: a hash that stands in it is not looked for.
            let cut = bytes(&events[..2]).len() - 2;
            let report = read(&bytes(&events)[..cut], piece, &[], false).0.unwrap();
            assert_eq!(breaks(&report), [("event-hash-mismatch", 2, "")]);
            assert_eq!(report.first_break.unwrap().expected.is_some(), length - 2 <= LONGEST, "{length} in {piece}");
        }
    }
}
