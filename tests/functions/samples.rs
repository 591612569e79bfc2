//! Every sample event, through the conversion of its platform, on ports narrowed to its grants.

use super::{function, root};
use adapters_local::MemoryLog;
use handlers::{FUNCTIONS, Grant, Hub, Ingest};
use lambda_http::Body as EventBody;
use serde_json::Value;
use services::append::Appender;
use std::sync::Arc;
use support::world::{World, bearer, fill, hub};

fn sample(name: &str) -> String {
    let path = root().join("events").join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; run `cargo xtask derive`", path.display()))
}

/// A hub with events in its log, one of them archived, messages in its queues and lines in its source.
async fn lively() -> (World, Hub) {
    let world = World::default();
    let log = MemoryLog::default();
    log.append(include_bytes!("../../docs/samples/ocis-audit.log"));
    let ingest = Ingest { enabled: true, ocis_log: Some(Arc::new(log)), ..Ingest::default() };
    fill(&world.cx).await;
    let hub = hub(&world.cx, ingest);
    (world, hub)
}

async fn serve_request(world: &World, hub: &Hub, name: &str, event: &str) -> lambda_http::Response<EventBody> {
    let who = match name {
        "record-events" => "record:platform-api",
        _ => "operator",
    };
    let event = event.replace("Bearer TOKEN", &bearer(&world.cx, who));
    let request = lambda_http::request::from_str(&event).unwrap();
    functions::serve_http(function(name), hub, request).await.unwrap()
}

