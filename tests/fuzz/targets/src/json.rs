//! The strict JSON reader against itself, against serde_json and against the digits in the text.

use crate::check_refusal;
use domain::json::{Limits, Value, parse};
use serde_json::Value as Json;

/// What is read has one form that reads the same; serde_json reads the same; no number changed.
pub fn strict_json(data: &[u8]) -> bool {
    let read = parse(data, Limits::FORMAT);
    for limits in [Limits::ADMISSION, Limits::BATCH] {
        match parse(data, limits) {
            Ok(value) => {
                assert_eq!(read.as_ref(), Ok(&value), "narrow limits read something else");
                check_bounds(&value, limits, 0);
            }
            Err(refusal) => check_refusal(&refusal),
        }
    }
    let value = match read {
        Ok(value) => value,
        Err(refusal) => {
            check_refusal(&refusal);
            return false;
        }
    };
    check_bounds(&value, Limits::FORMAT, 0);
    let canonical = value.canonical();
    let again = parse(&canonical, Limits::FORMAT).expect("the canonical form is read");
    assert_eq!(again, value, "the canonical form means something else");
    assert_eq!(again.canonical(), canonical, "the canonical form is no fixed point");
    let wide = Limits { depth: Limits::ADMISSION.depth + 1, ..Limits::ADMISSION };
    assert_eq!(parse(data, wide).is_ok(), parse(&canonical, wide).is_ok(), "limits judge the spelling");
    match serde_json::from_slice::<Json>(data) {
        Ok(other) => check_same(&value, &other),
        // serde_json counts the levels from one.
        Err(error) => assert!(depth(&value) == Limits::FORMAT.depth, "serde_json refuses: {error}"),
    }
    assert_eq!(numbers(data), numbers(&canonical), "a number changed");
    true
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// Nothing in the value is deeper or longer than it may be, and names are unique and in order.
fn check_bounds(value: &Value, limits: Limits, level: usize) {
    assert!(level <= limits.depth, "deeper than {}", limits.depth);
    let text = |text: &str| assert!(text.len() <= limits.string_bytes && !text.contains('\0'), "a string: {text:?}");
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => items.iter().for_each(|item| check_bounds(item, limits, level + nests(item))),
        Value::Object(object) => {
            let names: Vec<Vec<u16>> = object.iter().map(|(name, _)| name.encode_utf16().collect()).collect();
            assert!(names.is_sorted_by(|a, b| a < b), "names out of order");
            for (name, value) in object.iter() {
                text(name);
                check_bounds(value, limits, level + nests(value));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn nests(value: &Value) -> usize {
    usize::from(matches!(value, Value::Array(_) | Value::Object(_)))
}

fn check_same(ours: &Value, other: &Json) {
    match (ours, other) {
        (Value::Null, Json::Null) => {}
        (Value::Bool(a), Json::Bool(b)) => assert_eq!(a, b),
        (Value::String(a), Json::String(b)) => assert_eq!(a, b),
        (Value::Number(_), Json::Number(b)) => {
            let text = String::from_utf8(ours.canonical()).expect("digits");
            let (a, b) = (text.parse::<f64>().expect("a number"), b.as_f64().expect("a number"));
            // serde_json reads integers exactly and fractions fast, not always to the last bits.
            let close = a.to_bits().abs_diff((b + 0.0).to_bits()) <= 8;
            assert!(if a.fract() == 0.0 { a == b } else { close }, "{a:e} and {b:e}");
        }
        (Value::Array(a), Json::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| check_same(a, b));
        }
        (Value::Object(a), Json::Object(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().for_each(|(name, a)| check_same(a, &b[name]));
        }
        (ours, other) => panic!("{ours:?} and {other:?}"),
    }
}

/// The exact values of all numbers of a document, sorted: sign, digits without zeros at their ends,
/// power of ten of the last one. Worked out from the text alone, with no arithmetic of the reader.
fn numbers(json: &[u8]) -> Vec<(bool, String, i64)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while json.get(at).is_some_and(|b| *b != b'"') {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let text =
                    json[at..].iter().take_while(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
                let text: String = text.map(|b| char::from(*b)).collect();
                at += text.len();
                found.push(exact(&text));
            }
            _ => at += 1,
        }
    }
    found.sort();
    found
}

fn exact(number: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    // No digits that a double keeps stand beyond this.
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX / 4);
    let (whole, fraction) =
        mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa.trim_start_matches('-'), ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return (false, String::new(), 0);
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let shift = |length: usize| i64::try_from(length).expect("a short text");
    (number.starts_with('-'), digits.to_owned(), exponent - shift(fraction.len()) + shift(zeros))
}
