//! The table made of objects on an S3 API.

use crate::scripted::fresh_name;
use adapters_aws::{S3Bucket, S3Table};
use futures_util::future::join_all;
use ports::conformance::table;
use ports::{Bucket, Condition, Key, KeyRange, Order, Probe, Table, TableError, Verdict};
use stores::front::{Front, Manner};

fn open(name: &str, endpoint: &str) -> S3Table {
    S3Table::open("TABLE_URL", &format!("s3://{name}/rows?endpoint={endpoint}")).unwrap()
}

/// The emulator, and a real gateway where there is one.
fn servers() -> impl Iterator<Item = String> {
    [stores::server("DEZKY_TEST_S3")].into_iter().chain(stores::optional_server("DEZKY_TEST_CEPH"))
}

async fn fresh_at(endpoint: &str) -> (String, S3Table) {
    let name = fresh_name("rows");
    let table = open(&name, endpoint);
    table.create().await.unwrap();
    (name, table)
}

async fn fresh() -> (String, S3Table) {
    fresh_at(&stores::server("DEZKY_TEST_S3")).await
}

async fn behind_a_front(endpoint: &str) -> (Front, S3Table) {
    let (name, _) = fresh_at(endpoint).await;
    let front = Front::before(endpoint).await;
    let table = open(&name, &front.endpoint);
    (front, table)
}

fn key() -> Key {
    Key::new("p", "s")
}

async fn create(table: &S3Table, key: &Key, value: &str) -> Result<ports::Version, TableError> {
    table.put(key, value.as_bytes().to_vec(), Condition::Absent).await
}

