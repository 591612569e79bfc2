//! `events.json`: one event a case, in some spelling, and its line or its refusal.

use super::{base64, text};
use domain::event::Event;
use domain::json::{Limits, Refusal, parse};
use serde_json::{Value, json};

const MEMBERS: [(&str, &str); 21] = [
    ("v", "1"),
    ("chain", r#""vectors.example-1""#),
    ("seq", "42"),
    ("id", r#""019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10""#),
    ("at", r#""2026-11-25T13:07:09.125Z""#),
    ("recordedAt", r#""2026-11-25T13:07:10.001Z""#),
    ("actorType", r#""user""#),
    ("actorId", r#""u-17""#),
    ("actorEmail", r#""anna@nordhavn.example""#),
    ("actorIp", "null"),
    ("action", r#""tenant.suspended""#),
    ("outcome", r#""success""#),
    ("resourceType", r#""tenant""#),
    ("resourceId", r#""t-9""#),
    ("resourceName", "null"),
    ("tenantSlug", r#""nordhavn""#),
    ("partnerSlug", "null"),
    ("source", r#""platform-api""#),
    ("externalId", "null"),
    ("metadata", "{}"),
    ("prevHash", r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#),
];

pub(super) fn cases() -> Vec<Value> {
    let mut cases: Vec<Value> = taken().into_iter().map(|(name, input)| case(name, input.as_bytes())).collect();
    cases.extend(refused().into_iter().map(|(name, input)| case(name, &input)));
    cases
}

fn case(name: &str, input: &[u8]) -> Value {
    let mut case = json!({ "name": name });
    match std::str::from_utf8(input) {
        Ok(input) => case["input"] = input.into(),
        Err(_) => case["inputBase64"] = base64(input).into(),
    }
    match read(input) {
        Ok(event) => {
            case["line"] = text(&event.line()).into();
            case["hash"] = event.hash.to_hex().into();
        }
        Err(refusal) => case["refusal"] = json!({ "code": refusal.code, "pointer": refusal.pointer }),
    }
    case
}

fn read(input: &[u8]) -> Result<Event, Refusal> {
    parse(input, Limits::FORMAT).and_then(Event::from_value)
}

/// The event with one member spelled otherwise; `None` leaves it out.
fn with(name: &str, value: Option<&str>) -> String {
    let mut members: Vec<_> = MEMBERS.iter().filter(|(n, _)| *n != name).map(|(n, v)| format!("\"{n}\":{v}")).collect();
    members.extend(value.map(|v| format!("\"{name}\":{v}")));
    format!("{{{}}}", members.join(","))
}

fn metadata(value: &str) -> String {
    with("metadata", Some(value))
}

fn taken() -> Vec<(&'static str, String)> {
    vec![
        ("plain", metadata("{}")),
        ("spaces and order do not matter", format!("\t{}\r\n ", metadata("{ \"b\" : [ 1 , 2 ] ,\n\"a\":{} }"))),
        ("non-ASCII", metadata("{\"name\":\"Zoë Ångström 株式会社\"}")),
        ("no normalisation", metadata("{\"a\":\"e\u{301}\",\"b\":\"\u{e9}\"}")),
        (
            "names in UTF-16 order: astral before U+FB33",
            metadata("{\"\u{fb33}\":1,\"\u{1f600}\":2,\"\u{20ac}\":3,\"\\r\":4,\"1\":5,\"\u{80}\":6,\"\u{f6}\":7}"),
        ),
        ("escaped names are compared as they read", metadata(r#"{"\u0062":1,"\u0061":2}"#)),
        ("every short escape", metadata(r#"{"s":"\"\\\/\b\f\n\r\t"}"#)),
        ("other controls", metadata(r#"{"s":"\u0001\u000b\u001f\u007f\u0080\u2028"}"#)),
        ("surrogate pair", metadata(r#"{"s":"\ud83d\ude00 \uD834\uDD1E"}"#)),
        ("nested", metadata(r#"{"a":[{"b":[[],{},[{"c":null}]]},true,false]}"#)),
        ("thirty levels", metadata(&format!("{{\"a\":{}{}}}", "[".repeat(30), "]".repeat(30)))),
        ("integers", metadata("{\"a\":[0,-0,1,-1,9007199254740991,-9007199254740991]}")),
        ("one number, many spellings", metadata("{\"a\":[1,1.0,1E0,10e-1,0.1e1,100e-2]}")),
        ("zeros", metadata("{\"a\":[0,-0,0.0,-0.0,0e5,0E-999999999999999999999]}")),
        ("fractions", metadata("{\"a\":[0.1,1.5,-2.25,0.000001,0.0000001,1e-7,123456.789]}")),
        ("extreme doubles", metadata("{\"a\":[5e-324,2.2250738585072014e-308,1.5e-300,0.3333333333333333]}")),
        ("largest integer, spelled with an exponent", metadata("{\"a\":900719925474099.1e1}")),
        ("quotes and backslashes at the ends", with("resourceName", Some(r#""\"\\""#))),
        ("looks like other members", with("resourceName", Some(r#""\",\"seq\":7,\"source\":\"x""#))),
        ("time with an offset is put into UTC", with("at", Some(r#""2026-11-25T00:30:00.5+01:00""#))),
        ("digits after the milliseconds are cut", with("at", Some(r#""2026-11-25T13:07:09.9999999Z""#))),
        ("second 60", with("at", Some(r#""2016-12-31T23:59:60Z""#))),
        ("year 0001", with("at", Some(r#""0001-01-01T00:00:00Z""#))),
        ("year 9999", with("at", Some(r#""9999-12-31T23:59:59.999Z""#))),
        ("id in capitals", with("id", Some(r#""019A8F4E-7A3C-7E21-9D5B-0F6F6A1C7E10""#))),
        ("longest action", with("action", Some(&format!("\"{}\"", [&"a".repeat(64)[..]; 8].join("."))))),
        ("first event", {
            let zeros = format!("\"{}\"", "0".repeat(64));
            with("seq", Some("1")).replace(MEMBERS[20].1, &zeros)
        }),
        (
            "id made from the external id",
            with("externalId", Some(r#""gen:17""#))
                .replace("019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10", &external_id("gen:17")),
        ),
        (
            "id made from an external id that needs escapes",
            with("externalId", Some(r#""\"é\n""#))
                .replace("019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10", &external_id("\"é\n")),
        ),
    ]
}

fn external_id(external: &str) -> String {
    let source = domain::names::Source::new("platform-api").expect("a source");
    domain::names::EventId::of_external(&source, external).to_string()
}

fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let text = |cases: Vec<(&'static str, String)>| {
        cases.into_iter().map(|(name, input)| (name, input.into_bytes())).collect::<Vec<_>>()
    };
    let mut cases = text(vec![
        ("not an object", "[]".into()),
        ("nothing", String::new()),
        ("two documents", format!("{} {}", metadata("{}"), metadata("{}"))),
        ("byte order mark", format!("\u{feff}{}", metadata("{}"))),
        ("duplicate member", format!("{{\"seq\":42,{}", &metadata("{}")[1..])),
        ("duplicate member, escaped", metadata(r#"{"x":{"a":1,"\u0061":2}}"#)),
        ("lone high surrogate", metadata(r#"{"a":["\ud800"]}"#)),
        ("lone low surrogate", metadata(r#"{"a":"\udc00\ud800"}"#)),
        ("high surrogate before a letter", metadata(r#"{"a":"\ud800A"}"#)),
        ("U+0000", metadata(r#"{"a":"x\u0000"}"#)),
        ("pointer with escapes", metadata(r#"{"a/b":{"m~n":"\u0000"}}"#)),
        ("raw control character", metadata("{\"a\":\"\u{1}\"}")),
        ("leading zero", metadata("{\"a\":01}")),
        ("no digit after the point", metadata("{\"a\":1.}")),
        ("plus sign", metadata("{\"a\":+1}")),
        ("NaN", metadata("{\"a\":NaN}")),
        ("trailing comma", metadata("{\"a\":[1,]}")),
        ("single quotes", metadata("{\"a\":'x'}")),
        ("bad escape", metadata(r#"{"a":"\x41"}"#)),
        ("2^53", metadata("{\"a\":9007199254740992}")),
        ("2^53 + 1", metadata("{\"a\":9007199254740993}")),
        ("-2^53", metadata("{\"a\":-9007199254740992}")),
        ("1e20", metadata("{\"a\":1e20}")),
        ("1e400", metadata("{\"a\":1e400}")),
        ("1.5e300 is integral", metadata("{\"a\":1.5e300}")),
        ("too many digits", metadata("{\"a\":0.1000000000000000055511151231257827}")),
        ("below the least double", metadata("{\"a\":4.9e-324}")),
        ("1e-400", metadata("{\"a\":1e-400}")),
        ("half of an odd integer beyond", metadata("{\"a\":9007199254740991.5}")),
        ("unknown member", with("colour", Some("1"))),
        ("external id is no string", with("externalId", Some("17"))),
        ("empty string", with("actorId", Some("\"\""))),
        ("metadata null", metadata("null")),
        ("metadata an array", metadata("[]")),
        ("unknown version", with("v", Some("2"))),
        ("seq 0", with("seq", Some("0"))),
        ("seq negative", with("seq", Some("-1"))),
        ("seq with a fraction", with("seq", Some("1.5"))),
        ("seq a string", with("seq", Some("\"42\""))),
        ("chain in capitals", with("chain", Some("\"Prod\""))),
        ("chain too long", with("chain", Some(&format!("\"{}\"", "c".repeat(81))))),
        ("source with a dot", with("source", Some("\"a.b\""))),
        ("nine segments", with("action", Some("\"a.b.c.d.e.f.g.h.i\""))),
        ("empty segment", with("action", Some("\"tenant..suspended\""))),
        ("capital in an action", with("action", Some("\"Tenant.suspended\""))),
        ("unknown outcome", with("outcome", Some("\"maybe\""))),
        ("unknown actor type", with("actorType", Some("\"robot\""))),
        ("id is no UUID", with("id", Some("\"42\""))),
        ("id is not made from the external id", with("externalId", Some("\"gen:17\""))),
        ("time without a zone", with("at", Some("\"2026-11-25T13:07:09\""))),
        ("no such day", with("at", Some("\"2026-02-29T00:00:00Z\""))),
        ("hour 24", with("at", Some("\"2026-11-25T24:00:00Z\""))),
        ("year 0000", with("at", Some("\"0000-01-01T00:00:00Z\""))),
        ("before the year 0001 in UTC", with("recordedAt", Some("\"0001-01-01T00:00:00+00:01\""))),
        ("hash in capitals", with("prevHash", Some(&format!("\"{}\"", "AB".repeat(32))))),
        ("hash too short", with("prevHash", Some("\"00\""))),
    ]);
    for name in ["action", "at", "metadata", "actorIp", "prevHash", "v"] {
        let label: &'static str = match name {
            "action" => "without action",
            "at" => "without at",
            "metadata" => "without metadata",
            "actorIp" => "without actorIp",
            "prevHash" => "without prevHash",
            _ => "without v",
        };
        cases.push((label, with(name, None).into_bytes()));
    }
    let mut broken = metadata(r#"{"a":"?"}"#).into_bytes();
    let at = broken.iter().position(|b| *b == b'?').expect("is there");
    broken[at] = 0xff;
    cases.push(("not UTF-8", broken));
    cases
}
