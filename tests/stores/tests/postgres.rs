//! The ports on a real PostgreSQL. Each test makes a database of its own.

use adapters_postgres::{MigrateError, Migrated, Postgres};
use futures_util::future::{BoxFuture, join_all};
use ports::conformance::{queue, table};
use ports::{Condition, Key, Probe, QueueSettings, Table, TableError, Verdict};
use tokio_postgres::{Client, NoTls};

const SETTING: &str = "TABLE_URL";

fn server() -> String {
    stores::server("DEZKY_TEST_POSTGRES")
}

/// A connection of the test's own.
async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The server's URL with another database, and whatever else stands before the path.
fn url_of(database: &str) -> String {
    let server = server();
    let (before, after) = server.rsplit_once('/').expect("a URL with a database");
    let parameters = after.split_once('?').map_or(String::new(), |(_, parameters)| format!("?{parameters}"));
    format!("{before}/{database}{parameters}")
}

/// The same URL with another user.
fn with_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}:{password}@{host}")
}

/// The same URL with another host.
fn with_host(url: &str, host: &str) -> String {
    let (before, rest) = url.split_once('@').expect("a URL with a user");
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("{before}@{host}/{path}")
}

/// An empty database that nobody else uses.
struct Database {
    name: String,
    url: String,
    admin: Client,
}

impl Database {
    async fn make() -> Self {
        let admin = connect(&server()).await.unwrap();
        let row = admin.query_one("SELECT 'dezky_test_' || replace(gen_random_uuid()::text, '-', '')", &[]).await;
        let name: String = row.unwrap().get(0);
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        Self { url: url_of(&name), name, admin }
    }

    async fn migrated() -> Self {
        let database = Self::make().await;
        database.open().migrate().await.unwrap();
        database
    }

    fn open(&self) -> Postgres {
        Postgres::open(SETTING, &self.url).unwrap()
    }

    /// Ends every connection to it, as a server does that is restarted.
    async fn cut(&self) {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
        self.admin.query_one(cut, &[&self.name]).await.unwrap();
    }

    async fn drop(self) {
        self.admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
    }
}

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

/// A transaction number is given to the first write of a transaction.
#[tokio::test]
async fn an_idle_poll_writes_nothing() {
    let database = Database::migrated().await;
    let pair = database.open().queue("events", QueueSettings::default());
    let client = connect(&database.url).await.unwrap();
    let written = "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables \
        WHERE relname = 'dezky_messages'";
    assert_eq!(client.query_one(written, &[]).await.unwrap().get::<_, i64>(0), 0);
    client
        .batch_execute("INSERT INTO dezky_messages (queue, body, visible_at) VALUES ('events', '', 'infinity')")
        .await
        .unwrap();
    let xmax = "SELECT xmin::text || ' ' || xmax::text FROM dezky_messages";
    let before: String = client.query_one(xmax, &[]).await.unwrap().get(0);
    for _ in 0..3 {
        assert!(pair.queue.receive(10).await.unwrap().is_empty());
    }
    assert_eq!(client.query_one(xmax, &[]).await.unwrap().get::<_, String>(0), before, "no row was locked or changed");
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

async fn assert_unfit(postgres: &Postgres, check: &str, mend: &str) {
    let findings = postgres.findings().await;
    let unfit: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Unfit).collect();
    assert_eq!(unfit.len(), 1, "{findings:?}");
    assert!(unfit[0].check == check && unfit[0].mend.contains(mend), "{:?}", unfit[0]);
}

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

/// A deferred trigger runs right before the commit: what it sees is what the commit does.
#[tokio::test]
async fn every_write_waits_for_the_disk_whatever_the_default() {
    let database = Database::migrated().await;
    let off = format!("ALTER DATABASE {} SET synchronous_commit = off", database.name);
    database.admin.batch_execute(&off).await.unwrap();
    let client = connect(&database.url).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE seen (at text, setting text);
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO seen VALUES (TG_TABLE_NAME || ' ' || TG_OP, current_setting('synchronous_commit'));
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
    let seen =
        "SELECT string_agg(at, ',') FILTER (WHERE setting = 'on'), count(*) FILTER (WHERE setting <> 'on') FROM seen";
    let row = client.query_one(seen, &[]).await.unwrap();
    let rows =
        "dezky_rows INSERT,dezky_rows UPDATE,dezky_rows DELETE,dezky_rows INSERT,dezky_rows UPDATE,dezky_rows INSERT";
    assert_eq!(row.get::<_, String>(0), format!("{rows},dezky_messages INSERT,dezky_messages INSERT"));
    assert_eq!(row.get::<_, i64>(1), 0);
    let findings = postgres.findings().await;
    let commits = findings.iter().find(|finding| finding.check == "synchronous_commit").unwrap();
    assert!(commits.verdict == Verdict::Good && commits.seen.contains("off by default"), "{commits:?}");
    database.drop().await;
}

/// What a call on this URL is refused or put off with.
async fn said(url: &str) -> TableError {
    Postgres::open(SETTING, url).unwrap().table().get(&Key::new("p", "s")).await.unwrap_err()
}

