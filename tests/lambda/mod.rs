//! Functions as they are shipped, under a Lambda Runtime API: their own processes on one data directory.

mod container;

use handlers::{FUNCTIONS, Function, Hub, Issuer};
use installation::{Makes, Settings, open};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use support::runtime_api::{Running, binaries};

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(format!("{name}.json"));
    std::fs::read_to_string(path).unwrap()
}

/// An installation as the functions open it, and who makes its tokens.
struct Installed {
    hub: Hub,
    issuer: Issuer,
}

async fn installed(data: &Path) -> Installed {
    let settings = Settings::read(Some(data), |_| None).unwrap();
    let hub = open(&settings, Makes::Log).await.unwrap().hub;
    Installed { hub, issuer: installation::issuer(&settings).unwrap() }
}

fn token(installation: &Installed, function: &str) -> String {
    let (role, scopes) = match function {
        "record-events" => (handlers::Role::Service, handlers::Granted::parse_list("record:platform-api").unwrap()),
        _ => (handlers::Role::Operator, Vec::new()),
    };
    let token = installation.issuer.token("test", role, &scopes, installation.hub.cx.clock.now(), 3600);
    format!("Bearer {token}")
}

async fn start(function: &Function, data: &Path) -> Running {
    let log = data.join("ocis.log");
    let environment = [("DEZKY_DATA", data.to_str().unwrap()), ("OCIS_AUDIT_LOG_PATH", log.to_str().unwrap())];
    Running::start(&binaries().join(function.name), &environment).await
}

fn named(name: &str) -> &'static Function {
    FUNCTIONS.iter().find(|f| f.name == name).unwrap()
}

/// Each binary serves its sample event several times in one process.
#[tokio::test]
async fn every_function_serves_its_sample_event_as_it_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let installation = installed(data).await;
    std::fs::write(data.join("ocis.log"), include_bytes!("../../docs/samples/ocis-audit.log")).unwrap();
    support::world::fill(&installation.hub.cx).await;
    for function in FUNCTIONS {
        let mut running = start(function, data).await;
        let event = sample(function.name).replace("Bearer TOKEN", &token(&installation, function.name));
        for round in 0..3 {
            let outcome = running.invoke(&event).await;
            let answer = outcome.unwrap_or_else(|error| panic!("{} round {round}: {error}", function.name));
            if let Some(part) = function.http {
                let status = answer["statusCode"].as_u64().unwrap();
                assert!(part.answers.iter().any(|a| u64::from(a.status) == status), "{}: {answer}", function.name);
            } else if function.queue.is_some() {
                assert_eq!(answer, json!({"batchItemFailures": []}), "{}", function.name);
            } else {
                assert_eq!(answer, Value::Null, "{}", function.name);
            }
        }
        assert!(!running.ended(), "{}", function.name);
    }
    let report = support::world::verified(&installation.hub.cx).await;
    assert_eq!(report.status(), domain::verify::Status::Intact, "{:?}", report.breaks);
}

/// From a request to a signed chain, each step in the process of its own function.
#[tokio::test]
async fn an_event_walks_through_the_functions_into_a_verified_chain() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let installation = installed(data).await;
    let mut record = start(named("record-events"), data).await;
    let mut append = start(named("append-events"), data).await;
    let mut sign = start(named("sign-checkpoint"), data).await;
    let mut verify = start(named("verify-chain"), data).await;
    let posted = sample("record-events").replace("Bearer TOKEN", &token(&installation, "record-events"));
    let answer = record.invoke(&posted).await.unwrap();
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let waiting = installation.hub.cx.events.receive(10).await.unwrap();
    let named: Vec<_> = waiting.into_iter().enumerate().map(|(i, m)| (format!("m{i}"), m)).collect();
    let answer = append.invoke(&handlers::samples::batch("events", &named).to_string()).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    sign.invoke(&handlers::samples::tick("sign-checkpoint").to_string()).await.unwrap();
    let asked = sample("verify-chain").replace("Bearer TOKEN", &token(&installation, "verify-chain"));
    let answer = verify.invoke(&asked).await.unwrap();
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!((body["status"].as_str(), body["eventsVerified"].as_u64()), (Some("intact"), Some(1)));
    assert_eq!(body["checkpointsVerified"], 1);
    let refused = verify.invoke(&sample("verify-chain")).await.unwrap();
    assert_eq!(refused["statusCode"], 401, "no door is open there either");
}

