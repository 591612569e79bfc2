//! What the database says about its durability, its role and its tables.

use crate::Postgres;
use crate::failure::{Failure, Place};
use crate::migrate::LAYOUT;
use async_trait::async_trait;
use domain::time::Timestamp;
use ports::{Finding, Probe};
use tokio_postgres::Row;

/// The oldest server that the tests have run on, less what its successors left as it was.
const OLDEST: i32 = 130_000;

/// `current_setting(.., true)` is null where a relative of PostgreSQL has no such setting.
const ABOUT: &str = "SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::int AS number,
    current_database()::text AS database, current_user::text AS role,
    pg_is_in_recovery() AS replica,
    current_setting('transaction_read_only', true) AS read_only,
    current_setting('fsync', true) AS fsync,
    current_setting('full_page_writes', true) AS full_page_writes,
    current_setting('synchronous_commit', true) AS synchronous_commit,
    current_setting('default_transaction_isolation', true) AS isolation";

const RIGHTS: &str = "SELECT coalesce(bool_and(has_table_privilege(t, p)), false) AS all, current_user::text AS role
    FROM unnest(ARRAY['dezky_rows', 'dezky_messages']) AS t,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p";

#[async_trait]
impl Probe for Postgres {
    async fn findings(&self) -> Vec<Finding> {
        let place = &self.db.place;
        match self.about().await {
            Ok(mut findings) => {
                let schema = self.schema().await.unwrap_or_else(|failure| vec![no_answer("schema", place, &failure)]);
                findings.extend(schema);
                findings
            }
            Err(failure) => vec![no_answer("connection", place, &failure)],
        }
    }

    async fn time(&self) -> Result<Option<Timestamp>, String> {
        let sql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let rows = self.db.read(sql, &[]).await.map_err(|failure| failure.text)?;
        let odd = |error| self.db.place.odd_row(&error).text;
        let millis: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose().map_err(odd)?;
        Ok(millis.and_then(Timestamp::from_unix_millis))
    }
}

/// A failure's line, taken apart into what was seen and what to do.
fn no_answer(check: &'static str, place: &Place, failure: &Failure) -> Finding {
    let (seen, mend) = failure.text.rsplit_once("; ").unwrap_or((&failure.text, "check the server and its log"));
    Finding::unfit(check, seen, format!("{}: {mend}", place.setting))
}

impl Postgres {
    async fn about(&self) -> Result<Vec<Finding>, Failure> {
        let odd = |error| self.db.place.odd_row(&error);
        let rows = self.db.read(ABOUT, &[]).await?;
        let Some(row) = rows.first() else { return Ok(Vec::new()) };
        let mut findings = vec![self.version(row).map_err(odd)?, self.role(row).map_err(odd)?];
        let setting = |name| row.try_get::<_, Option<String>>(name).map_err(odd);
        findings.push(safety(
            "fsync",
            setting("fsync")?.as_deref(),
            "what was acknowledged is lost when the machine loses power; set fsync = on in postgresql.conf",
        ));
        findings.push(safety(
            "full_page_writes",
            setting("full_page_writes")?.as_deref(),
            "a power cut can leave half a page behind; set full_page_writes = on in postgresql.conf",
        ));
        findings.push(commits(setting("synchronous_commit")?.as_deref()));
        if let Some(isolation) = setting("isolation")?.filter(|isolation| isolation != "read committed") {
            findings.push(Finding::lacks(
                "isolation",
                format!("Transactions are `{isolation}` by default."),
                "writers that meet are rolled back and try again, more often than they need to; set \
                 default_transaction_isolation = 'read committed' for the user",
            ));
        }
        Ok(findings)
    }

    fn version(&self, row: &Row) -> Result<Finding, tokio_postgres::Error> {
        let (version, number): (String, i32) = (row.try_get("version")?, row.try_get("number")?);
        let (database, role): (String, String) = (row.try_get("database")?, row.try_get("role")?);
        let hosts = &self.db.place.hosts;
        let seen = format!("PostgreSQL {version} at {hosts}, database `{database}`, user `{role}`.");
        Ok(if number < OLDEST {
            Finding::unfit("connection", seen, "it is too old; use PostgreSQL 13 or newer")
        } else {
            Finding::good("connection", seen)
        })
    }

    fn role(&self, row: &Row) -> Result<Finding, tokio_postgres::Error> {
        let setting = self.db.place.setting;
        Ok(if row.try_get("replica")? {
            let mend = format!("it lags behind and takes no writes; name the primary in {setting}");
            Finding::unfit("primary", "This is a replica.", mend)
        } else if row.try_get::<_, Option<&str>>("read_only")? == Some("on") {
            let mend = format!(
                "nothing can be written; set default_transaction_read_only = off, or name the primary in {setting}"
            );
            Finding::unfit("primary", "Transactions are read only by default.", mend)
        } else {
            Finding::good("primary", "This is the primary; it takes writes.")
        })
    }

    async fn schema(&self) -> Result<Vec<Finding>, Failure> {
        let layout = self.db.layout().await?;
        let unfit = |seen: String, mend: &str| Ok(vec![Finding::unfit("schema", seen, mend)]);
        match layout {
            None | Some(0) => return unfit("Its tables are not there.".to_owned(), "run `dezky migrate`"),
            Some(found) if found < LAYOUT => {
                return unfit(format!("Its tables have layout {found}, not {LAYOUT}."), "run `dezky migrate`");
            }
            Some(found) if found > LAYOUT => {
                let seen = format!("Its tables have layout {found}; this program knows {LAYOUT}.");
                return unfit(seen, "they were made by a newer dezky; use that version");
            }
            Some(_) => {}
        }
        let rows = self.db.read(RIGHTS, &[]).await?;
        let odd = |error| self.db.place.odd_row(&error);
        let Some(row) = rows.first() else { return Ok(Vec::new()) };
        let (all, role): (bool, String) = (row.try_get("all").map_err(odd)?, row.try_get("role").map_err(odd)?);
        let rights = if all {
            Finding::good("rights", "The user may read and write its tables.")
        } else {
            let mend = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON dezky_rows, dezky_messages TO \"{role}\"");
            Finding::unfit("rights", "The user may not read and write all of its tables.", mend)
        };
        Ok(vec![Finding::good("schema", format!("Its tables have layout {LAYOUT}.")), rights])
    }
}

/// A setting without which a crash loses or breaks what was acknowledged.
fn safety(check: &'static str, value: Option<&str>, mend: &str) -> Finding {
    match value {
        Some("on") => Finding::good(check, format!("{check} is on.")),
        Some(other) => Finding::unfit(check, format!("{check} is {other}."), mend),
        None => {
            let mend = "it does not say whether it keeps what it acknowledged; ask whoever runs it";
            Finding::lacks(check, format!("The server has no setting {check}."), mend)
        }
    }
}

/// Writes set this for themselves (`durable!`), so that a default of `off` does no harm.
fn commits(value: Option<&str>) -> Finding {
    let check = "synchronous_commit";
    match value {
        Some(value @ ("off" | "local")) => Finding::good(
            check,
            format!("It is {value} by default; each write of the audit log sets it to on for itself."),
        ),
        Some(value) => Finding::good(check, format!("Commits wait for the disk (synchronous_commit is {value}).")),
        None => Finding::unfit(
            check,
            "The server has no setting synchronous_commit.",
            "writes cannot be made to wait for the disk; use PostgreSQL",
        ),
    }
}