async fn sorts(table: &S3Table, range: &KeyRange, order: Order, limit: usize) -> Vec<String> {
    let rows = table.query("p", range, order, limit).await.unwrap();
    rows.into_iter().map(|row| row.key.sort).collect()
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_table() {
    for endpoint in servers() {
        let (_, table) = fresh_at(&endpoint).await;
        table::check_all(&table, "t").await;
    }
}

/// Two clients race as two machines would.
#[tokio::test]
async fn two_clients_of_one_table_see_one_table() {
    for endpoint in servers() {
        let (name, one) = fresh_at(&endpoint).await;
        let two = open(&name, &endpoint);
        create(&one, &key(), "value").await.unwrap();
        assert_eq!(two.get(&key()).await.unwrap().unwrap().value, b"value");
        tokio::join!(table::racing_updates_lose_nothing(&one, "b"), table::racing_updates_lose_nothing(&two, "c"));
        for i in 0..30 {
            let key = Key::new("race", format!("{i}"));
            let (a, b) = tokio::join!(create(&one, &key, "1"), create(&two, &key, "2"));
            assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
        }
    }
}

#[tokio::test]
async fn a_deleted_row_is_gone_and_may_come_again() {
    let (name, table) = fresh().await;
    for i in 0..5 {
        let row = Key::new("p", format!("{i}"));
        let version = create(&table, &row, "").await.unwrap();
        if i % 2 == 0 {
            table.delete(&row, &version).await.unwrap();
            assert_eq!(table.get(&row).await, Ok(None));
            assert_eq!(table.delete(&row, &version).await, Err(TableError::Conflict(row.to_string())));
            let stale = table.put(&row, Vec::new(), Condition::Unchanged(version)).await;
            assert_eq!(stale, Err(TableError::Conflict(row.to_string())));
        }
    }
    assert_eq!(sorts(&table, &KeyRange::all(), Order::Ascending, 9).await, ["1", "3"]);
    assert_eq!(sorts(&table, &KeyRange::all(), Order::Descending, 9).await, ["3", "1"]);
    assert_eq!(sorts(&table, &KeyRange::all(), Order::Ascending, 1).await, ["1"]);
    let again = create(&table, &Key::new("p", "4"), "again").await.unwrap();
    assert_eq!(sorts(&table, &KeyRange::all(), Order::Descending, 1).await, ["4"]);
    table.put(&Key::new("p", "2"), b"any".to_vec(), Condition::Any).await.unwrap();
    assert_eq!(sorts(&table, &KeyRange::after("1"), Order::Ascending, 9).await, ["2", "3", "4"]);
    table.delete(&Key::new("p", "4"), &again).await.unwrap();
    // The object is still there: a deleted row is a short one.
    let endpoint = stores::server("DEZKY_TEST_S3");
    let objects = S3Bucket::open("BUCKET_URL", &format!("s3://{name}/rows?endpoint={endpoint}")).unwrap();
    let sizes: Vec<u64> = objects.list("p/", None, 9).await.unwrap().iter().map(|meta| meta.size).collect();
    assert_eq!(sizes, [16, 17, 20, 17, 16]);
}

#[tokio::test]
async fn a_probe_leaves_nothing_behind() {
    for endpoint in servers() {
        let (name, table) = fresh_at(&endpoint).await;
        let row = Key::new("_probe#0123", "trip");
        let version = create(&table, &row, "x").await.unwrap();
        let stale = ports::Version("0123".to_owned());
        assert_eq!(table.delete(&row, &stale).await, Err(TableError::Conflict(row.to_string())));
        table.delete(&row, &version).await.unwrap();
        assert_eq!(table.get(&row).await, Ok(None));
        assert_eq!(table.delete(&row, &version).await, Err(TableError::Conflict(row.to_string())));
        let objects = S3Bucket::open("BUCKET_URL", &format!("s3://{name}?endpoint={endpoint}")).unwrap();
        assert_eq!(objects.list("", None, 9).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_no_end() {
    let (front, table) = behind_a_front(&stores::server("DEZKY_TEST_S3")).await;
    create(&table, &key(), "x").await.unwrap();
    for broken in [
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Size>17</Size></Contents></ListBucketResult>",
        // The same place again and again.
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>",
    ] {
        for order in [Order::Ascending, Order::Descending] {
            front.next(2, Manner::Says(200, broken));
            let found = table.query("p", &KeyRange::all(), order, 9).await;
            let Err(TableError::Unavailable(text)) = &found else { panic!("{found:?}") };
            assert!(text.starts_with("TABLE_URL: a listing says that there are more objects"), "{text}");
            front.next(0, Manner::Forwards);
        }
    }
    assert_eq!(sorts(&table, &KeyRange::all(), Order::Ascending, 9).await, ["s"]);
}

#[tokio::test]
async fn one_of_many_wins_over_a_tombstone() {
    for endpoint in servers() {
        let (_, table) = fresh_at(&endpoint).await;
        for round in 0..20 {
            let row = Key::new("p", format!("{round}"));
            let version = create(&table, &row, "old").await.unwrap();
            table.delete(&row, &version).await.unwrap();
            let names: Vec<String> = (0..8).map(|i| format!("writer {i}")).collect();
            let outcomes = join_all(names.iter().map(|name| create(&table, &row, name))).await;
            let winners: Vec<_> = names.iter().zip(&outcomes).filter(|(_, o)| o.is_ok()).map(|(n, _)| n).collect();
            assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
            assert!(outcomes.iter().all(|o| matches!(o, Ok(_) | Err(TableError::Conflict(_)))), "{outcomes:?}");
            assert_eq!(table.get(&row).await.unwrap().unwrap().value, winners[0].as_bytes());
        }
    }
}

/// The last rows of a long partition, which is only listed from its start.
#[tokio::test]
async fn the_last_rows_of_many_take_few_requests() {
    for endpoint in servers() {
        const ROWS: usize = 3500;
        let (front, table) = behind_a_front(&endpoint).await;
        let name = |i: usize| format!("{i:012}");
        for start in (0..ROWS).step_by(500) {
            let rows = (start..start + 500).map(|i| (Key::new("p", name(i)), i.to_string().into_bytes()));
            table.put_many(rows.collect()).await.unwrap();
        }
        front.take_requests();
        let wanted = |from: usize, count: usize| (0..count).map(|i| name(from - i)).collect::<Vec<_>>();
        assert_eq!(sorts(&table, &KeyRange::all(), Order::Descending, 1).await, wanted(ROWS - 1, 1));
        let requests = front.take_requests();
        assert!(requests.len() <= 13, "{}", requests.len());
        assert_eq!(sorts(&table, &KeyRange::before(name(2222)), Order::Descending, 3).await, wanted(2221, 3));
        let requests = front.take_requests();
        assert!(requests.len() <= 16, "{}", requests.len());
        let all = KeyRange { after: Some(name(9)), before: None };
        assert_eq!(sorts(&table, &all, Order::Descending, usize::MAX).await, wanted(ROWS - 1, ROWS - 10));
        let listings = front.take_requests().iter().filter(|line| line.contains("list-type=2")).count();
        assert!(listings <= 20, "{listings}");
        let up = sorts(&table, &KeyRange::after(name(2500)), Order::Ascending, 5).await;
        assert_eq!(up, (2501..2506).map(name).collect::<Vec<_>>());
        assert_eq!(front.take_requests().len(), 6);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_are_not_there_and_ends_may_be_any_text() {
    let (_, table) = fresh().await;
    create(&table, &key(), "x").await.unwrap();
    let long = "t#".repeat(2500);
    for key in [Key::new("", "s"), Key::new("p", ""), Key::new("p", long.clone()), Key::new(long.clone(), "s")] {
        assert_eq!(table.get(&key).await, Ok(None));
        assert_eq!(table.get_many(vec![key.clone()]).await, Ok(vec![None]));
        assert!(matches!(create(&table, &key, "x").await, Err(TableError::Rejected(_))));
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
        for order in [Order::Ascending, Order::Descending] {
            assert_eq!(table.query("p", &range, order, usize::MAX).await.unwrap().len(), found, "{range:?}");
        }
    }
    for partition in ["", long.as_str()] {
        assert!(table.query(partition, &KeyRange::all(), Order::Ascending, 1).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_last_of_two_rows_with_one_key_is_there() {
    let (_, table) = fresh().await;
    table.put_many(vec![(key(), b"first".to_vec()), (key(), b"last".to_vec())]).await.unwrap();
    assert_eq!(table.get(&key()).await.unwrap().unwrap().value, b"last");
}

#[tokio::test]
async fn what_is_no_row_is_named() {
    let (name, table) = fresh().await;
    let endpoint = stores::server("DEZKY_TEST_S3");
    let objects = S3Bucket::open("BUCKET_URL", &format!("s3://{name}/rows?endpoint={endpoint}")).unwrap();
    objects.put("p/s", b"put there by somebody else").await.unwrap();
    let read = table.get(&key()).await;
    let Err(TableError::Rejected(text)) = &read else { panic!("{read:?}") };
    assert!(text.starts_with("TABLE_URL: the object `rows/p/s` is no row"), "{text}");
    // A name that no key has is nobody's row.
    objects.put("p/a.b", b"x").await.unwrap();
    assert_eq!(table.query("p", &KeyRange::before("s"), Order::Ascending, 9).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_busy_store_is_asked_again_and_a_lost_answer_is_not_known() {
    let (front, table) = behind_a_front(&stores::server("DEZKY_TEST_S3")).await;
    let slow = Manner::Says(503, "<Error><Code>SlowDown</Code></Error>");
    front.next(2, slow);
    create(&table, &key(), "x").await.unwrap();
    front.next(99, slow);
    let outcome = create(&table, &Key::new("p", "busy"), "x").await;
    assert!(matches!(&outcome, Err(TableError::Throttled(text)) if text.starts_with("TABLE_URL: ")), "{outcome:?}");
    let conflict = Manner::Says(409, "<Error><Code>ConditionalRequestConflict</Code></Error>");
    front.next(2, conflict);
    create(&table, &Key::new("p", "raced"), "x").await.unwrap();
    front.next(99, conflict);
    let outcome = create(&table, &Key::new("p", "raced again"), "x").await;
    assert!(matches!(outcome, Err(TableError::Throttled(_))), "{outcome:?}");
    front.next(1, Manner::Cuts);
    let outcome = create(&table, &Key::new("p", "cut"), "x").await;
    assert!(matches!(outcome, Err(TableError::Unavailable(_))), "{outcome:?}");
    assert_eq!(table.get(&Key::new("p", "cut")).await.unwrap().unwrap().value, b"x", "it was done all the same");
    front.next(1, Manner::Says(500, "<Error><Code>InternalError</Code></Error>"));
    let outcome = create(&table, &Key::new("p", "broken"), "x").await;
    assert!(matches!(outcome, Err(TableError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_cannot_be_mended_here_is_one_clear_line() {
    let nobody = open(&fresh_name("nobody"), &stores::server("DEZKY_TEST_S3"));
    for outcome in [
        create(&nobody, &key(), "x").await.map(drop),
        nobody.get(&key()).await.map(drop),
        nobody.put(&key(), Vec::new(), Condition::Unchanged(ports::Version("x".into()))).await.map(drop),
        nobody.query("p", &KeyRange::all(), Order::Ascending, 1).await.map(drop),
    ] {
        let Err(TableError::Rejected(text)) = &outcome else { panic!("{outcome:?}") };
        assert!(text.starts_with("TABLE_URL: there is no bucket `nobody-"), "{text}");
    }
    for (endpoint, said) in [
        ("http://nonexistent.invalid", "the host `nonexistent.invalid` is not known (DNS)"),
        ("http://127.0.0.1:1", "nobody listens at http://127.0.0.1:1"),
    ] {
        let outcome = open("somebucket", endpoint).get(&key()).await;
        assert!(matches!(&outcome, Err(TableError::Unavailable(text)) if text.contains(said)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_store_with_conditions_is_fit_for_a_table() {
    for endpoint in servers() {
        let (_, table) = fresh_at(&endpoint).await;
        let findings = table.findings().await;
        assert!(findings.iter().all(|finding| finding.verdict != Verdict::Unfit), "{findings:?}");
        assert!(table.time().await.unwrap().is_some());
    }
}
