//! Points in time as the format writes them: UTC, years 0001 to 9999, exactly three fractional
//! digits, `Z`. The text has a fixed width, so its byte order is the order in time.

use std::fmt;
use time::{Date, Month, PrimitiveDateTime, Time};

const MILLIS_PER_DAY: i64 = 86_400_000;
/// Milliseconds from the Unix epoch to 0001-01-01T00:00:00.000Z.
const FIRST: i64 = -62_135_596_800_000;
/// Milliseconds from the Unix epoch to 9999-12-31T23:59:59.999Z.
const LAST: i64 = 253_402_300_799_999;

/// Milliseconds since the Unix epoch, between the years 0001 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is no RFC 3339 time that the format can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time between the years 0001 and 9999 in UTC, such as 2026-11-25T13:07:09.125Z")]
pub struct TimeError;

impl Timestamp {
    /// From milliseconds since the Unix epoch; `None` outside the years 0001 to 9999.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        (FIRST..=LAST).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_millis(self) -> i64 {
        self.0
    }

    /// This many milliseconds later (or earlier), kept within the years 0001 to 9999.
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(FIRST, LAST))
    }

    /// Reads RFC 3339 with any offset. Digits past the milliseconds are cut, not rounded; second
    /// 60 becomes 59.999.
    ///
    /// # Errors
    /// Whatever is not RFC 3339, or falls outside the years 0001 to 9999 in UTC.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse_millis(text.as_bytes()).and_then(Self::from_unix_millis).ok_or(TimeError)
    }

    /// The 24 bytes of the format.
    pub fn to_bytes(self) -> [u8; 24] {
        let days = self.0.div_euclid(MILLIS_PER_DAY);
        let millis = self.0.rem_euclid(MILLIS_PER_DAY);
        let julian = i32::try_from(days + 2_440_588).expect("the years 1 to 9999 fit");
        let date = Date::from_julian_day(julian).expect("the years 1 to 9999 are dates");
        let mut out = *b"0000-00-00T00:00:00.000Z";
        // The last digits of a value, as many as there is room for.
        let mut put = |at: usize, width: usize, value: i64| {
            let mut rest = value;
            for i in (at..at + width).rev() {
                out[i] = b'0' + u8::try_from(rest % 10).expect("a digit");
                rest /= 10;
            }
        };
        put(0, 4, i64::from(date.year()));
        put(5, 2, i64::from(u8::from(date.month())));
        put(8, 2, i64::from(date.day()));
        put(11, 2, millis / 3_600_000);
        put(14, 2, millis / 60_000 % 60);
        put(17, 2, millis / 1000 % 60);
        put(20, 3, millis);
        out
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_bytes()).expect("ASCII"))
    }
}

fn parse_millis(text: &[u8]) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        text.get(range)?.iter().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + u32::from(b - b'0')))
    };
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|b| wanted.contains(b));
    let separators = is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":");
    if !separators {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let mut at = 19;
    let mut millis = 0;
    if is(at, b".") {
        let digits = text[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        for place in 0..3 {
            let digit = if place < digits { u32::from(text[at + 1 + place] - b'0') } else { 0 };
            millis = millis * 10 + digit;
        }
        at += 1 + digits;
    }
    let (second, millis) = if second == 60 { (59, 999) } else { (second, millis) };
    let offset_minutes = if is(at, b"Zz") && at + 1 == text.len() {
        0
    } else if is(at, b"+-") && is(at + 3, b":") && at + 6 == text.len() {
        let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        let offset = i64::from(hours * 60 + minutes);
        if text[at] == b'-' { -offset } else { offset }
    } else {
        return None;
    };
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let part = |value: u32| u8::try_from(value).ok();
    let clock = Time::from_hms(part(hour)?, part(minute)?, part(second)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp();
    Some(seconds * 1000 + i64::from(millis) - offset_minutes * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_get_the_one_form_of_the_format() {
        for (given, wanted) in [
            ("2026-11-25T13:07:09Z", "2026-11-25T13:07:09.000Z"),
            ("2026-11-25t13:07:09.1z", "2026-11-25T13:07:09.100Z"),
            ("2026-11-25T13:07:09.9999999Z", "2026-11-25T13:07:09.999Z"),
            ("2026-11-25T00:30:00.5+01:00", "2026-11-24T23:30:00.500Z"),
            ("2026-11-25T23:30:00-23:59", "2026-11-26T23:29:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
            ("2026-06-01T10:10:60.4Z", "2026-06-01T10:10:59.999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("2026-11-25T13:07:09.12Z", "2026-11-25T13:07:09.120Z"),
            ("2026-11-25T13:07:09.1234-02:30", "2026-11-25T15:37:09.123Z"),
            ("2026-11-25T13:07:09+23:59", "2026-11-24T13:08:09.000Z"),
            ("2026-11-25T13:07:09-00:00", "2026-11-25T13:07:09.000Z"),
        ] {
            assert_eq!(Timestamp::parse(given).unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-25",
            "2026-11-25T13:07:09",
            "2026-11-25 13:07:09Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-25T24:00:00Z",
            "2026-11-25T13:60:00Z",
            "2026-11-25T13:07:61Z",
            "2026-11-25T13:07:09.Z",
            "2026-11-25T13:07:09+0100",
            "2026-11-25T13:07:09+24:00",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2026-11-25T13:07:09ZZ",
            "+2026-11-25T13:07:09Z",
            "2026-11-25T13:07:0９Z",
            "2026/11-25T13:07:09Z",
            "2026-11/25T13:07:09Z",
            "2026-11-25T13.07:09Z",
            "2026-11-25T13:07.09Z",
            "2026-11-25T13:07:0:Z",
            "2026-11-25T13:07:0/Z",
            "2026-11-25T13:07:09.",
            "2026-11-25T13:07:09.123",
            "2026-11-25T13:07:09+01:60",
            "2026-11-25T13:07:09+24:60",
            "2026-11-25T13:07:09+0a:00",
            "2026-11-25T13:07:09+00:0a",
            "2026-11-25T13:07:09+01-00",
            "2026-11-25T13:07:09+01:000",
            "2026-11-25T13:07:09+01:0",
            "2026-11-25T13:07:09*01:00",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimeError), "{text}");
        }
    }

    #[test]
    fn a_number_is_the_milliseconds_since_1970() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2026-11-25T13:07:09.125Z", 1_795_612_029_125),
            ("0001-01-01T00:00:00.000Z", FIRST),
            ("9999-12-31T23:59:59.999Z", LAST),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().unix_millis(), millis, "{text}");
            assert_eq!(Timestamp::from_unix_millis(millis).unwrap().to_string(), text);
        }
        assert_eq!((Timestamp::from_unix_millis(FIRST - 1), Timestamp::from_unix_millis(LAST + 1)), (None, None));
        let (first, last) = (Timestamp(FIRST), Timestamp(LAST));
        assert_eq!((first.plus_millis(-1), first.plus_millis(7)), (first, Timestamp(FIRST + 7)));
        assert_eq!(
            (last.plus_millis(1), last.plus_millis(i64::MAX), last.plus_millis(-7)),
            (last, last, Timestamp(LAST - 7))
        );
    }

    proptest! {
        #[test]
        fn text_and_number_agree(a in FIRST..=LAST, b in FIRST..=LAST) {
            let (a, b) = (Timestamp(a), Timestamp(b));
            prop_assert_eq!(Timestamp::parse(&a.to_string()), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
