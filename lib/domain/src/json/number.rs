//! Numbers that survive: the text means exactly what its double prints as.

use super::Refusal;

/// Greatest integer that every JSON reader keeps, 2^53 − 1.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// A finite double whose RFC 8785 text has the same exact decimal value as the text it came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(f64);

impl Number {
    /// Reads the text of a JSON number (its grammar already checked).
    ///
    /// # Errors
    /// `number-too-large` for an integral value beyond ±(2^53 − 1) however it is spelled,
    /// `number-not-exact` where RFC 8785 would write another value.
    pub fn from_text(text: &str) -> Result<Self, Refusal> {
        if let Some(small) = small_integer(text) {
            return Ok(Self(small));
        }
        let given = Decimal::of(text);
        if given.digits.is_empty() {
            return Ok(Self(0.0));
        }
        let value: f64 = text.parse().map_err(|_| Refusal::new("number-not-exact", "this is not a number"))?;
        if given.is_integral() && (value.abs() > MAX_SAFE || !value.is_finite()) {
            return Err(Refusal::new(
                "number-too-large",
                "an integral number beyond 2^53 - 1 loses digits in many readers; send it as a string",
            ));
        }
        if !value.is_finite() || Decimal::of(ryu_js::Buffer::new().format(value)) != given {
            return Err(Refusal::new(
                "number-not-exact",
                "a double cannot hold this number exactly, so it would change; send it as a string",
            ));
        }
        Ok(Self(value))
    }

    /// An unsigned integer; `None` beyond 2^53 − 1.
    pub fn from_u64(value: u64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "compared with the exact bound right here")]
        let number = value as f64;
        (value <= 9_007_199_254_740_991).then_some(Self(number))
    }

    /// Whether the value is a whole number.
    pub fn is_integral(self) -> bool {
        self.0.fract() == 0.0
    }

    /// The value as an unsigned integer, if it is one.
    pub fn as_u64(self) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "integral and between 0 and 2^53 - 1"
        )]
        (self.0 >= 0.0 && self.0 <= MAX_SAFE && self.0.fract() == 0.0).then_some(self.0 as u64)
    }

    pub(crate) fn write_canonical(self, out: &mut Vec<u8>) {
        // ECMAScript writes -0 as 0; the format says that -0 is 0.
        let value = if self.0 == 0.0 { 0.0 } else { self.0 };
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(value).as_bytes());
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        Self(f64::from(value))
    }
}

/// Up to fifteen plain digits need no exact arithmetic.
fn small_integer(text: &str) -> Option<f64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    if digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits fit a double")]
    Some(if value == 0 { 0.0 } else { sign * value as f64 })
}

/// An exact decimal value in its only form: sign, digits without zeros at either end, exponent.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    /// Power of ten of the last digit. Saturates: beyond ±2^60 no double is near.
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(i) => (&text[..i], parse_exponent(&text[i + 1..])),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut exponent = exponent - length(fraction);
        let all = format!("{whole}{fraction}");
        let trimmed = all.trim_start_matches('0');
        let digits = trimmed.trim_end_matches('0');
        exponent += length(trimmed) - length(digits);
        if digits.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        Self { negative, digits: digits.to_owned(), exponent }
    }

    fn is_integral(&self) -> bool {
        self.exponent >= 0
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).expect("no text has 2^63 bytes")
}

fn parse_exponent(text: &str) -> i64 {
    const BEYOND: i64 = 1 << 60;
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    // A plus sign is read by `parse` itself.
    let value = digits.parse::<i64>().unwrap_or(BEYOND).min(BEYOND);
    if negative { -value } else { value }
}
