//! Walking backwards through names that can only be listed forwards.
//!
//! S3 lists names ascending, after a given one, a thousand at a time; a partition grows without bound. So the last
//! page is looked for: names are taken as fractions ([`super::fraction`]), and the gap between the last name that
//! is known and the end of the range is cut, in turns, at its middle and at the middle of its magnitude. The first
//! halves the gap among names that are spread over it; the second finds the scale of names that are crowded at
//! its lower end, as numbers with leading zeros are. From the last page the walk goes on to the left by the width
//! of a page. What was listed on the way is kept, so that no name is listed twice.
//!
//! Nothing here calls anybody: a walk says what to list next and is told the answer.

use super::fraction::{Base, Fraction};
use std::collections::BTreeSet;

/// What a walk needs next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// Names after this one, ascending, as many as there are in one listing.
    List(String),
    /// Names of the range, descending; all of them stand before those of earlier pages.
    Page(Vec<T>),
    /// There are no more.
    End,
}

/// Two names whose distance is remembered. Texts, since the digits that measure it change.
type Span = (String, String);

/// The part of the range after one name and before another, about which nothing is known yet.
struct Gap {
    after: String,
    before: Option<String>,
    kind: Kind,
}

enum Kind {
    /// The whole range, before anything was listed.
    Whole,
    /// Behind the last name that is known. The names of its last page span `width`; others were seen at the
    /// distance `reach`.
    Behind { width: Span, reach: Span, middle_next: bool },
    /// To the left of what has been walked.
    Left,
}

enum Part<T> {
    Unknown(Gap),
    Known(Vec<T>),
}

/// One walk from the end of a range to its start.
pub(super) struct Walk<T> {
    /// From left to right.
    parts: Vec<Part<T>>,
    asked: Option<(Gap, String, bool)>,
    seen: BTreeSet<u8>,
    /// How far to the left the next page is looked for: so many doublings of this span.
    stride: Option<(Span, u32)>,
    page: usize,
    longest: usize,
}

impl<T: AsRef<str>> Walk<T> {
    /// Over the names after `after` and before `before`, where `page` names come in one listing.
    pub(super) fn new(after: &str, before: Option<&str>, page: usize) -> Self {
        let gap = Gap { after: after.to_owned(), before: before.map(str::to_owned), kind: Kind::Whole };
        let seen = after.bytes().chain(before.into_iter().flat_map(str::bytes)).collect();
        Self { parts: vec![Part::Unknown(gap)], asked: None, seen, stride: None, page, longest: 0 }
    }

    /// What to do next.
    pub(super) fn step(&mut self) -> Step<T> {
        match self.parts.pop() {
            None => Step::End,
            Some(Part::Known(mut names)) => {
                names.reverse();
                Step::Page(names)
            }
            Some(Part::Unknown(gap)) => {
                let (cut, by_middle) = self.cut(&gap);
                self.asked = Some((gap, cut.clone(), by_middle));
                Step::List(cut)
            }
        }
    }

    /// The answer to [`Step::List`]: the next names, and whether there are more behind them.
    pub(super) fn listed(&mut self, mut names: Vec<T>, more: bool) {
        let Some((gap, cut, by_middle)) = self.asked.take() else { return };
        let listed = names.len();
        names.retain(|name| gap.before.as_deref().is_none_or(|before| name.as_ref() < before));
        // A listing that has reached the end of the gap says all about what is behind the cut.
        let complete = !more || names.len() < listed || names.is_empty();
        self.seen.extend(names.iter().flat_map(|name| name.as_ref().bytes()));
        self.longest = names.iter().map(|name| name.as_ref().len()).fold(self.longest, usize::max);
        let ends = |names: &[T]| -> Option<Span> {
            Some((names.first()?.as_ref().to_owned(), names.last()?.as_ref().to_owned()))
        };
        let span = ends(&names);
        let walking = matches!(gap.kind, Kind::Left);
        match (&span, &mut self.stride) {
            (Some(span), stride) if !complete || stride.is_none() => *stride = Some((span.clone(), 0)),
            (_, Some((_, doublings))) if walking && names.len() < self.page / 2 => {
                *doublings = doublings.saturating_mul(2).saturating_add(1)
            }
            _ => {}
        }
        if cut > gap.after {
            let kind = match gap.kind {
                Kind::Behind { width, reach, .. } if names.is_empty() => {
                    Kind::Behind { width, reach, middle_next: !by_middle }
                }
                _ => Kind::Left,
            };
            let before = Some(format!("{cut}\0"));
            self.parts.push(Part::Unknown(Gap { after: gap.after.clone(), before, kind }));
        }
        if !names.is_empty() {
            self.parts.push(Part::Known(names));
        }
        if let (false, Some(width)) = (complete, span) {
            let reach = if by_middle { width.clone() } else { (gap.after, cut) };
            let after = width.1.clone();
            let kind = Kind::Behind { width, reach, middle_next: !by_middle };
            self.parts.push(Part::Unknown(Gap { after, before: gap.before, kind }));
        }
    }

    /// Where to list from, and whether that is the middle of the gap.
    fn cut(&self, gap: &Gap) -> (String, bool) {
        let bases = [Base::of_seen(&self.seen), Some(Base::of_all())];
        let cuts = bases.into_iter().flatten().map(|base| self.cut_in(gap, &base));
        let inside = |(cut, _): &(String, bool)| {
            *cut >= gap.after && gap.before.as_deref().is_none_or(|before| format!("{cut}\0").as_str() < before)
        };
        // Names that are too much alike to be cut apart are listed one page after the other.
        cuts.flatten().find(inside).unwrap_or_else(|| (gap.after.clone(), true))
    }

    fn cut_in(&self, gap: &Gap, base: &Base) -> Option<(String, bool)> {
        let all = (gap.after.clone(), true);
        let lengths = [gap.after.len(), gap.before.as_deref().map_or(0, str::len), self.longest];
        let places = lengths.into_iter().max().unwrap_or(0) + 2;
        let low = base.fraction(&gap.after, places);
        let high = gap.before.as_deref().map_or_else(|| base.one(places), |before| base.fraction(before, places));
        if low >= high {
            return None;
        }
        let between = base.difference(&high, &low);
        let distance = |span: &Span| -> Fraction {
            base.difference(&base.fraction(&span.1, places), &base.fraction(&span.0, places))
        };
        match &gap.kind {
            Kind::Whole => Some(all),
            Kind::Left => {
                let (span, doublings) = self.stride.as_ref()?;
                let mut stride = distance(span);
                if base.magnitude(&stride) == 0 {
                    return None;
                }
                let half = base.half(&between);
                for _ in 0..*doublings {
                    if stride >= half {
                        break;
                    }
                    stride = base.sum(&stride, &stride);
                }
                // What is left is less than two pages, as far as one can see.
                if stride >= half {
                    return Some(all);
                }
                Some((base.name(&base.difference(&high, &stride)), true))
            }
            Kind::Behind { width, reach, middle_next } => {
                let width = distance(width);
                if between <= width || base.magnitude(&width) == 0 {
                    return Some(all);
                }
                let (near, far) = (base.magnitude(&distance(reach)), base.magnitude(&between));
                if *middle_next || far <= near + 2 {
                    return Some((base.name(&base.sum(&low, &base.half(&between))), true));
                }
                Some((base.name(&base.sum(&low, &base.of_magnitude(near.midpoint(far), places))), false))
            }
        }
    }
}

#[cfg(test)]
#[path = "backwards/tests.rs"]
mod tests;