fn text(body: &EventBody) -> &str {
    match body {
        EventBody::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_sample_event_works_and_answers_as_documented() {
    for function in FUNCTIONS {
        let (world, hub) = lively().await;
        let hub = hub.narrowed(function.name, function.uses);
        let event = sample(function.name);
        if let Some(part) = function.http {
            let response = serve_request(&world, &hub, function.name, &event).await;
            let status = response.status().as_u16();
            let body = text(response.body());
            let media = &response.headers()["content-type"];
            let answer = part.answers.iter().find(|answer| answer.status == status && *media == answer.media);
            let answer = answer.unwrap_or_else(|| panic!("{}: {status} {media:?} {body}", function.name));
            assert_eq!(response.headers()["x-request-id"], format!("sample-{}", function.name));
            let documents: Vec<&str> = match answer.media {
                "application/x-ndjson" => body.lines().collect(),
                _ => vec![body],
            };
            for document in documents {
                (answer.reads)(document.as_bytes()).unwrap_or_else(|e| panic!("{}: {e} in {document}", function.name));
            }
        } else {
            let event: Value = serde_json::from_str(&event).unwrap();
            let is_batch = event.get("Records").is_some();
            let answer = functions::serve_event(function, &hub, event).await;
            let answer = answer.unwrap_or_else(|e| panic!("{e}"));
            let wanted = if is_batch { serde_json::json!({"batchItemFailures": []}) } else { Value::Null };
            assert_eq!(answer, wanted, "{}", function.name);
        }
    }
}

/// All of them on one log, again and again: each leaves a log that the others can live with.
#[tokio::test]
async fn every_sample_event_works_after_all_others() {
    let (world, hub) = lively().await;
    for round in 0..3 {
        for function in FUNCTIONS {
            let hub = hub.narrowed(function.name, function.uses);
            let event = sample(function.name);
            if let Some(part) = function.http {
                let response = serve_request(&world, &hub, function.name, &event).await;
                let status = response.status().as_u16();
                assert!(part.answers.iter().any(|a| a.status == status), "{} {round}: {response:?}", function.name);
            } else {
                let event: Value = serde_json::from_str(&event).unwrap();
                let served = functions::serve_event(function, &hub, event).await;
                assert!(served.is_ok(), "{} {round}: {:?}", function.name, served.err().map(|e| e.to_string()));
            }
        }
    }
    let report = support::world::verified(&world.cx).await;
    assert_eq!(report.status(), domain::verify::Status::Intact, "{:?} {:?}", report.breaks, report.missing);
}

/// The clock's event wakes what messages wake as well.
#[tokio::test]
async fn a_tick_wakes_the_signer_as_well() {
    let (world, hub) = lively().await;
    let signed = async || services::checkpoints::latest(&world.cx).await.unwrap().unwrap().checkpoint.head_seq;
    assert_eq!(signed().await, 2, "as the archiver signed");
    let function = function("sign-checkpoint");
    let hub = hub.narrowed(function.name, function.uses);
    let tick: Value = serde_json::from_str(&sample("verify-hot")).unwrap();
    functions::serve_event(function, &hub, tick).await.unwrap();
    assert_eq!(signed().await, 3, "and what the archiver chained after that");
}

/// GET /audit/1 as a REST gateway sends it.
pub(crate) fn rest_event() -> Value {
    serde_json::json!({
        "resource": "/audit/{seq}", "path": "/audit/1", "httpMethod": "GET",
        "headers": {"authorization": "Bearer TOKEN", "host": "x.execute-api.eu-central-1.amazonaws.com"},
        "multiValueHeaders": {"authorization": ["Bearer TOKEN"], "host": ["x.execute-api.eu-central-1.amazonaws.com"]},
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": {"seq": "1"}, "stageVariables": null, "body": null, "isBase64Encoded": false,
        "requestContext": {
            "accountId": "123456789012", "apiId": "x", "httpMethod": "GET", "identity": {"sourceIp": "192.0.2.1"},
            "path": "/prod/audit/1", "protocol": "HTTP/1.1", "requestId": "r", "resourceId": "r",
            "resourcePath": "/audit/{seq}", "stage": "prod",
        },
    })
}

/// GET /audit as a function URL sends it.
pub(crate) fn function_url_event() -> String {
    let event = sample("list-events")
        .replace(r#""routeKey": "GET /audit""#, r#""routeKey": "$default""#)
        .replace("api.dezky.example", "abc123.lambda-url.eu-central-1.on.aws");
    assert!(event.contains("$default") && event.contains("lambda-url"));
    event
}

/// REST gateways, and function URLs, send other shapes of the same request.
#[tokio::test]
async fn other_gateways_are_understood() {
    let (world, hub) = lively().await;
    let rest = rest_event();
    let response = serve_request(&world, &hub, "get-event", &rest.to_string()).await;
    assert_eq!(response.status(), 200, "{:?}", response.body());
    let staged = sample("list-events").replace(r#""stage": "$default""#, r#""stage": "prod""#);
    let staged = staged.replace(r#""rawPath": "/audit""#, r#""rawPath": "/prod/audit""#);
    assert_eq!(serve_request(&world, &hub, "list-events", &staged).await.status(), 200);
    let url = function_url_event();
    assert_eq!(serve_request(&world, &hub, "list-events", &url).await.status(), 200, "a function URL");
    let encoded = sample("record-events");
    let mut encoded: Value = serde_json::from_str(&encoded).unwrap();
    use base64::prelude::*;
    encoded["body"] = BASE64_STANDARD.encode(encoded["body"].as_str().unwrap()).into();
    encoded["isBase64Encoded"] = true.into();
    assert_eq!(serve_request(&world, &hub, "record-events", &encoded.to_string()).await.status(), 202);
    let elsewhere = sample("list-events").replace("/audit\"", "/elsewhere\"");
    assert_eq!(serve_request(&world, &hub, "list-events", &elsewhere).await.status(), 404);
}

/// A batch that fails is never answered by an empty list: the platform would delete it.
#[tokio::test]
async fn a_failed_batch_names_all_its_messages() {
    let (_, hub) = lively().await;
    let function = function("append-events");
    let event: Value = serde_json::from_str(&sample("append-events")).unwrap();
    // A function without its grants stands for a table that does not answer.
    let hub = hub.narrowed(function.name, &[Grant::EventsReceive]);
    let answer = functions::serve_event(function, &hub, event.clone()).await.unwrap();
    let id = &event["Records"][0]["messageId"];
    assert_eq!(answer, serde_json::json!({"batchItemFailures": [{"itemIdentifier": id}]}));
    let tick: Value = serde_json::from_str(&sample("derive-entries")).unwrap();
    assert!(functions::serve_event(function, &hub, tick).await.is_err(), "a tick is not for it");
    let mut nameless = event;
    nameless["Records"][0].as_object_mut().unwrap().remove("messageId");
    assert!(functions::serve_event(function, &hub, nameless).await.is_err(), "it could not be reported");
}

/// Each grant is there because something needs it: without it, the sample of some function fails.
#[tokio::test]
async fn ports_are_narrowed_to_grants() {
    let cases = [
        ("record-events", Grant::EventsSend),
        ("record-events", Grant::TableRead),
        ("append-events", Grant::TableWrite),
        ("append-events", Grant::BucketRead),
        ("derive-entries", Grant::TableWrite),
        ("create-checkpoint", Grant::Sign),
        ("create-checkpoint", Grant::BucketWrite),
        ("create-checkpoint", Grant::BucketRead),
        ("list-events", Grant::TableRead),
        ("tail-ocis", Grant::LogRead),
        ("tail-ocis", Grant::BucketWrite),
        ("tail-ocis", Grant::EventsSend),
        ("redrive-dead-letters", Grant::DeadLettersReceive),
        ("get-event", Grant::ColdRead),
        ("export-events", Grant::ColdRead),
        ("list-holds", Grant::TableRead),
        ("place-hold", Grant::TableWrite),
        ("place-hold", Grant::BucketRead),
        ("release-hold", Grant::TableWrite),
        ("run-archive", Grant::ColdWrite),
        ("run-archive", Grant::ColdRead),
        ("run-archive", Grant::Sign),
        ("restore-archive", Grant::TableWrite),
        ("restore-archive", Grant::ColdRead),
    ];
    for (name, without) in cases {
        let (world, hub) = lively().await;
        let function = function(name);
        let uses: Vec<Grant> = function.uses.iter().copied().filter(|grant| *grant != without).collect();
        let hub = hub.narrowed(function.name, uses.leak());
        let mut event = sample(name);
        if name == "record-events" {
            // Only ids of the producer's are looked up.
            event = event
                .replace(r#"\"externalId\":\"change-4711\""#, r#"\"id\":\"019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10\""#);
        }
        let failed = if function.http.is_some() {
            serve_request(&world, &hub, name, &event).await.status().is_server_error()
        } else {
            let event: Value = serde_json::from_str(&event).unwrap();
            match functions::serve_event(function, &hub, event).await {
                Ok(answer) => answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty()),
                Err(_) => true,
            }
        };
        assert!(failed, "{name} works without {without:?}");
    }
}

/// An answer longer than the platform takes is a problem that says what to do, not a failure.
#[tokio::test]
async fn an_export_that_is_too_long_for_the_platform_says_so() {
    let (world, hub) = lively().await;
    let drafts = (10..12_010).map(support::draft).collect::<Vec<_>>();
    let appender = Appender::new(world.cx.clone());
    for some in drafts.chunks(1000) {
        appender.append(some.to_vec()).await.unwrap();
    }
    let whole = sample("export-events").replace("from=1&to=1", "from=1");
    let response = serve_request(&world, &hub, "export-events", &whole).await;
    assert_eq!(response.status(), 422);
    assert!(text(response.body()).contains("answer-too-long"));
    // It travels as a JSON string: what fits as bytes may be too long with its escapes.
    let plain = lambda_length(&world, &hub, 9000, false).await;
    let escaped = lambda_length(&world, &hub, 9000, true).await;
    assert!(plain < 6_000_000 && escaped > 6_000_000, "{plain} {escaped}");
    let most = whole.replace("from=1", "from=1&to=9000");
    assert_eq!(serve_request(&world, &hub, "export-events", &most).await.status(), 422);
    let fewer = whole.replace("from=1", "from=1&to=5000");
    assert_eq!(serve_request(&world, &hub, "export-events", &fewer).await.status(), 200);
}

/// Length of the first lines of the log, as bytes or as a JSON string.
async fn lambda_length(world: &World, hub: &Hub, events: u64, escaped: bool) -> usize {
    let path = format!("/audit/export?from=1&to={events}");
    let authorization = Some(bearer(&world.cx, "operator"));
    let answer = crate::http::ask(hub, crate::http::Asked { path: &path, authorization, ..Default::default() }).await;
    let text = String::from_utf8(answer.body).unwrap();
    if escaped { serde_json::to_string(&text).unwrap().len() } else { text.len() }
}
