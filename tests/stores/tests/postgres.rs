//! The ports on a real PostgreSQL. Each test makes a database of its own.

mod bad_days;
mod settings;
mod world;

use adapters_postgres::{MigrateError, Migrated};
use futures_util::future::{BoxFuture, join_all};
use ports::conformance::{queue, table};
use ports::{Condition, Key, QueueSettings, Table};
use world::{Database, assert_unfit, connect};

#[tokio::test]
async fn table() {
    let database = Database::migrated().await;
    table::check_all(&database.open().table(), "t").await;
    database.drop().await;
}

/// Two pools race as two processes would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pools_of_one_database_are_one_table() {
    let database = Database::migrated().await;
    let (one, two) = (database.open().table(), database.open().table());
    table::a_row_is_read_as_it_was_written(&one, "a").await;
    let key = Key::new("a", "a");
    assert_eq!(two.get(&key).await.unwrap().unwrap().value, b"value");
    tokio::join!(table::racing_updates_lose_nothing(&one, "b"), table::racing_updates_lose_nothing(&two, "c"));
    for i in 0..50 {
        let key = Key::new("race", format!("{i}"));
        let (a, b) = tokio::join!(
            one.put(&key, b"1".to_vec(), Condition::Absent),
            two.put(&key, b"2".to_vec(), Condition::Absent)
        );
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    }
    database.drop().await;
}

/// Writers of the same rows in different orders wait for each other, and never in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_the_same_rows_all_succeed() {
    let database = Database::migrated().await;
    let (one, two) = (database.open().table(), database.open().table());
    let row = |i: usize| (Key::new("p", format!("{i:04}")), vec![7; 2000]);
    let batches = (0..16).map(|turn| {
        let mut rows: Vec<_> = (0..300).map(row).collect();
        rows.rotate_left(turn * 17);
        if turn % 2 == 0 { one.put_many(rows) } else { two.put_many(rows) }
    });
    assert!(join_all(batches).await.into_iter().all(|done| done == Ok(())));
    let twice = vec![row(0), (row(0).0, b"last".to_vec())];
    one.put_many(twice).await.unwrap();
    assert_eq!(one.get(&row(0).0).await.unwrap().unwrap().value, b"last");
    // More than one chunk of bytes.
    one.put_many((0..30).map(|i| (row(i).0, vec![1; ports::MAX_ROW_BYTES])).collect()).await.unwrap();
    let found = one.get_many((0..300).map(|i| row(i).0).collect()).await.unwrap();
    assert_eq!(found.iter().flatten().filter(|row| row.value.len() == ports::MAX_ROW_BYTES).count(), 30);
    database.drop().await;
}

#[tokio::test]
async fn queue() {
    let database = Database::migrated().await;
    let (one, two) = (database.open(), database.open());
    let settings = QueueSettings { visibility_millis: 3_600_000, max_deliveries: 3 };
    let pair = one.queue("events", settings);
    let other = two.queue("other", settings);
    other.queue.send_batch(&["for somebody else".to_owned()]).await.unwrap();
    let clock = connect(&database.url).await.unwrap();
    let pass_visibility = || {
        let held = "UPDATE dezky_messages SET visible_at = now() - interval '1 second' WHERE queue LIKE 'events%'";
        let passed = clock.batch_execute(held);
        Box::pin(async move { passed.await.unwrap() }) as BoxFuture<'_, ()>
    };
    let (queue, dead_letters) = (pair.queue.as_ref(), pair.dead_letters.as_ref());
    queue::check_all(&queue::Pair { queue, dead_letters, max_deliveries: 3, pass_visibility: &pass_visibility }).await;
    assert_eq!(other.queue.receive(10).await.unwrap().len(), 1);

    // Bodies are any text, and a receipt that is none of ours is no error.
    queue.send_batch(&["a\0b".to_owned()]).await.unwrap();
    let got = two.queue("events", settings).queue.receive(10).await.unwrap();
    assert_eq!(got[0].body, "a\0b");
    queue.ack(&["?\0".to_owned(), "none".to_owned(), got[0].receipt.clone()]).await.unwrap();
    let left = clock.query_one("SELECT count(*) FROM dezky_messages WHERE queue LIKE 'events%'", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
    database.drop().await;
}

/// Who locks or changes a row leaves a mark in it.
#[tokio::test]
async fn an_idle_poll_writes_nothing() {
    let database = Database::migrated().await;
    let pair = database.open().queue("events", QueueSettings::default());
    let client = connect(&database.url).await.unwrap();
    let later = "INSERT INTO dezky_messages (queue, body, visible_at) VALUES ('events', '', 'infinity')";
    client.batch_execute(later).await.unwrap();
    let marks = "SELECT xmin::text || ' ' || xmax::text FROM dezky_messages";
    let before: String = client.query_one(marks, &[]).await.unwrap().get(0);
    for _ in 0..3 {
        assert!(pair.queue.receive(10).await.unwrap().is_empty());
    }
    assert_eq!(client.query_one(marks, &[]).await.unwrap().get::<_, String>(0), before);
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_may_run_twice_and_at_once() {
    let database = Database::make().await;
    let made = join_all((0..4).map(|_| {
        let postgres = database.open();
        async move { postgres.migrate().await }
    }));
    let mut made: Vec<_> = made.await.into_iter().map(Result::unwrap).map(|Migrated { from, to }| (from, to)).collect();
    made.sort_unstable();
    assert_eq!(made, [(0, 1), (1, 1), (1, 1), (1, 1)]);
    let table = database.open().table();
    let key = Key::new("p", "s");
    table.put(&key, b"x".to_vec(), Condition::Absent).await.unwrap();
    assert_eq!(database.open().migrate().await, Ok(Migrated { from: 1, to: 1 }));
    assert!(table.get(&key).await.unwrap().is_some());

    let client = connect(&database.url).await.unwrap();
    client.batch_execute("UPDATE dezky_layout SET layout = 7").await.unwrap();
    let newer = database.open().migrate().await.unwrap_err();
    assert!(matches!(newer, MigrateError::Newer { found: 7, .. }));
    let text = newer.to_string();
    assert!(
        text.starts_with("TABLE_URL: database `dezky_test_") && text.contains("made by a newer dezky (layout 7"),
        "{text}"
    );
    assert_unfit(&database.open(), "schema", "use that version").await;
    database.drop().await;
}
