//! Names as fractions between 0 and 1, so that there is a middle between two of them.

use super::names::ALPHABET;
use std::collections::BTreeSet;

/// Digits of a fraction behind a whole part of 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fraction(Vec<usize>);

/// The bytes that count as digits, ascending. Names made of decimal digits are dense in base ten and very sparse
/// in any other, so the digits are the bytes that were seen.
#[derive(Debug, Clone)]
pub(super) struct Base(Vec<u8>);

impl Base {
    pub(super) fn of_all() -> Self {
        Self(ALPHABET.to_vec())
    }

    /// `None` where there are too few to count with.
    pub(super) fn of_seen(seen: &BTreeSet<u8>) -> Option<Self> {
        (seen.len() > 1).then(|| Self(seen.iter().copied().collect()))
    }

    /// The name as a fraction. A greater name never has a smaller one; a byte that is no digit counts as the
    /// next digit above it.
    pub(super) fn fraction(&self, name: &str, places: usize) -> Fraction {
        let digit = |byte: u8| self.0.partition_point(|known| *known < byte).min(self.0.len() - 1);
        let mut digits = vec![0; places + 1];
        digits[1..].iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = digit(byte));
        Fraction(digits)
    }

    /// Greater than every name.
    pub(super) fn one(&self, places: usize) -> Fraction {
        let mut digits = vec![0; places + 1];
        digits[0] = 1;
        Fraction(digits)
    }

    /// The shortest name of a fraction below 1.
    pub(super) fn name(&self, fraction: &Fraction) -> String {
        let digits = &fraction.0[1..];
        let used = digits.iter().rposition(|digit| *digit > 0).map_or(0, |last| last + 1);
        digits[..used].iter().map(|digit| char::from(self.0[*digit])).collect()
    }

    pub(super) fn sum(&self, a: &Fraction, b: &Fraction) -> Fraction {
        let mut sum = a.0.clone();
        let mut carry = 0;
        for (place, other) in sum.iter_mut().zip(&b.0).rev() {
            let value = *place + other + carry;
            (*place, carry) = (value % self.0.len(), value / self.0.len());
        }
        // More than 1 is as good as 1 here.
        if carry > 0 { self.one(sum.len() - 1) } else { Fraction(sum) }
    }

    /// `a - b`, or nothing where `b` is the greater.
    pub(super) fn difference(&self, a: &Fraction, b: &Fraction) -> Fraction {
        if a <= b {
            return Fraction(vec![0; a.0.len()]);
        }
        let mut difference = a.0.clone();
        let mut borrow = 0;
        for (place, other) in difference.iter_mut().zip(&b.0).rev() {
            let value = *place + self.0.len() - other - borrow;
            (*place, borrow) = (value % self.0.len(), usize::from(value < self.0.len()));
        }
        Fraction(difference)
    }

    pub(super) fn half(&self, a: &Fraction) -> Fraction {
        let mut rest = 0;
        let halved = a.0.iter().map(|place| {
            let value = rest * self.0.len() + place;
            rest = value % 2;
            value / 2
        });
        Fraction(halved.collect())
    }

    fn bits_per_digit(&self) -> usize {
        self.0.len().ilog2() as usize + 1
    }

    /// About the binary logarithm of a fraction, in units of its last place; nothing has 0.
    pub(super) fn magnitude(&self, a: &Fraction) -> usize {
        let Some(first) = a.0.iter().position(|digit| *digit > 0) else { return 0 };
        (a.0.len() - 1 - first) * self.bits_per_digit() + a.0[first].ilog2() as usize
    }

    /// A fraction of about this magnitude, or half of it.
    pub(super) fn of_magnitude(&self, magnitude: usize, places: usize) -> Fraction {
        let mut digits = vec![0; places + 1];
        let place = places.saturating_sub(magnitude / self.bits_per_digit());
        digits[place] = (1 << (magnitude % self.bits_per_digit())).min(self.0.len() - 1);
        Fraction(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(base: &Base, fraction: &Fraction) -> u128 {
        fraction.0.iter().fold(0, |value, digit| value * base.0.len() as u128 + *digit as u128)
    }

    proptest! {
        #[test]
        fn fractions_count(a in "[0-9a-f]{0,8}", b in "[0-9a-f]{0,8}", magnitude in 0_usize..40) {
            for base in [Base::of_all(), Base(b"0123456789abcdef".to_vec())] {
                let (x, y) = (base.fraction(&a, 9), base.fraction(&b, 9));
                let (v, w) = (value(&base, &x), value(&base, &y));
                let one = value(&base, &base.one(9));
                prop_assert_eq!(x.cmp(&y), v.cmp(&w));
                prop_assert!(x < base.one(9));
                prop_assert_eq!(value(&base, &base.sum(&x, &y)), v + w);
                prop_assert!(v + w < 2 * one);
                prop_assert_eq!(value(&base, &base.difference(&x, &y)), v.saturating_sub(w));
                prop_assert_eq!(value(&base, &base.half(&x)), v / 2);
                let about = base.magnitude(&base.of_magnitude(magnitude, 9));
                prop_assert!(about == magnitude || about + 1 == magnitude, "{about} {magnitude}");
                prop_assert!(base.magnitude(&x) <= base.magnitude(&base.one(9)));
            }
        }

        #[test]
        fn a_name_survives_but_for_its_last_zeros(name in "[0-9a-f]{0,8}") {
            let base = Base(b"0123456789abcdef".to_vec());
            prop_assert_eq!(base.name(&base.fraction(&name, 10)), name.trim_end_matches('0'));
        }
    }
}
