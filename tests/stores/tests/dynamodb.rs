//! The table on a DynamoDB API.

use crate::scripted::{Answer, Scripted, fresh_name};
use adapters_aws::DynamoTable;
use ports::conformance::table;
use ports::{Condition, Key, KeyRange, Order, Probe, Table, TableError, Verdict, Version};

fn open(name: &str, endpoint: &str) -> DynamoTable {
    DynamoTable::open("TABLE_URL", &format!("dynamodb://{name}?endpoint={endpoint}")).unwrap()
}

async fn fresh() -> (String, DynamoTable) {
    let name = fresh_name("conformance");
    let table = open(&name, &stores::server("DEZKY_TEST_DYNAMODB"));
    table.create().await.unwrap();
    (name, table)
}

fn key() -> Key {
    Key::new("p", "s")
}

async fn put(table: &DynamoTable) -> Result<ports::Version, TableError> {
    table.put(&key(), b"x".to_vec(), Condition::Absent).await
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_table() {
    let (_, table) = fresh().await;
    table::check_all(&table, "t").await;
}

/// Two clients race as two machines would.
#[tokio::test]
async fn two_clients_of_one_table_see_one_table() {
    let (name, one) = fresh().await;
    let two = open(&name, &stores::server("DEZKY_TEST_DYNAMODB"));
    table::a_row_is_read_as_it_was_written(&one, "a").await;
    assert_eq!(two.get(&Key::new("a", "a")).await.unwrap().unwrap().value, b"value");
    tokio::join!(table::racing_updates_lose_nothing(&one, "b"), table::racing_updates_lose_nothing(&two, "c"));
    for i in 0..50 {
        let key = Key::new("race", format!("{i}"));
        let create = |table: &DynamoTable, value: &'static [u8]| {
            let (table, key) = (table.clone(), key.clone());
            async move { table.put(&key, value.to_vec(), Condition::Absent).await }
        };
        let (a, b) = tokio::join!(create(&one, b"1"), create(&two, b"2"));
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_are_not_there_and_ends_may_be_any_text() {
    let (_, table) = fresh().await;
    put(&table).await.unwrap();
    let long = "t".repeat(5000);
    for key in [Key::new("", "s"), Key::new("p", ""), Key::new("p", long.clone())] {
        assert_eq!(table.get(&key).await, Ok(None));
        assert_eq!(table.get_many(vec![key.clone()]).await, Ok(vec![None]));
    }
    for (after, before, found) in [
        (Some(""), None, 1),
        (Some(""), Some("t"), 1),
        (None, Some(""), 0),
        (Some("s"), Some("s"), 0),
        (None, Some(long.as_str()), 1),
        (Some(long.as_str()), None, 0),
        (Some("r"), Some(long.as_str()), 1),
    ] {
        let range = KeyRange { after: after.map(str::to_owned), before: before.map(str::to_owned) };
        assert_eq!(table.query("p", &range, Order::Ascending, usize::MAX).await.unwrap().len(), found, "{range:?}");
    }
    assert!(table.query("", &KeyRange::all(), Order::Ascending, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_last_of_two_rows_with_one_key_is_there() {
    let (_, table) = fresh().await;
    table.put_many(vec![(key(), b"first".to_vec()), (key(), b"last".to_vec())]).await.unwrap();
    assert_eq!(table.get(&key()).await.unwrap().unwrap().value, b"last");
}

#[tokio::test]
async fn making_it_twice_is_no_error_and_the_probe_finds_it_fit() {
    let (_, table) = fresh().await;
    table.create().await.unwrap();
    let findings = table.findings().await;
    assert_eq!(findings[..2].iter().map(|f| f.verdict).collect::<Vec<_>>(), [Verdict::Good; 2], "{findings:?}");
    assert!(findings.iter().all(|f| f.verdict != Verdict::Unfit), "{findings:?}");
    table.time().await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let table = open("no-such-table", &stores::server("DEZKY_TEST_DYNAMODB"));
    let TableError::Rejected(said) = put(&table).await.unwrap_err() else { panic!("not rejected") };
    assert!(said.starts_with("TABLE_URL: there is no table `no-such-table` at http://"), "{said}");
    assert!(said.contains("make it with `dezky migrate`, or mend the name"), "{said}");
    assert!(matches!(table.get(&key()).await, Err(TableError::Rejected(_))));
    assert!(matches!(table.get_many(vec![key()]).await, Err(TableError::Rejected(_))));
    assert!(matches!(table.put_many(vec![(key(), vec![])]).await, Err(TableError::Rejected(_))));
    assert_eq!(table.findings().await[0].verdict, Verdict::Unfit);
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_named() {
    for (endpoint, wanted) in [
        ("http://nonexistent.invalid:8000", "the host `nonexistent.invalid:8000` is not known (DNS)"),
        ("http://127.0.0.1:1", "nobody listens at http://127.0.0.1:1 (connection refused)"),
    ] {
        let table = open("audit", endpoint);
        let TableError::Unavailable(said) = put(&table).await.unwrap_err() else { panic!("{endpoint}") };
        assert!(said.starts_with(&format!("TABLE_URL: {wanted}")), "{said}");
        assert!(!said.contains('\n') && table.time().await.unwrap_err() == said);
    }
}

#[tokio::test]
async fn https_to_a_server_without_tls_is_named() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let TableError::Unavailable(said) = put(&open("audit", &format!("https://{address}"))).await.unwrap_err() else {
        panic!("not unavailable")
    };
    assert!(said.contains(&format!("what answers at https://{address} does not speak TLS; use http://")), "{said}");
}

#[tokio::test]
async fn what_is_not_done_since_it_is_busy_is_tried_again() {
    const BUSY: Answer = Answer::Says(
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#,
    );
    let server = Scripted::start(&[BUSY, BUSY, Answer::Says(200, "{}")]).await;
    put(&open("audit", &server.endpoint)).await.unwrap();
    assert_eq!(server.requests().len(), 3);
    let server = Scripted::start(&[BUSY]).await;
    let TableError::Throttled(said) = put(&open("audit", &server.endpoint)).await.unwrap_err() else { panic!() };
    assert!(said.contains("the table `audit` is busy") && said.ends_with("(slow)"), "{said}");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_tried_again() {
    for (answer, wanted) in [
        (Answer::Cut, "the connection was lost at http://"),
        (Answer::Says(500, r#"{"__type":"x#InternalServerError","message":"oh"}"#), "InternalServerError (oh)"),
        (Answer::Says(503, "<html>"), "HTTP 503"),
        (Answer::Says(200, "<html>"), "is not one of this API, or was cut off"),
    ] {
        let server = Scripted::start(&[answer]).await;
        let error = put(&open("audit", &server.endpoint)).await.unwrap_err();
        let TableError::Unavailable(said) = error else { panic!("{answer:?}: {error}") };
        assert!(said.starts_with("TABLE_URL: ") && said.contains(wanted), "{said}");
        assert_eq!(server.requests().len(), 1, "{said}");
    }
}

#[tokio::test]
async fn refusals_say_what_to_mend() {
    for (status, body, wanted) in [
        (
            400,
            r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"bad token"}"#,
            "the credentials are refused at http://",
        ),
        (400, r#"{"__type":"x#ValidationException","message":"too\nlong"}"#, "ValidationException (too long)"),
        (404, "<html>", "does not speak this API (HTTP 404); check the URL"),
    ] {
        let server = Scripted::start(&[Answer::Says(status, body)]).await;
        let TableError::Rejected(said) = put(&open("audit", &server.endpoint)).await.unwrap_err() else { panic!() };
        assert!(said.contains(wanted), "{said}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_batch_is_asked_for_again() {
    const LEFT: Answer = Answer::Says(
        200,
        r#"{"UnprocessedItems":{"audit":[{"PutRequest":{"Item":{"partition":{"S":"p"},"sort":{"S":"2"}}}}]}}"#,
    );
    let rows = || vec![(Key::new("p", "1"), vec![]), (Key::new("p", "2"), vec![])];
    let server = Scripted::start(&[LEFT, Answer::Says(200, "{}")]).await;
    open("audit", &server.endpoint).put_many(rows()).await.unwrap();
    let requests = server.requests();
    assert!(requests.len() == 2 && requests[1].contains(r#""S":"2""#) && !requests[1].contains(r#""S":"1""#));
    let server = Scripted::start(&[LEFT]).await;
    let error = open("audit", &server.endpoint).put_many(rows()).await.unwrap_err();
    assert!(matches!(&error, TableError::Throttled(said) if said.contains("1 rows of a batch are left")), "{error}");
    const UNREAD: Answer = Answer::Says(
        200,
        r#"{"Responses":{"audit":[{"partition":{"S":"p"},"sort":{"S":"1"},"version":{"S":"v"}}]},
            "UnprocessedKeys":{"audit":{"Keys":[{"partition":{"S":"p"},"sort":{"S":"2"}}]}}}"#,
    );
    let server = Scripted::start(&[UNREAD, Answer::Says(200, "{}")]).await;
    let keys = vec![Key::new("p", "2"), Key::new("p", "1")];
    let found = open("audit", &server.endpoint).get_many(keys).await.unwrap();
    assert!(found[0].is_none() && found[1].is_some());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn the_time_is_the_services_own_even_if_it_refuses() {
    let server = Scripted::start(&[Answer::Says(400, r#"{"__type":"x#AccessDeniedException"}"#)]).await;
    let table = open("audit", &server.endpoint);
    assert_eq!(table.time().await.unwrap().unwrap().to_string(), "2026-11-25T12:00:00.000Z");
    let findings = table.findings().await;
    assert!(findings.len() == 1 && findings[0].verdict == Verdict::Lacks, "{findings:?}");
    // That of an earlier answer is none.
    let server = Scripted::start(&[Answer::Says(200, "{}"), Answer::Cut]).await;
    let table = open("audit", &server.endpoint);
    table.get(&key()).await.unwrap();
    assert!(table.time().await.is_err());
}

/// Runs in a process of its own, see below.
#[tokio::test]
#[ignore = "started without credentials by the next test"]
async fn without_credentials() {
    let TableError::Rejected(said) = put(&open("audit", "http://127.0.0.1:1")).await.unwrap_err() else { panic!() };
    assert!(said.starts_with("TABLE_URL: no credentials were found; set AWS_ACCESS_KEY_ID"), "{said}");
}

#[test]
fn whoever_forgot_the_credentials_is_told() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dynamodb::without_credentials", "--ignored"])
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Servers that are always consistent cannot show a read that need not be; the request can.
#[tokio::test]
async fn every_read_asks_for_what_is_there_now_and_nothing_asks_for_more_than_one_item_at_a_time() {
    let server = Scripted::start(&[Answer::Says(200, "{}")]).await;
    let table = DynamoTable::open("TABLE_URL", &format!("dynamodb://table?endpoint={}", server.endpoint)).unwrap();
    let key = Key::new("p", "s");
    table.get(&key).await.unwrap();
    for range in [KeyRange::all(), KeyRange::after("a"), KeyRange { after: Some("a".into()), before: Some("b".into()) }]
    {
        for order in [Order::Ascending, Order::Descending] {
            table.query("p", &range, order, 3).await.unwrap();
        }
    }
    table.get_many(vec![key.clone(), Key::new("p", "t")]).await.unwrap();
    let reads = server.requests();
    assert_eq!(reads.len(), 8);
    for read in &reads {
        assert!(read.contains(r#""ConsistentRead":true"#) && !read.contains("IndexName"), "{read}");
    }
    table.put(&key, vec![1], Condition::Absent).await.unwrap();
    table.put(&key, vec![1], Condition::Unchanged(Version("v".to_owned()))).await.unwrap();
    table.put_many(vec![(key.clone(), vec![1])]).await.unwrap();
    table.delete(&key, &Version("v".to_owned())).await.unwrap();
    let known = ["GetItem", "Query", "BatchGetItem", "PutItem", "BatchWriteItem", "DeleteItem"];
    for request in server.requests() {
        let target = request.lines().find_map(|line| line.split("DynamoDB_20120810.").nth(1)).unwrap();
        assert!(known.contains(&target.trim()), "not every service has {target}");
    }
}
