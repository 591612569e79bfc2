//! The harness itself has teeth: an answer that is a little wrong is not taken.

use super::*;
use domain::verify::Break;

/// Every way in which the answer of a verifier could be a little wrong.
fn weakened(report: &Report) -> Vec<Report> {
    let with = |change: &dyn Fn(&mut Report)| {
        let mut report = report.clone();
        change(&mut report);
        report
    };
    let first =
        |change: &dyn Fn(&mut Break)| with(&|report: &mut Report| report.first_break.iter_mut().for_each(change));
    vec![
        with(&|report| {
            report.breaks.clear();
            report.breaks_total = 0;
            report.first_break = None;
        }),
        with(&|report| report.first_break = report.breaks.get(1).cloned()),
        first(&|found| found.seq = found.seq.map(|seq| seq + 1)),
        first(&|found| found.head_seq = found.head_seq.map(|seq| seq + 1)),
        first(&|found| found.kind = domain::verify::BreakKind::IndexMismatch),
        first(&|found| found.block = found.block.map_or(Some(1), |_| None)),
        first(&|found| found.member = found.member.map_or(Some("chain"), |_| None)),
        first(&|found| found.expected = found.expected.as_ref().map_or(Some(String::new()), |_| None)),
        first(&|found| found.actual = found.actual.as_ref().map_or(Some(String::new()), |_| None)),
    ]
}

#[test]
fn an_answer_that_is_a_little_wrong_is_not_taken() {
    let mut broken = 0;
    for seed in 0..2000 {
        let judged = mutant(seed);
        agree(seed, &judged).unwrap();
        if judged.expected.first.is_none() {
            continue;
        }
        broken += 1;
        for report in weakened(&judged.report).into_iter().filter(|report| *report != judged.report) {
            let taken = judged.expected.compare(&report);
            assert!(taken.is_err(), "seed {seed}: {:?} is taken for {:?}", report.first_break, judged.expected.first);
        }
    }
    assert!(broken > 1000, "{broken}");
}

#[test]
fn a_false_alarm_and_a_false_anchor_are_not_taken() {
    let mut intact = 0;
    for seed in 0..2000 {
        let judged = mutant(seed);
        if judged.expected.first.is_some() {
            continue;
        }
        intact += 1;
        let mut alarmed = judged.report.clone();
        alarmed.add(Break::at_event(domain::verify::BreakKind::EventSeqGap, 1));
        let anchored = Report { anchored: !judged.report.anchored, ..judged.report.clone() };
        let signed = Report { unsigned_tail: judged.report.unsigned_tail + 1, ..judged.report.clone() };
        for report in [alarmed, anchored, signed] {
            assert!(judged.expected.compare(&report).is_err(), "seed {seed}");
        }
    }
    assert!(intact > 50, "{intact}");
}

#[test]
fn a_disagreement_says_how_to_see_it_again() {
    let found = Disagreement { seed: 7, kind: "swap-two-lines", answers: "wanted: a\nfound:  b".to_owned() };
    let text = found.to_string();
    assert!(text.contains("seed 7: swap-two-lines") && text.contains("wanted: a\nfound:  b"));
    assert!(text.ends_with("cargo run --release --package tampering -- mutant 7"));
}
