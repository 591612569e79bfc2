//! What CI runs of the campaigns.

/// More kinds, and more mutants of each, by `cargo run --release --package tampering -- mutants`.
#[test]
fn every_mutant_gets_the_answer_that_the_format_demands() {
    let tally = tampering::mutants(0, 20_000, 1).unwrap_or_else(|found| panic!("{found}"));
    let kinds = tampering::kinds();
    assert!(kinds.len() >= 24);
    let never = tally.never_effective(&kinds);
    assert!(never.is_empty(), "these kinds never broke anything: {never:?}");
    let answered: u64 = tally.counts().map(|(_, count)| count.effective + count.invisible).sum();
    assert_eq!(answered, 20_000);
    assert!(tally.counts().all(|(_, count)| count.detected == count.effective));
}

#[test]
fn no_honest_log_raises_an_alarm() {
    let tally = tampering::honest(0, 5_000, 1).unwrap_or_else(|found| panic!("{found}"));
    let [(_, count)] = tally.counts().collect::<Vec<_>>()[..] else { panic!("one kind") };
    assert_eq!((count.effective, count.invisible), (0, 5_000));
}

/// One seed, one mutant: what a campaign found can be looked at again.
#[test]
fn a_seed_means_the_same_mutant_again() {
    for seed in 0..200 {
        let (one, two) = (tampering::mutant(seed), tampering::mutant(seed));
        assert_eq!((one.kind, &one.report), (two.kind, &two.report));
    }
    let whole = tampering::mutants(130, 400, 2).unwrap();
    let mut halves = tampering::mutants(130, 100, 1).unwrap();
    let second = tampering::mutants(230, 300, 1).unwrap();
    halves.merge(second);
    assert_eq!(whole, halves);
}
