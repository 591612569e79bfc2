//! Servers that refuse, are not there, or go away.

use crate::postgres::world::{Database, SETTING, assert_unfit, connect, server, url_of, with_host, with_user};
use adapters_postgres::Postgres;
use ports::{Condition, Key, Probe, QueueSettings, Table, TableError, Verdict};

/// What a call on this URL is refused or put off with.
async fn said(url: &str) -> TableError {
    Postgres::open(SETTING, url).unwrap().table().get(&Key::new("p", "s")).await.unwrap_err()
}

#[tokio::test]
async fn a_user_needs_its_password_and_its_rights() {
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
    let owner = connect(&database.url).await.unwrap();
    let limited = Postgres::open(SETTING, &right).unwrap();
    assert_unfit(&limited, "schema", "grant it").await;
    let all = "dezky_layout, dezky_rows, dezky_messages";
    owner.batch_execute(&format!("GRANT SELECT, INSERT ON {all} TO {role}")).await.unwrap();
    assert_unfit(&limited, "rights", "GRANT SELECT, INSERT, UPDATE, DELETE ON dezky_rows, dezky_messages").await;
    owner.batch_execute(&format!("GRANT UPDATE, DELETE ON {all} TO {role}")).await.unwrap();
    assert!(limited.findings().await.iter().all(|finding| finding.verdict == Verdict::Good));
    let queue = limited.queue("q", QueueSettings::default()).queue;
    queue.send_batch(&["what is granted is enough".to_owned()]).await.unwrap();
    assert_eq!(queue.receive(1).await.unwrap().len(), 1);
    assert_eq!(limited.migrate().await.map(|done| done.from), Ok(1), "nothing to do takes no rights");
    database.admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", database.name)).await.unwrap();
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
    let unknown = said(&with_host(&server, "nonexistent.invalid")).await;
    // Where there is no DNS at all, asking for it may take longer than connecting may.
    let what = if unknown.to_string().contains("within") { "nonexistent.invalid" } else { "is not known (DNS)" };
    busy(&unknown, what);
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

/// Without TLS there, it is said so; with TLS, a certificate counts only if its root is trusted.
#[tokio::test]
async fn whoever_asks_for_tls_gets_a_verified_server() {
    let database = Database::migrated().await;
    let url = format!("{}{}sslmode=require", database.url, if database.url.contains('?') { "&" } else { "?" });
    let error = Postgres::open(SETTING, &format!("{url}&sslrootcert=/no/such.pem")).err().unwrap().to_string();
    assert!(error.starts_with("TABLE_URL: cannot use the certificates of sslrootcert=/no/such.pem"), "{error}");
    let text = match said(&url).await {
        TableError::Rejected(text) => text,
        other => panic!("{other}"),
    };
    let tls = "SELECT current_setting('ssl'), current_setting('ssl_ca_file')";
    let row = database.admin.query_one(tls, &[]).await.unwrap();
    let (on, roots): (String, String) = (row.get(0), row.get(1));
    if on == "off" {
        assert!(text.ends_with("has no TLS; switch it on there, or set sslmode=disable in the URL"), "{text}");
    } else {
        assert!(text.contains("no TLS with") && text.contains("set sslrootcert=PATH in the URL"), "{text}");
    }
    // Where the server knows its own root, it can be trusted.
    if on == "on" && !roots.is_empty() {
        let pem: String = database.admin.query_one("SELECT pg_read_file($1)", &[&roots]).await.unwrap().get(0);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        let trusting = Postgres::open(SETTING, &format!("{url}&sslrootcert={}", file.path().display())).unwrap();
        let table = trusting.table();
        table.put(&Key::new("p", "s"), vec![1], Condition::Absent).await.unwrap();
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
            WHERE datname = $1 AND application_name = 'dezky'";
        let row = database.admin.query_one(encrypted, &[&database.name]).await.unwrap();
        assert_eq!(row.get::<_, Option<bool>>(0), Some(true));
    }
    database.drop().await;
}

/// A server that takes one connection, hears something, says this and hangs up.
fn hangs_up(answer: &'static [u8]) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(answer);
    });
    format!("postgres://u:sesame@{address}/d")
}

#[tokio::test]
async fn a_server_that_hangs_up_has_done_nothing() {
    for (answer, parameters, what) in [
        (&b""[..], "", "check the server"),
        (b"S", "?sslmode=require", "check the server and the network"),
        (b"", "?sslmode=require", "check the server"),
    ] {
        let error = said(&format!("{}{parameters}", hangs_up(answer))).await;
        assert!(matches!(&error, TableError::Throttled(text) if text.contains(what)), "{error}");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
    let error = said(&format!("{}?sslmode=require", hangs_up(b"N"))).await;
    assert!(matches!(&error, TableError::Rejected(text) if text.contains("has no TLS")), "{error}");
    let error = said(&format!("{}?sslmode=require", hangs_up(b"Sthis is no TLS at all"))).await;
    assert!(matches!(&error, TableError::Rejected(text) if text.contains("no TLS with 127.0.0.1")), "{error}");
}

/// Waits until a statement of ours in this database waits for a lock.
async fn until_it_waits(database: &Database) {
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity \
        WHERE datname = $1 AND application_name = 'dezky' AND wait_event_type = 'Lock')";
    while !database.admin.query_one(waits, &[&database.name]).await.unwrap().get::<_, bool>(0) {}
}

/// A connection that dies while its statement runs: nobody knows, and nothing is done behind anybody's back.
#[tokio::test]
async fn a_write_whose_connection_dies_is_unknown() {
    let database = Database::migrated().await;
    let (table, key) = (database.open().table(), Key::new("p", "s"));
    let first = table.put(&key, b"1".to_vec(), Condition::Absent).await.unwrap();
    let holder = connect(&database.url).await.unwrap();
    holder.batch_execute("BEGIN; SELECT * FROM dezky_rows FOR UPDATE").await.unwrap();
    let write = table.put(&key, b"2".to_vec(), Condition::Unchanged(first.clone()));
    let cut = async {
        until_it_waits(&database).await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = $1 AND application_name = 'dezky'";
        database.admin.query(cut, &[&database.name]).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(write, cut);
    assert!(matches!(&outcome, Err(TableError::Unavailable(text)) if text.starts_with("TABLE_URL: ")), "{outcome:?}");
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(table.get(&key).await.unwrap().unwrap().version, first);
    table.put(&key, b"3".to_vec(), Condition::Unchanged(first)).await.unwrap();
    database.drop().await;
}

/// Whoever locks the same rows in another order is waited for, or rolled back, or rolls us back: we try again.
#[tokio::test]
async fn a_batch_survives_a_deadlock() {
    let database = Database::migrated().await;
    let table = database.open().table();
    let rows: Vec<_> = ["a", "b"].map(|sort| (Key::new("p", sort), b"1".to_vec())).into();
    table.put_many(rows.clone()).await.unwrap();
    let holder = connect(&database.url).await.unwrap();
    // Our own connection looks for a deadlock first.
    holder.batch_execute("SET deadlock_timeout = '10s'; BEGIN").await.unwrap();
    holder.batch_execute("SELECT * FROM dezky_rows WHERE sort = 'b' FOR UPDATE").await.unwrap();
    let other = async {
        until_it_waits(&database).await;
        let _ = holder.batch_execute("UPDATE dezky_rows SET body = '2' WHERE sort = 'a'").await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (written, ()) = tokio::join!(table.put_many(rows), other);
    assert_eq!(written, Ok(()));
    assert_eq!(table.get(&Key::new("p", "a")).await.unwrap().unwrap().value, b"1");
    database.drop().await;
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
