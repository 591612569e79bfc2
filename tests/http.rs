//! Requests and answers as a client sees them, without a socket.

use bytes::Bytes;
use futures_util::TryStreamExt;
use handlers::mount::{self, Routed};
use handlers::{Body, FUNCTIONS, Hub, Ingest};
use http::Request;
use serde_json::{Value, json};
use services::append::Appender;
use services::drain::append_events;
use support::draft;
use support::world::{World, bearer, hub};

/// A request.
#[derive(Default, Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) authorization: Option<String>,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
}

/// An answer.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Sends a request to the functions, each on a hub narrowed to its grants.
pub(crate) async fn ask(hub: &Hub, asked: Asked<'_>) -> Answered {
    let method = if asked.method.is_empty() { "GET" } else { asked.method };
    let mut request = Request::builder().method(method).uri(asked.path);
    if let Some(value) = &asked.authorization {
        request = request.header("authorization", value);
    }
    for (name, value) in asked.headers {
        request = request.header(name, value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let response = match mount::route(FUNCTIONS, &parts.method, parts.uri.path()) {
        Routed::To(place, path) => {
            let function = &FUNCTIONS[place];
            let hub = hub.narrowed(function.name, function.uses);
            let body = Bytes::copy_from_slice(asked.body);
            mount::serve(function, &function.http.unwrap(), &hub, &path, &parts, async { Ok(body) }).await
        }
        routed => mount::serve_nowhere(hub, &parts, &routed),
    };
    let (head, body) = response.into_parts();
    let body = match body {
        Body::Whole(bytes) => bytes.to_vec(),
        Body::Stream(stream) => stream.try_collect::<Vec<_>>().await.unwrap().concat(),
    };
    Answered { status: head.status.as_u16(), headers: head.headers, body }
}

async fn world_of(events: u64) -> (World, Hub) {
    let world = World::default();
    let appender = Appender::new(world.cx.clone());
    for i in 0..events {
        appender.append(vec![draft(i)]).await.unwrap();
    }
    let hub = hub(&world.cx, Ingest::default());
    (world, hub)
}

async fn get(world: &World, hub: &Hub, path: &str) -> Answered {
    ask(hub, Asked { path, authorization: Some(bearer(&world.cx, "operator")), ..Asked::default() }).await
}

async fn post(world: &World, hub: &Hub, body: &str) -> Answered {
    let authorization = Some(bearer(&world.cx, "record:platform-api record:ocis"));
    ask(hub, Asked { method: "POST", path: "/audit/events", authorization, body: body.as_bytes(), ..Asked::default() })
        .await
}

async fn drain(world: &World) {
    let appender = Appender::new(world.cx.clone());
    while append_events(&world.cx, &appender).await.unwrap() > 0 {}
}

const GOOD: &str = r#"{"action":"a.b","at":"2026-11-25T12:00:00Z"}"#;

#[tokio::test]
async fn posted_events_are_accepted_in_order_and_then_stand_in_the_list() {
    let (world, hub) = world_of(0).await;
    let one = post(&world, &hub, GOOD).await;
    assert_eq!((one.status, one.json()["ids"].as_array().unwrap().len()), (202, 1));
    let many = post(&world, &hub, &format!("[{}]", vec![GOOD; 1000].join(","))).await;
    assert_eq!((many.status, many.json()["ids"].as_array().unwrap().len()), (202, 1000));
    drain(&world).await;
    let page = get(&world, &hub, "/audit?limit=3").await;
    assert_eq!((page.status, page.json().as_array().unwrap().len()), (200, 3));
    let event = get(&world, &hub, "/audit/1").await;
    assert_eq!(event.json()["id"], one.json()["ids"][0]);
    assert_eq!(event.json()["source"], "platform-api");
}

/// A body, and the status, code and named members of its answer.
type Case<'a> = (String, u16, &'a str, Vec<(&'a str, &'a str)>);

/// What is wrong with a body: status, code, and the members that are named.
#[tokio::test]
async fn bad_bodies_get_a_precise_answer_and_change_nothing() {
    let (world, hub) = world_of(0).await;
    let deep = format!(
        r#"{{"action":"a","at":"2026-11-25T12:00:00Z","metadata":{}1{}}}"#,
        r#"{"a":"#.repeat(32),
        "}".repeat(32)
    );
    let long = format!(r#"{{"action":"a","at":"2026-11-25T12:00:00Z","resourceId":"{}"}}"#, "x".repeat(8193));
    let late = r#"{"action":"a","at":"2026-12-01T12:05:01Z"}"#;
    let foreign = r#"{"action":"a","at":"2026-11-25T12:00:00Z","source":"authentik"}"#;
    let both =
        r#"{"action":"a","at":"2026-11-25T12:00:00Z","id":"019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10","externalId":"x"}"#;
    let second = format!("[{GOOD},{{\"action\":\"a\"}},{}]", r#"{"action":"a","at":"2026-11-25T12:00:00Z","color":1}"#);
    let cases: Vec<Case> = vec![
        ("".into(), 400, "invalid-json", vec![]),
        ("{".into(), 400, "invalid-json", vec![]),
        ("\u{feff}{}".into(), 400, "invalid-json", vec![]),
        ("[]".into(), 400, "invalid-events", vec![]),
        (format!("[{}]", vec![GOOD; 1001].join(",")), 400, "invalid-events", vec![]),
        ("7".into(), 400, "invalid-events", vec![("", "wrong-type")]),
        ("{}".into(), 400, "invalid-events", vec![("/action", "missing-member")]),
        (second, 400, "invalid-events", vec![("/1/at", "missing-member"), ("/2/color", "unknown-member")]),
        (
            deep,
            400,
            "invalid-json",
            vec![("/metadata/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", "too-deep")],
        ),
        (long, 400, "invalid-json", vec![("/resourceId", "string-too-long")]),
        (r#"{"a":1,"a":2}"#.into(), 400, "invalid-json", vec![("/a", "duplicate-member")]),
        (r#"{"metadata":{"n":1e20}}"#.into(), 400, "invalid-json", vec![("/metadata/n", "number-too-large")]),
        (late.into(), 400, "invalid-events", vec![("/at", "time-in-future")]),
        (both.into(), 400, "invalid-events", vec![("/id", "id-beside-external-id")]),
        (foreign.into(), 403, "source-not-allowed", vec![("/source", "source-not-allowed")]),
        (format!("[{GOOD},{foreign}]"), 403, "source-not-allowed", vec![("/1/source", "source-not-allowed")]),
    ];
    for (body, status, code, members) in cases {
        let answer = post(&world, &hub, &body).await;
        let short: String = body.chars().take(80).collect();
        let found = answer.json();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{short}: {found}");
        let errors = found["errors"].as_array().cloned().unwrap_or_default();
        let pairs: Vec<_> =
            errors.iter().map(|e| (e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect();
        if !members.is_empty() {
            assert_eq!(pairs, members, "{short}");
        }
    }
    drain(&world).await;
    assert_eq!(get(&world, &hub, "/audit").await.json(), json!([]));
}

#[tokio::test]
async fn a_repeated_id_is_the_same_event_or_a_conflict() {
    let (world, hub) = world_of(0).await;
    let event = |action: &str| {
        format!(r#"{{"action":"{action}","at":"2026-11-25T12:00:00Z","id":"019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10"}}"#)
    };
    assert_eq!(post(&world, &hub, &event("a.b")).await.status, 202);
    drain(&world).await;
    let again = post(&world, &hub, &event("a.b")).await;
    assert_eq!((again.status, again.json()["ids"][0].as_str()), (202, Some("019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10")));
    let other = post(&world, &hub, &event("a.c")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "id-conflict"));
    assert_eq!(other.json()["errors"][0]["pointer"], "/id");
    drain(&world).await;
    assert_eq!(get(&world, &hub, "/audit").await.json().as_array().unwrap().len(), 1);
    let external = |action: &str| {
        format!(r#"{{"action":"{action}","at":"2026-11-25T12:00:00Z","externalId":"x","source":"ocis"}}"#)
    };
    for action in ["a.b", "a.c"] {
        assert_eq!(post(&world, &hub, &external(action)).await.status, 202);
        drain(&world).await;
    }
    assert_eq!(get(&world, &hub, "/audit").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn bad_parameters_and_paths_get_a_precise_answer() {
    let (world, hub) = world_of(3).await;
    for (path, status, code) in [
        ("/audit?limit=0", 400, "invalid-parameter"),
        ("/audit?limit=501", 400, "invalid-parameter"),
        ("/audit?limit=-1", 400, "invalid-parameter"),
        ("/audit?before=yesterday", 400, "invalid-parameter"),
        ("/audit?cursor=x", 400, "invalid-parameter"),
        ("/audit?color=red", 400, "unknown-parameter"),
        ("/audit/verify?deep=true", 400, "unknown-parameter"),
        ("/audit/0", 400, "invalid-parameter"),
        ("/audit/one", 400, "invalid-parameter"),
        ("/audit/4", 404, "not-found"),
        ("/audit/9007199254740991", 404, "not-found"),
        ("/audit/9007199254740992", 400, "invalid-parameter"),
        ("/audit/export?from=9", 400, "invalid-parameter"),
        ("/audit/export?from=1&to=4", 400, "invalid-parameter"),
        ("/audit/export?as=csv", 400, "invalid-parameter"),
        ("/audit/", 400, "invalid-parameter"),
        ("/audit/1/2", 404, "no-such-route"),
        ("/", 404, "no-such-route"),
        ("/audit/events", 405, "method-not-allowed"),
        ("/audit/checkpoint", 405, "method-not-allowed"),
    ] {
        let answer = get(&world, &hub, path).await;
        let problem = answer.json();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}: {problem}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["type"], format!("urn:dezky:problem:{code}"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["requestId"].as_str(), answer.header("x-request-id"));
        assert_eq!(problem["instance"], format!("urn:dezky:request:{}", problem["requestId"].as_str().unwrap()));
        assert!(!problem["detail"].as_str().unwrap().is_empty() && !problem["title"].as_str().unwrap().is_empty());
    }
    let answer = ask(&hub, Asked { method: "DELETE", path: "/audit", ..Asked::default() }).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    let answer = ask(&hub, Asked { method: "POST", path: "/audit/verify", ..Asked::default() }).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn request_ids_are_taken_where_they_can_be_logged() {
    let (_, hub) = world_of(0).await;
    let with = |id| Asked { path: "/health", headers: vec![("x-request-id", id)], ..Asked::default() };
    assert_eq!(ask(&hub, with("My-id_1")).await.header("x-request-id"), Some("My-id_1"));
    for id in ["", "with space", "é", &"x".repeat(65)] {
        let got = ask(&hub, with(id)).await.header("x-request-id").unwrap().to_owned();
        assert!(got != id && got.len() == 36, "{got}");
    }
}

/// Page by page: nothing skipped, nothing doubled, and events that come later are not seen.
#[tokio::test]
async fn a_walk_by_cursors_sees_every_event_once() {
    let (world, hub) = world_of(57).await;
    let (mut path, mut seen, mut pages) = ("/audit?limit=10".to_owned(), Vec::new(), 0);
    loop {
        let page = get(&world, &hub, &path).await;
        assert_eq!(page.status, 200);
        seen.extend(page.json().as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()));
        pages += 1;
        Appender::new(world.cx.clone()).append(vec![draft(1000 + pages)]).await.unwrap();
        let Some(cursor) = page.header("dezky-cursor") else { break };
        let link = page.header("link").unwrap();
        assert_eq!(link, format!("</audit?limit=10&cursor={cursor}>; rel=\"next\""));
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    seen.sort_unstable();
    assert_eq!((seen, pages), ((1..=57).collect(), 6));
    let first = get(&world, &hub, "/audit?limit=10").await;
    let cursor = first.header("dezky-cursor").unwrap().to_owned();
    let somebody_else = Some(bearer(&world.cx, "read"));
    let path = format!("/audit?limit=10&cursor={cursor}");
    let stolen = ask(&hub, Asked { path: &path, authorization: somebody_else, ..Asked::default() }).await;
    assert_eq!((stolen.status, stolen.code().as_str()), (400, "invalid-parameter"));
}

#[tokio::test]
async fn stored_lines_are_answered_byte_for_byte() {
    let (world, hub) = world_of(5).await;
    let exported = get(&world, &hub, "/audit/export").await;
    assert_eq!(exported.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<&[u8]> = exported.body.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
    assert_eq!(lines.len(), 5);
    for (seq, line) in (1..).zip(&lines) {
        assert_eq!(get(&world, &hub, &format!("/audit/{seq}")).await.body, *line);
    }
    let some = get(&world, &hub, "/audit/export?from=2&to=3").await;
    assert_eq!(some.body, [lines[1], b"\n", lines[2], b"\n"].concat());
    let companion = get(&world, &hub, "/audit/export?from=2&to=3&as=companion").await;
    serde_json::from_slice::<api::Companion>(&companion.body).unwrap();
    let companion = companion.json();
    assert_eq!((companion["startSeq"].as_u64(), companion["eventCount"].as_u64()), (Some(2), Some(2)));
    assert_eq!(companion["sha256"], domain::hash::Hash::of(&some.body).to_hex());
    let head = ask(
        &hub,
        Asked { method: "HEAD", path: "/audit/1", authorization: Some(bearer(&world.cx, "read")), ..Asked::default() },
    )
    .await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length").unwrap().parse(), Ok(lines[0].len()));
}

#[tokio::test]
async fn checkpoints_are_made_once_per_head() {
    let (world, hub) = world_of(0).await;
    let operator = || Some(bearer(&world.cx, "operator"));
    let create = || {
        ask(&hub, Asked { method: "POST", path: "/audit/checkpoint", authorization: operator(), ..Asked::default() })
    };
    let empty = create().await;
    assert_eq!((empty.status, empty.json()), (200, Value::Null));
    assert_eq!(get(&world, &hub, "/audit/checkpoint/latest").await.json(), Value::Null);
    Appender::new(world.cx.clone()).append(vec![draft(1)]).await.unwrap();
    let made = create().await;
    assert_eq!(
        (made.status, made.json()["headSeq"].as_u64(), made.json()["reason"].as_str()),
        (201, Some(1), Some("manual"))
    );
    let again = create().await;
    assert_eq!((again.status, &again.body), (200, &made.body));
    assert_eq!(get(&world, &hub, "/audit/checkpoint/latest").await.body, made.body);
    assert_eq!(get(&world, &hub, "/audit/checkpoints").await.body, [&made.body[..], b"\n"].concat());
}

/// A break is named over HTTP, kept by the scheduled verification, and shown by health, which stays 200:
/// a log that does not verify must go on recording.
#[tokio::test]
async fn a_break_is_named_and_shown() {
    let (world, hub) = world_of(5).await;
    let tick = |name: &'static str| {
        let function = FUNCTIONS.iter().find(|f| f.name == name).unwrap();
        let hub = hub.narrowed(function.name, function.uses);
        async move { (function.schedule.unwrap().tick)(&hub).await.unwrap() }
    };
    let health = async || ask(&hub, Asked { path: "/health", ..Asked::default() }).await;
    assert_eq!(health().await.json()["lastVerification"], Value::Null);
    tick("verify-hot").await;
    let good = health().await;
    assert_eq!(
        (good.json()["status"].as_str(), good.json()["lastVerification"]["status"].as_str()),
        (Some("ok"), Some("intact"))
    );
    let key = ports::Key::new("chain#test.chain#0", format!("{:020}", 3));
    let row = world.cx.table.get(&key).await.unwrap().unwrap();
    let text = row.value;
    let at = text.iter().position(|b| *b == b'\n').unwrap();
    let body = flate2::read::MultiGzDecoder::new(&text[at + 1..]);
    let mut plain = String::new();
    std::io::Read::read_to_string(&mut { body }, &mut plain).unwrap();
    let mut packed = flate2::write::GzEncoder::new(text[..=at].to_vec(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, plain.replacen("success", "failure", 1).as_bytes()).unwrap();
    world.cx.table.put(&key, packed.finish().unwrap(), ports::Condition::Any).await.unwrap();
    let found = get(&world, &hub, "/audit/verify").await;
    assert_eq!((found.status, found.json()["status"].as_str()), (200, Some("broken")));
    assert_eq!(
        (found.json()["break"]["kind"].as_str(), found.json()["break"]["seq"].as_u64()),
        (Some("event-hash-mismatch"), Some(3))
    );
    tick("verify-hot").await;
    let broken = health().await;
    assert_eq!((broken.status, broken.json()["status"].as_str()), (200, Some("broken")));
    assert_eq!(broken.json()["lastVerification"]["breakKind"], "event-hash-mismatch");
}

/// A log that could not be verified to its end is not shown as good.
#[tokio::test]
async fn what_could_not_be_verified_is_not_called_good() {
    let (_, hub) = world_of(2).await;
    let function = FUNCTIONS.iter().find(|f| f.name == "verify-hot").unwrap();
    let tick = |hub: Hub| async move { (function.schedule.unwrap().tick)(&hub).await };
    tick(hub.narrowed(function.name, function.uses)).await.unwrap();
    // Without its grant the copies cannot be read, as when the bucket is gone.
    tick(hub.narrowed(function.name, &[handlers::Grant::TableRead, handlers::Grant::TableWrite])).await.unwrap();
    let health = ask(&hub, Asked { path: "/health", ..Asked::default() }).await;
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("unverified")));
    assert_eq!(health.json()["lastVerification"]["status"], "incomplete");
}

/// The same time may be written in several ways.
#[tokio::test]
async fn before_is_exclusive_and_may_have_an_offset() {
    let (world, hub) = world_of(3).await;
    let event = get(&world, &hub, "/audit/2").await.json();
    let at = event["at"].as_str().unwrap();
    let page = get(&world, &hub, &format!("/audit?before={at}")).await.json();
    assert_eq!(page.as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1]);
    let page = get(&world, &hub, "/audit?before=2027-01-01T00:00:00%2B02:00").await.json();
    assert_eq!(page.as_array().unwrap().len(), 3);
}