#[tokio::test]
async fn a_wrong_password_is_said_without_the_password() {
    let database = Database::make().await;
    let role = database.name.replace("dezky_test_", "dezky_role_");
    let make = format!("CREATE ROLE {role} LOGIN PASSWORD 'right'");
    database.admin.batch_execute(&make).await.unwrap();
    let wrong = with_user(&database.url, &role, "wr0ng");
    // A server that trusts everybody asks for no password.
    if connect(&wrong).await.is_err() {
        let text = match said(&wrong).await {
            TableError::Rejected(text) => text,
            other => panic!("{other}"),
        };
        assert!(text.starts_with(&format!("TABLE_URL: the password of user `{role}` is wrong at ")), "{text}");
        assert!(text.ends_with("mend the URL") && !text.contains("wr0ng"), "{text}");
        assert_unfit(&Postgres::open(SETTING, &wrong).unwrap(), "connection", "TABLE_URL: mend the URL").await;
        let none = with_user(&database.url, &role, "").replacen(":@", "@", 1);
        let none = said(&none).await.to_string();
        assert!(none.contains("asks for a password of user"), "{none}");
    }
    let right = with_user(&database.url, &role, "right");
    let refused = said(&right).await;
    assert!(matches!(&refused, TableError::Rejected(text) if text.contains("run `dezky migrate`")), "{refused}");
    // Since PostgreSQL 15, not everybody may make tables in `public`.
    database.open().migrate().await.unwrap();
    let refused = said(&right).await;
    assert!(
        matches!(&refused, TableError::Rejected(text) if text.contains("may not do this in database")),
        "{refused}"
    );
    database.admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE); ", database.name)).await.unwrap();
    database.admin.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_reached_is_said_in_one_line() {
    let refused = |error: &TableError, what: &str| {
        assert!(matches!(error, TableError::Rejected(text) if text.contains(what)), "{error}");
    };
    let busy = |error: &TableError, what: &str| {
        assert!(matches!(error, TableError::Throttled(text) if text.contains(what)), "{error}");
    };
    let server = server();
    refused(&said(&url_of("no_such_database")).await, "there is no database `no_such_database` at ");
    busy(&said(&with_host(&server, "127.0.0.1:1")).await, "nothing listens at 127.0.0.1:1; start the server");
    busy(&said(&with_host(&server, "nonexistent.invalid")).await, "the host `nonexistent.invalid` is not known (DNS)");
    busy(&said("postgres:///d?host=/no/such/folder").await, "there is no socket /no/such/folder/.s.PGSQL.5432");
    let encrypted = format!("{server}{}sslmode=require", if server.contains('?') { "&" } else { "?" });
    let plain = connect(&server).await.unwrap().query_one("SHOW ssl", &[]).await.unwrap();
    if plain.get::<_, String>(0) == "off" {
        refused(&said(&encrypted).await, "has no TLS; switch it on there, or set sslmode=disable in the URL");
    }
    let error = Postgres::open(SETTING, &format!("{encrypted}&sslrootcert=/no/such.pem")).err().unwrap();
    assert!(
        error.to_string().starts_with("TABLE_URL: cannot use the certificates of sslrootcert=/no/such.pem"),
        "{error}"
    );
    let queue = Postgres::open("QUEUE_URL", &url_of("no_such_database")).unwrap().queue("q", QueueSettings::default());
    let error = queue.queue.receive(1).await.unwrap_err().to_string();
    assert!(error.contains("QUEUE_URL: there is no database"), "{error}");
}

/// A server that went away between two calls is no reason for a read to fail.
#[tokio::test]
async fn reads_survive_connections_that_the_server_closed() {
    let database = Database::migrated().await;
    let table = database.open().table();
    let key = Key::new("p", "s");
    table.put(&key, b"x".to_vec(), Condition::Absent).await.unwrap();
    for _ in 0..10 {
        database.cut().await;
        assert!(table.get(&key).await.unwrap().is_some());
        assert_eq!(table.get_many(vec![key.clone()]).await.unwrap().len(), 1);
    }
    database.drop().await;
}

/// Connections die between and during calls. Whoever reads before deciding loses no write and makes none twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_loses_nothing() {
    let database = Database::migrated().await;
    let postgres = database.open();
    let (table, counter) = (postgres.table(), Key::new("p", "counter"));
    table.put(&counter, b"0".to_vec(), Condition::Absent).await.unwrap();
    let cuts = async {
        for _ in 0..60 {
            database.cut().await;
        }
    };
    let one_more = || async {
        // A value of its own tells a writer later whether an unknown outcome was a success.
        loop {
            let Ok(Some(row)) = table.get(&counter).await else { continue };
            let text = String::from_utf8(row.value).unwrap();
            let count: u32 = text.parse().unwrap();
            match table.put(&counter, (count + 1).to_string().into_bytes(), Condition::Unchanged(row.version)).await {
                Ok(_) => return,
                Err(TableError::Conflict(_) | TableError::Throttled(_)) => {}
                // The only writer: what is there now says whether it was done.
                Err(TableError::Unavailable(_)) => loop {
                    let Ok(Some(now)) = table.get(&counter).await else { continue };
                    match now.value == (count + 1).to_string().into_bytes() {
                        true => return,
                        false => break,
                    }
                },
                Err(error) => panic!("{error}"),
            }
        }
    };
    let writes = async {
        for _ in 0..200 {
            one_more().await;
        }
    };
    let pair = postgres.queue("events", QueueSettings::default());
    let sends = async {
        let mut sent = 0;
        for i in 0..100 {
            sent += usize::from(pair.queue.send_batch(&[i.to_string()]).await.is_ok());
        }
        sent
    };
    let (_, _, sent) = tokio::join!(cuts, writes, sends);
    assert_eq!(table.get(&counter).await.unwrap().unwrap().value, b"200");
    let client = connect(&database.url).await.unwrap();
    let kept = client.query_one("SELECT count(DISTINCT body), count(*) FROM dezky_messages", &[]).await.unwrap();
    assert!(kept.get::<_, i64>(0) >= i64::try_from(sent).unwrap(), "{sent} were acknowledged");
    assert_eq!(kept.get::<_, i64>(0), kept.get::<_, i64>(1), "nothing is sent twice");
    database.drop().await;
}
