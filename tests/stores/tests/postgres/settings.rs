//! What the probe says, and what a server's settings may not change.

use crate::postgres::world::{Database, assert_unfit, connect};
use futures_util::future::join_all;
use ports::{Condition, Key, Probe, QueueSettings, Table, TableError, Verdict};

#[tokio::test]
async fn a_probe_says_what_is_good_and_what_is_not() {
    let database = Database::make().await;
    let postgres = database.open();
    assert_unfit(&postgres, "schema", "run `dezky migrate`").await;
    postgres.migrate().await.unwrap();
    let findings = postgres.findings().await;
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Good), "{findings:?}");
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    let wanted = ["connection", "primary", "fsync", "full_page_writes", "synchronous_commit", "schema", "rights"];
    assert_eq!(checks, wanted);
    let time = postgres.time().await.unwrap().unwrap().to_string();
    assert!(time.as_str() > "2026-01-01" && time.as_str() < "2100-01-01", "{time}");

    let alter = async |what: &str| {
        database.admin.batch_execute(&format!("ALTER DATABASE {} {what}", database.name)).await.unwrap();
        database.open()
    };
    let read_only = alter("SET default_transaction_read_only = on").await;
    assert_unfit(&read_only, "primary", "default_transaction_read_only").await;
    let key = Key::new("p", "s");
    let refused = read_only.table().put(&key, vec![1], Condition::Absent).await.unwrap_err();
    assert!(matches!(&refused, TableError::Rejected(text) if text.contains("is read only")), "{refused}");
    let strict = alter("RESET default_transaction_read_only").await;
    drop(strict);
    let strict = alter("SET default_transaction_isolation = 'repeatable read'").await;
    let findings = strict.findings().await;
    assert!(findings.iter().any(|finding| finding.check == "isolation" && finding.verdict == Verdict::Lacks));
    database.drop().await;
}

/// Races that a stricter isolation rolls back are tried again: nobody sees more than a conflict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stricter_isolation_changes_no_outcome() {
    let database = Database::migrated().await;
    let strict = format!("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'", database.name);
    database.admin.batch_execute(&strict).await.unwrap();
    let table = database.open().table();
    let key = Key::new("p", "s");
    let first = table.put(&key, b"0".to_vec(), Condition::Absent).await.unwrap();
    let writes = join_all((0..4).map(|_| table.put(&key, b"1".to_vec(), Condition::Unchanged(first.clone())))).await;
    assert_eq!(writes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{writes:?}");
    assert!(
        writes.iter().all(|w| matches!(w, Ok(_) | Err(TableError::Conflict(_) | TableError::Throttled(_)))),
        "{writes:?}"
    );
    database.drop().await;
}

/// A deferred trigger runs right before the commit: what it sees is what the commit does. It also sees whether
/// the session has anything that a pooler would lose.
#[tokio::test]
async fn every_write_waits_for_the_disk_whatever_the_default() {
    let database = Database::migrated().await;
    let off = format!("ALTER DATABASE {} SET synchronous_commit = off", database.name);
    database.admin.batch_execute(&off).await.unwrap();
    let client = connect(&database.url).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE seen (at text, setting text, kept bigint);
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO seen VALUES (TG_TABLE_NAME || ' ' || TG_OP, current_setting('synchronous_commit'),
                     (SELECT count(*) FROM pg_prepared_statements) + (SELECT count(*) FROM pg_listening_channels())
                     + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()));
                 RETURN NULL;
             END $$;
             CREATE CONSTRAINT TRIGGER rows AFTER INSERT OR UPDATE OR DELETE ON dezky_rows
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION see();
             CREATE CONSTRAINT TRIGGER messages AFTER INSERT ON dezky_messages
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION see();",
        )
        .await
        .unwrap();
    assert_eq!(client.query_one("SHOW synchronous_commit", &[]).await.unwrap().get::<_, String>(0), "off");
    let postgres = database.open();
    let (table, key) = (postgres.table(), Key::new("p", "s"));
    let created = table.put(&key, b"1".to_vec(), Condition::Absent).await.unwrap();
    let changed = table.put(&key, b"2".to_vec(), Condition::Unchanged(created)).await.unwrap();
    table.delete(&key, &changed).await.unwrap();
    table.put(&key, b"3".to_vec(), Condition::Any).await.unwrap();
    table.put_many(vec![(key.clone(), b"4".to_vec()), (Key::new("p", "t"), b"5".to_vec())]).await.unwrap();
    let pair = postgres.queue("events", QueueSettings::default());
    pair.queue.send_batch(&["a".to_owned(), "b".to_owned()]).await.unwrap();
    let seen = "SELECT string_agg(at, ','), string_agg(DISTINCT setting, ','), max(kept) FROM seen";
    let row = client.query_one(seen, &[]).await.unwrap();
    let rows =
        "dezky_rows INSERT,dezky_rows UPDATE,dezky_rows DELETE,dezky_rows INSERT,dezky_rows UPDATE,dezky_rows INSERT";
    assert_eq!(row.get::<_, String>(0), format!("{rows},dezky_messages INSERT,dezky_messages INSERT"));
    assert_eq!(row.get::<_, String>(1), "on");
    assert_eq!(row.get::<_, i64>(2), 0, "a session with a prepared statement, an advisory lock or a listener");
    let findings = postgres.findings().await;
    let commits = findings.iter().find(|finding| finding.check == "synchronous_commit").unwrap();
    assert!(commits.verdict == Verdict::Good && commits.seen.contains("off by default"), "{commits:?}");
    database.drop().await;
}