/// What REST gateways and function URLs send is understood as it is shipped, too.
#[tokio::test]
async fn other_gateways_reach_the_same_functions() {
    let folder = tempfile::tempdir().unwrap();
    let installation = installed(folder.path()).await;
    services::append::Appender::new(installation.hub.cx.clone()).append(vec![support::draft(1)]).await.unwrap();
    let bearer = token(&installation, "get-event");
    let rest = crate::functions::samples::rest_event().to_string().replace("Bearer TOKEN", &bearer);
    let url = crate::functions::samples::function_url_event().replace("Bearer TOKEN", &bearer);
    for (function, event) in [("get-event", rest), ("list-events", url)] {
        let mut running = start(named(function), folder.path()).await;
        for _ in 0..2 {
            assert_eq!(running.invoke(&event).await.unwrap()["statusCode"], 200, "{function}");
        }
    }
}

/// Poison in a batch is answered by a rejection in the chain, and is not sent for again; its neighbours
/// are chained.
#[tokio::test]
async fn one_poison_message_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let installation = installed(folder.path()).await;
    let mut append = start(named("append-events"), folder.path()).await;
    let message = |body: String| ports::Message { receipt: "r".to_owned(), body, deliveries: 1 };
    let bodies = services::layout::messages::pack(&[support::draft(1)]);
    let others = services::layout::messages::pack(&[support::draft(2)]);
    let batch = [
        ("good".to_owned(), message(bodies[0].clone())),
        ("poison".to_owned(), message("{\"events\":[{\"action\":7}],\"v\":1}".to_owned())),
        ("garbage".to_owned(), message("\u{0}not json".to_owned())),
        ("other".to_owned(), message(others[0].clone())),
    ];
    let answer = append.invoke(&handlers::samples::batch("events", &batch).to_string()).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let cx = &installation.hub.cx;
    let mut actions = Vec::new();
    for seq in 1..=4 {
        let line = services::blocks::get_event(cx, seq).await.unwrap().unwrap();
        actions.push(domain::event::Event::from_line(&line).unwrap().draft.action().as_str().to_owned());
    }
    assert_eq!(actions.iter().filter(|action| *action == "audit.event_rejected").count(), 2, "{actions:?}");
    // A table that is gone: all come back, and the process goes on.
    let table = folder.path().join("table.db");
    let aside = folder.path().join("aside");
    std::fs::rename(&table, &aside).unwrap();
    std::fs::create_dir(&table).unwrap();
    let mut fresh = start(named("append-events"), folder.path()).await;
    for _ in 0..2 {
        let broken = fresh.invoke(&handlers::samples::batch("events", &batch).to_string()).await.unwrap();
        assert_eq!(broken["batchItemFailures"].as_array().unwrap().len(), 4, "{broken}");
    }
    // It is tried again with each batch, in the same process.
    std::fs::remove_dir(&table).unwrap();
    std::fs::rename(&aside, &table).unwrap();
    let mended = fresh.invoke(&handlers::samples::batch("events", &batch).to_string()).await.unwrap();
    assert_eq!(mended, json!({"batchItemFailures": []}));
}

/// Frozen between two invocations, as Lambda does, while others write: what it remembers of the chain is
/// old then, and it finds out.
#[tokio::test]
async fn a_function_that_was_frozen_takes_up_what_happened_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let installation = installed(folder.path()).await;
    let mut append = start(named("append-events"), folder.path()).await;
    let batch = |i: u64| {
        let bodies = services::layout::messages::pack(&[support::draft(i)]);
        let message = ports::Message { receipt: "r".to_owned(), body: bodies[0].clone(), deliveries: 1 };
        handlers::samples::batch("events", &[("m".to_owned(), message)]).to_string()
    };
    let signal = |name: &str, id: u32| {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap();
        assert!(sent.success());
    };
    let other = services::append::Appender::new(installation.hub.cx.clone());
    for round in 0..5 {
        append.invoke(&batch(10 * round)).await.unwrap();
        signal("STOP", append.id());
        other.append((1..8).map(|i| support::draft(10 * round + i)).collect()).await.unwrap();
        signal("CONT", append.id());
        // One that the other has chained meanwhile, and one that is new.
        append.invoke(&batch(10 * round + 3)).await.unwrap();
        append.invoke(&batch(10 * round + 9)).await.unwrap();
    }
    let report = support::world::verified(&installation.hub.cx).await;
    assert_eq!((report.status(), report.events_verified), (domain::verify::Status::Intact, 5 * 9));
}

/// Settings that cannot be meant end the function at its start, with all of them in one error.
#[tokio::test]
async fn bad_settings_are_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(binaries().join("list-events"))
        .env_clear()
        .envs([("PORT", "0"), ("AUDIT_SIGNING_KEY", "zz"), ("CURSOR_KEY", "1")])
        .env("DEZKY_DATA", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("AUDIT_SIGNING_KEY") && said.contains("CURSOR_KEY"), "{said}");
    let nowhere = Command::new(binaries().join("list-events")).env_clear().output().unwrap();
    let said = String::from_utf8_lossy(&nowhere.stderr);
    assert!(said.contains("AWS_LAMBDA_RUNTIME_API") && said.contains("PORT") && said.contains("dezky up"), "{said}");
}
