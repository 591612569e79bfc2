//! Seeds that are written by hand: JSON, cursors, query strings; and one line of each kind of the
//! sample log.

use crate::{Seed, numbered};
use domain::time::Timestamp;
use fuzz_targets::{CURSOR_CALLER, CURSOR_KEY, CURSOR_QUERY};
use handlers::FUNCTIONS;
use serde_json::Value;
use services::Cursor;
use std::collections::BTreeMap;
use std::path::Path;

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn nested(depth: usize) -> Vec<u8> {
    [vec![b'['; depth], vec![b']'; depth]].concat()
}

pub(crate) fn json() -> Vec<Seed> {
    let mut seeds = numbered(
        "good",
        bytes(&[
            "null",
            " [true , false]\r\n",
            r#"{"b":1,"a":[{"c":{}}],"":""}"#,
            r#"[0,-0,1.50,1e2,-1.5E-7,5e-324,0.000001,9007199254740991,900719925474099.1e1,0e99999999999999999999]"#,
            r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\u007f\b\f\t\r""#,
            r#"["\ud83d\ude00","😀"]"#,
            "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}",
            "[0.1,0.10000000000000000000000000000,123456789012345678e-3,1e-300]",
        ]),
    );
    let deep = [32, 33, 34, 127, 128].map(nested);
    seeds.extend(numbered("deep", deep));
    seeds.extend(numbered(
        "bad",
        bytes(&[
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":[{"c":1,"c":1}]}}"#,
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""\ud800\u0041""#,
            r#""\u0000""#,
            r#""\u12G4""#,
            "9007199254740992",
            "1e400",
            "-1e16",
            "0.30000000000000000001",
            "1e-99999999999999999999",
            "18446744073709551616",
            "01",
            "+1",
            "1.",
            ".5",
            "NaN",
            "[1,]",
            r#"{"a":1,}"#,
            "{'a':1}",
            "[1] 2",
            "\u{feff}{}",
            "\"\0\"",
            "\"",
            "\"\\",
            "",
            "tru",
        ]),
    ));
    let broken = [
        b"\"\xff\"".to_vec(),
        b"\"\xed\xa0\x80\"".to_vec(),
        b"\"\xc0\x80\"".to_vec(),
        b"{\"a\":\"\xe2\x82\"}".to_vec(),
        nested(129),
        vec![b'['; 4096],
        [vec![b'"'], vec![b'x'; 8193], vec![b'"']].concat(),
        [vec![b'1'; 400], b"e-399".to_vec()].concat(),
    ];
    seeds.extend(numbered("broken", broken));
    seeds
}

