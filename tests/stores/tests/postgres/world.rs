//! A database of the test's own, and connections to it.

use adapters_postgres::Postgres;
use ports::{Probe, Verdict};
use tokio_postgres::{Client, NoTls};

pub(crate) const SETTING: &str = "TABLE_URL";

pub(crate) fn server() -> String {
    stores::server("DEZKY_TEST_POSTGRES")
}

/// A connection of the test's own.
pub(crate) async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The server's URL with another database, and whatever else stands before the path.
pub(crate) fn url_of(database: &str) -> String {
    let server = server();
    let (before, after) = server.rsplit_once('/').expect("a URL with a database");
    let parameters = after.split_once('?').map_or(String::new(), |(_, parameters)| format!("?{parameters}"));
    format!("{before}/{database}{parameters}")
}

/// The same URL with another user.
pub(crate) fn with_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}:{password}@{host}")
}

/// The same URL with another host.
pub(crate) fn with_host(url: &str, host: &str) -> String {
    let (before, rest) = url.split_once('@').expect("a URL with a user");
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("{before}@{host}/{path}")
}

/// An empty database that nobody else uses.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) admin: Client,
}

impl Database {
    pub(crate) async fn make() -> Self {
        let admin = connect(&server()).await.unwrap();
        let row = admin.query_one("SELECT 'dezky_test_' || replace(gen_random_uuid()::text, '-', '')", &[]).await;
        let name: String = row.unwrap().get(0);
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        Self { url: url_of(&name), name, admin }
    }

    pub(crate) async fn migrated() -> Self {
        let database = Self::make().await;
        database.open().migrate().await.unwrap();
        database
    }

    pub(crate) fn open(&self) -> Postgres {
        // A server takes a hundred connections, and all tests run at once.
        let pool = if self.url.contains('?') { "&pool=4" } else { "?pool=4" };
        Postgres::open(SETTING, &format!("{}{pool}", self.url)).unwrap()
    }

    /// Ends every connection to it, as a server does that is restarted.
    pub(crate) async fn cut(&self) {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
        self.admin.query_one(cut, &[&self.name]).await.unwrap();
    }

    pub(crate) async fn drop(self) {
        self.admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
    }
}

/// Exactly one thing is unfit: this, and this is to be done about it.
pub(crate) async fn assert_unfit(postgres: &Postgres, check: &str, mend: &str) {
    let findings = postgres.findings().await;
    let unfit: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Unfit).collect();
    assert_eq!(unfit.len(), 1, "{findings:?}");
    assert!(unfit[0].check == check && unfit[0].mend.contains(mend), "{:?}", unfit[0]);
}
