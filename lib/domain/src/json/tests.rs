use super::*;
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    String::from_utf8(parse(text.as_bytes(), Limits::FORMAT).unwrap().canonical()).unwrap()
}

fn refused(text: &[u8], code: &str, pointer: &str) {
    let refusal = parse(text, Limits::ADMISSION).unwrap_err();
    assert_eq!((refusal.code, refusal.pointer.as_str()), (code, pointer), "{refusal}");
}

#[test]
fn numbers_keep_their_value_and_get_one_spelling() {
    for (given, wanted) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("0e99999999999999999999", "0"),
        ("1", "1"),
        ("1.0", "1"),
        ("1E0", "1"),
        ("10e-1", "1"),
        ("1.50", "1.5"),
        ("-1.5e-7", "-1.5e-7"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("5e-324", "5e-324"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740991", "-9007199254740991"),
        ("900719925474099.1e1", "9007199254740991"),
        ("0.1", "0.1"),
        ("1e15", "1000000000000000"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"),
    ] {
        assert_eq!(canonical(given), wanted, "{given}");
    }
}

#[test]
fn numbers_that_would_change_are_refused() {
    for text in [
        "9007199254740992",
        "9007199254740993",
        "-9007199254740992",
        "1e16",
        "1e20",
        "1e400",
        "1.7976931348623157e308",
        "100000000000000000000.0",
    ] {
        refused(text.as_bytes(), "number-too-large", "");
    }
    for text in [
        "0.1000000000000000055511151231257827",
        "4.9e-324",
        "1e-400",
        "1e-99999999999999999999",
        "9007199254740991.5",
        "0.30000000000000000001",
        "3.14159265358979323846",
    ] {
        refused(text.as_bytes(), "number-not-exact", "");
    }
}

#[test]
fn names_are_ordered_by_utf16_units() {
    // The astral name comes before U+FB33 in UTF-16 and after it in UTF-8 (RFC 8785, 3.2.3).
    let text = "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
    let wanted = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
    assert_eq!(canonical(text), wanted);
}

#[test]
fn strings_are_escaped_as_rfc_8785_says() {
    assert_eq!(
        canonical(r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\u007f\b\f\t\r""#),
        "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\\b\\f\\t\\r\""
    );
    assert_eq!(canonical(r#""\ud83d\ude00""#), "\"\u{1f600}\"");
}

#[test]
fn every_refusal_names_its_rule_and_its_place() {
    refused(b"{\"a\":{\"b\":1,\"\\u0062\":2}}", "duplicate-member", "/a/b");
    refused(br#"{"a":[0,"\ud800"]}"#, "lone-surrogate", "/a/1");
    refused(br#"{"a":"\udc00\ud800"}"#, "lone-surrogate", "/a");
    refused(br#"{"a":"\ud800\u0041"}"#, "lone-surrogate", "/a");
    refused(br#"{"a/b":{"m~n":"\u0000"}}"#, "nul-character", "/a~1b/m~0n");
    refused(b"{\"a\":\"\x00\"}", "invalid-json", "/a");
    refused(b"{\"a\":\"\xff\"}", "invalid-utf8", "");
    refused(b"\xef\xbb\xbf{}", "invalid-json", "");
    refused(br#"{"a":01}"#, "invalid-json", "/a");
    refused(b"{\"a\":1,}", "invalid-json", "");
    refused(b"[1] 2", "invalid-json", "");
    refused(b"", "invalid-json", "");
    refused(b"{\"a\":NaN}", "invalid-json", "/a");
    refused(b"{'a':1}", "invalid-json", "");
    refused(br#"{"a":+1}"#, "invalid-json", "/a");
    refused(br#"{"a":1.}"#, "invalid-json", "/a");
    refused(br#"{"a":"\u12G4"}"#, "invalid-json", "/a");
    refused(format!("\"{}\"", "x".repeat(8193)).as_bytes(), "string-too-long", "");
    refused(format!("{}1{}", "[".repeat(33), "]".repeat(33)).as_bytes(), "too-deep", &"/0".repeat(32));
    assert!(parse(format!("{}1{}", "[".repeat(32), "]".repeat(32)).as_bytes(), Limits::ADMISSION).is_ok());
    assert!(parse(format!("\"{}\"", "x".repeat(8192)).as_bytes(), Limits::ADMISSION).is_ok());
}

#[test]
fn every_limit_is_exact() {
    for (limits, depth, bytes) in
        [(Limits::ADMISSION, 32, Some(8192)), (Limits::BATCH, 33, Some(8192)), (Limits::FORMAT, 128, None)]
    {
        let nested = |depth: usize| parse(format!("{}1{}", "[".repeat(depth), "]".repeat(depth)).as_bytes(), limits);
        assert!(nested(depth).is_ok());
        assert_eq!(nested(depth + 1).unwrap_err().code, "too-deep");
        let long = |bytes: usize| parse(format!("{{\"{0}\":\"{0}\"}}", "x".repeat(bytes)).as_bytes(), limits);
        assert!(long(bytes.unwrap_or(1 << 20)).is_ok());
        assert!(bytes.is_none_or(|bytes| long(bytes + 1).unwrap_err().code == "string-too-long"));
    }
}

/// Where the reader stopped stands in its words, so that a producer finds the place.
#[test]
fn a_syntax_error_names_its_byte() {
    for (text, at) in [
        ("", 0),
        (" [1 2]", 4),
        ("[1,]", 3),
        ("[", 1),
        ("{\"a\" 1}", 5),
        ("{\"a\":1 \"b\"}", 7),
        ("{a:1}", 1),
        ("{\"a\":1,}", 7),
        ("tru", 0),
        ("nulL", 0),
        ("01", 1),
        ("-", 1),
        ("-a", 1),
        ("1.", 2),
        ("1.e5", 2),
        ("1e", 2),
        ("1e+", 3),
        ("\"\\x\"", 3),
        ("\"\\u00g0\"", 3),
        ("\"\\u00", 3),
        ("\"\u{1f}\"", 1),
        ("\"a", 2),
        ("1 1", 2),
        ("{} {}", 3),
    ] {
        let refusal = parse(text.as_bytes(), Limits::FORMAT).unwrap_err();
        assert_eq!(refusal.code, "invalid-json", "{text}");
        assert!(refusal.detail.ends_with(&format!(", at byte {at}")), "{text}: {refusal}");
    }
    assert_eq!(parse(b"\"\xff\"", Limits::FORMAT).unwrap_err().detail, "byte 1 is not UTF-8");
}

#[test]
fn a_refusal_is_shown_with_its_place() {
    let refusal = Refusal::new("too-deep", "nested");
    assert_eq!(refusal.to_string(), "the document: nested [too-deep]");
    assert_eq!(refusal.within("b").within("a/~").to_string(), "/a~1~0/b: nested [too-deep]");
}

#[test]
fn values_are_what_they_are_and_nothing_else() {
    let value = |text: &str| parse(text.as_bytes(), Limits::FORMAT).unwrap();
    let all = [value("null"), value("true"), value("7"), value("\"s\""), value("[1]"), value("{\"a\":1}")];
    let found =
        all.each_ref().map(|v| (v.as_u64(), v.as_str(), v.as_array().map(<[_]>::len), v.as_object().map(Object::len)));
    assert_eq!(found[..2], [(None, None, None, None); 2]);
    let rest = [
        (Some(7), None, None, None),
        (None, Some("s"), None, None),
        (None, None, Some(1), None),
        (None, None, None, Some(1)),
    ];
    assert_eq!(found[2..], rest);
    for (text, number) in
        [("0", Some(0)), ("-0", Some(0)), ("-1", None), ("1.5", None), ("-1.5", None), ("1e3", Some(1000))]
    {
        assert_eq!(value(text).as_u64(), number, "{text}");
    }
    const MOST: u64 = 9_007_199_254_740_991;
    assert_eq!(Value::integer(MOST).and_then(|v| v.as_u64()), Some(MOST));
    assert_eq!(Value::integer(MOST + 1), None);
    let from =
        [Value::from(7u32), true.into(), "s".into(), "s".to_owned().into(), None::<u32>.into(), Some(7u32).into()];
    assert_eq!(from, ["7", "true", "\"s\"", "\"s\"", "null", "7"].map(value));
}

#[test]
fn an_object_keeps_its_members_unique_and_in_order() {
    let mut object = Object::default();
    assert!(object.is_empty());
    for (name, value) in [("b", 1u32), ("\u{fb33}", 2), ("a", 3), ("\u{1f600}", 4), ("b", 5)] {
        object.insert(name, value.into());
    }
    let text = "{\"a\":3,\"b\":5,\"\u{1f600}\":4,\"\u{fb33}\":2}";
    assert_eq!(String::from_utf8(object.canonical()).unwrap(), text);
    assert_eq!((object.len(), object.is_empty(), object.get("c")), (4, false, None));
    assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b", "\u{1f600}", "\u{fb33}"]);
    assert_eq!(object.get("b"), Some(&5.into()));
    assert_eq!((object.remove("b"), object.remove("b")), (Some(5.into()), None));
    let twice = vec![("a".to_owned(), Value::Null), ("b".to_owned(), Value::Null), ("a".to_owned(), Value::Null)];
    assert_eq!(Object::from_members(twice), Err("a".to_owned()));
}

pub(crate) fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(Into::into),
        // Fractions with at most six digits after the point are exact in their shortest form.
        (-1_000_000i32..1_000_000).prop_map(|n| (f64::from(n) / 64.0).into()),
        "[^\u{0}]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("[^\u{0}]{0,8}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_bytes_mean_the_same_and_are_stable(json in any_json()) {
        let once = parse(json.to_string().as_bytes(), Limits::FORMAT).unwrap().canonical();
        let twice = parse(&once, Limits::FORMAT).unwrap().canonical();
        prop_assert_eq!(&once, &twice);
        let read: serde_json::Value = serde_json::from_slice(&once).unwrap();
        let (a, b) = (normal(read), normal(json));
        prop_assert_eq!(a, b);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, Limits::ADMISSION);
    }

    #[test]
    fn what_is_accepted_serde_json_reads_the_same(text in "[\\[\\]{}\":,0-9eE+.\\-\\\\u ntrfalse]{0,40}") {
        if let Ok(value) = parse(text.as_bytes(), Limits::FORMAT) {
            let other: serde_json::Value = serde_json::from_str(&text).unwrap();
            let ours: serde_json::Value = serde_json::from_slice(&value.canonical()).unwrap();
            prop_assert_eq!(normal(ours), normal(other));
        }
    }
}

/// serde_json tells 1 from 1.0; the format does not.
fn normal(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as V;
    match value {
        V::Number(n) => V::from(n.as_f64().unwrap() + 0.0),
        V::Array(items) => items.into_iter().map(normal).collect(),
        V::Object(map) => V::Object(map.into_iter().map(|(k, v)| (k, normal(v))).collect()),
        other => other,
    }
}