pub(crate) fn cursors() -> Vec<Seed> {
    let sealed = |at: &str, seq, as_of, query: &str, caller: &str| {
        let at = Timestamp::parse(at).expect("a time");
        Cursor { at, seq, as_of }.seal(&CURSOR_KEY, query, caller).into_bytes()
    };
    let at = "2026-11-25T11:00:00.125Z";
    let mut seeds = numbered(
        "sealed",
        [
            sealed(at, 7, 90, CURSOR_QUERY, CURSOR_CALLER),
            sealed("0001-01-01T00:00:00Z", 0, 0, CURSOR_QUERY, CURSOR_CALLER),
            sealed("9999-12-31T23:59:59.999Z", (1 << 53) - 1, (1 << 53) - 1, CURSOR_QUERY, CURSOR_CALLER),
            sealed(at, 1 << 53, u64::MAX, CURSOR_QUERY, CURSOR_CALLER),
            sealed(at, 7, 90, "", CURSOR_CALLER),
            sealed(at, 7, 90, CURSOR_QUERY, ""),
            [sealed(at, 7, 90, CURSOR_QUERY, CURSOR_CALLER), b"=".to_vec()].concat(),
        ],
    );
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let window = |bytes: u32| format!(r#"{{"bytes":{bytes},"sha256":"{hash}"}}"#);
    let row = |offset: &str, head: u32, rest: &str| {
        format!(
            r#"{{"counts":{{"events":3,"kept":1,"lines":5,"skipped":1}},"file":"17-4","generation":"0011223344556677","head":{},"inLongLine":false,"offset":{offset},{rest}"tail":{},"v":1}}"#,
            window(head),
            window(0)
        )
    };
    let names = r#""spaceNames":[["sp","Projekt"],["sp2","Zwei"]],"#;
    let good = row("4711", 1024, names);
    let rows = [
        good.clone(),
        row("0", 0, r#""spaceNames":[],"#),
        row("9007199254740991", 1, r#""spaceNames":[["a","x"],["b","y"],["a","z"],["","e"],["c",""]],"#),
        row("3", 4, names),
        row("-1", 0, names),
        row("1.5", 0, names),
        row("4711", 1025, names),
        row("4711", 1024, ""),
        row("4711", 1024, r#""spaceNames":[["a"]],"#),
        good.replace("0011223344556677", ""),
        good.replace("0011223344556677", "../..#x"),
        good.replace("0011223344556677", "00112233445566FF"),
        good.replace("false", "null"),
        good.replace("false", "true"),
        good.replace("\"v\":1", "\"v\":2"),
        good.replace("17-4", "\\u0001"),
        good.replace(hash, &hash.to_uppercase()),
        good.replace("\"v\":1", "\"v\":1,\"x\":1"),
        "{}".to_owned(),
    ];
    seeds.extend(numbered("row", rows.map(String::into_bytes)));
    seeds.extend(numbered("bad", bytes(&["", "AAAA", "é", "=", "AAAAAAAAAAAAAAAAAAAAAA", "%%%", "\0"])));
    seeds
}

/// The first line of each kind in the sample logs, and lines that nobody should have written.
pub(crate) fn ocis_lines() -> Vec<Seed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut kinds: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for name in ["docs/samples/ocis-audit.log", "tests/data/ocis/formatter-output.log"] {
        let log = std::fs::read(root.join(name)).expect("the sample log");
        for line in log.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let json: Value = serde_json::from_slice(line).unwrap_or_default();
            let word = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
            kinds.entry(format!("{} {}", word("Action"), word("ShareType"))).or_insert_with(|| line.to_vec());
        }
    }
    let mut seeds = numbered("sample", kinds.into_values());
    let token = "hVbNkTzQwLsRpXe";
    let line = |members: &str| {
        format!("{{\"App\":\"admin_audit\",\"Action\":\"file_shared\",\"ShareType\":\"link\",{members}}}")
    };
    let hostile = [
        line(&format!(
            "\"ShareToken\":\"{token}\",\"Path\":\"./a/{token}\",\"FileID\":\"s$x{token}!y\",\"Time\":\"{token}\""
        )),
        line(&format!("\"ShareToken\":[\"{token}\"],\"User\":\"{token}\",\"Opaque\":{{\"{token}\":[\"<{token}>\"]}}")),
        line(&format!(
            "\"ShareID\":\"{token}\",\"Message\":\"user '{token}' updated field '{token}' of public link '{token}'\""
        )),
        line("\"ShareToken\":\"li\",\"Path\":\"li\",\"ShareWith\":\"live\""),
        line("\"ShareToken\":1234567,\"Path\":\"x1234567y\",\"Level\":12345678"),
        line("\"ShareToken\":\"\\ud800abcdefgh\",\"Path\":\"\\ud800abcdefgh\""),
        line("\"Opaque\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
        line("\"Expiration\":9007199254740993,\"Half\":0.30000000000000000001,\"Big\":1e400"),
        line("\"Path\":\"a\\u0000b\",\"Path\":\"c\""),
        line("\"Time\":\"2099-01-01T00:00:00Z\",\"FileID\":\"st$sp!node\""),
        line(&format!("\"Path\":\"{}\"", "p".repeat(9000))),
        line("\"ShareToken\":\"abcdef\"").replace("App", "app").replace("ShareToken", "sharetoken"),
        "{\"App\":\"admin_audit\"}".to_owned(),
        "{\"App\":\"admin_audit\",\"Action\":\"\",\"Message\":\"user 'a' updated field 'x' of share 'y'\"}".to_owned(),
        "{\"App\":\"admin_audit\",\"Action\":\"a b\\n\\\"ü\"}".to_owned(),
        "{\"App\":\"other\"}".to_owned(),
        "[]".to_owned(),
        " \t\r".to_owned(),
        "\0\0\0".to_owned(),
        "user 'a' trashed file 'b'".to_owned(),
        format!("\u{feff}{}", line("\"Path\":\"x\"")),
        format!("\0\0{}\r", line("\"Path\":\"x\"")),
    ];
    seeds.extend(numbered("hostile", hostile.map(String::into_bytes)));
    seeds.extend(numbered(
        "broken",
        [
            b"{\"App\":\"admin_audit\",\"Action\":\"file_create\",\"Path\":\"\xff\xe2\x82\"}".to_vec(),
            b"{\"App\":\"admin_audit\",\"Action\":\"file_create\"".to_vec(),
        ],
    ));
    seeds
}

pub(crate) fn queries() -> Vec<Seed> {
    let example = |part: handlers::HttpPart| {
        let example = (part.example)();
        let pairs: Vec<String> = example.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}?{}", example.path, pairs.join("&")).into_bytes()
    };
    let mut seeds = numbered("example", FUNCTIONS.iter().filter_map(|f| f.http).map(example));
    seeds.extend(numbered(
        "query",
        bytes(&[
            "/audit?limit=1",
            "/audit?limit=500&before=2026-11-25T12:00:00%2B01:00&cursor=AAAA_-",
            "/audit?before=2026-11-25T12:00:00+01:00",
            "/audit?before=2026-11-25%5412:00:00Z&&",
            "/audit?%6Cimit=%37",
            "/audit?cursor=2026-11-25T12:00:00+01:00",
            "/audit?cursor=%25%32%42+%2B%26%3D%00",
            "/audit?cursor=%FF%C3%28%ED%A0%80",
            "/audit?limit=0",
            "/audit?limit=501",
            "/audit?limit=+5",
            "/audit?limit=0000000000000000000007",
            "/audit?limit=18446744073709551617",
            "/audit?limit=%D9%A7",
            "/audit?limit",
            "/audit?limit=5&limit=6",
            "/audit?Limit=5&limit=x&=&a==b",
            "/audit?before=yesterday",
            "/audit?before=9999-12-31T23:59:60Z",
            "/audit/export?from=1&to=9007199254740991&as=lines",
            "/audit/export?as=companion",
            "/audit/export?as=csv&from=9007199254740992",
            "/audit/7",
            "/audit/%37",
            "/audit/0",
            "/audit/7/8",
            "/audit/%",
            "/audit/%zz?seq=1",
            "/audit/",
            "/",
            "//?",
            "?limit=5",
            "limit=5&before=2026-11-25T12:00:00Z",
            "",
            "/audit?%",
            "/audit?%2&%&+",
            "/audit?\u{0}\u{feff}=é",
        ]),
    ));
    seeds
}
