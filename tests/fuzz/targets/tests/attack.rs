//! What CI runs: every target over its corpus and a short attack; and whether the loop finds what it
//! is there to find.

use fuzz_targets::TARGETS;
use fuzz_targets::mutate::{SplitMix, mutant};
use fuzz_targets::run::{Found, attempt, corpus, input, run};

/// Enough to get behind most checks, and all targets within half a minute.
const EXECUTIONS: u64 = 20_000;

#[test]
fn every_target_stands_its_corpus_and_a_short_attack() {
    for (name, target) in TARGETS {
        let corpus = corpus(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(corpus.len() >= 20, "{name}: {} inputs", corpus.len());
        let verdicts: Vec<bool> = corpus
            .iter()
            .map(|input| attempt(*target, input).unwrap_or_else(|m| panic!("{name}: {m}: {}", input.escape_ascii())))
            .collect();
        // A target without teeth takes everything, or never gets to what it attacks.
        let taken = verdicts.iter().filter(|taken| **taken).count();
        assert!(taken > 0 && taken < verdicts.len(), "{name} takes {taken} of {}", verdicts.len());
        if let Err(found) = run(*target, &corpus, EXECUTIONS, 1) {
            let Found { execution, message, input, .. } = *found;
            panic!("{name}: execution {execution} of seed 1: {message}\n{}", input.escape_ascii());
        }
    }
}

/// A reader that cannot stand one byte in one place.
fn brittle(data: &[u8]) -> bool {
    assert!(data.get(5) != Some(&b'!'), "an exclamation mark");
    data.len() > 3
}

#[test]
fn the_loop_finds_what_a_target_cannot_stand_and_how_to_get_there_again() {
    let corpus = [b"0123456789".to_vec(), b"ab".to_vec()];
    let found = run(brittle, &corpus, 1_000_000, 7).unwrap_err();
    assert_eq!((found.seed, &*found.message), (7, "an exclamation mark"));
    assert_eq!(found.input.get(5), Some(&b'!'), "{}", found.input.escape_ascii());
    assert!(found.execution >= 2, "the corpus alone is harmless");
    assert_eq!(input(&corpus, found.execution, found.seed), found.input, "seed and number lead there again");
    assert_eq!(attempt(brittle, &found.input), Err("an exclamation mark".to_owned()));
    let before = run(brittle, &corpus, found.execution, 7).unwrap();
    assert_eq!(before.executions, found.execution);
    assert!(0 < before.taken && before.taken < before.executions);
}

#[test]
fn a_panic_in_the_corpus_is_found_before_anything_is_made_of_it() {
    let corpus = [b"good".to_vec(), b"01234!".to_vec()];
    assert_eq!(run(brittle, &corpus, 2, 1).unwrap_err().execution, 1);
}

#[test]
fn inputs_are_many_and_the_same_everywhere() {
    let corpus = [b"{\"a\":1}".to_vec(), b"[]".to_vec()];
    let made: std::collections::BTreeSet<Vec<u8>> =
        (0..1000).map(|i| mutant(&corpus, &mut SplitMix::of(1, i))).collect();
    assert!(made.len() > 700, "{}", made.len());
    // The reference implementation's first outputs of seed 1234567.
    let mut random = SplitMix::new(1_234_567);
    assert_eq!([random.bits(), random.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    assert!(mutant(&[], &mut SplitMix::new(1)).len() < 20_000);
}
