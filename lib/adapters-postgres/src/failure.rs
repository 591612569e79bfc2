//! Why a call failed: what to do about it, and one line for a person.

use ports::{QueueError, TableError};
use std::error::Error as _;
use std::io;
use tokio_postgres::error::{DbError, SqlState};

/// Whom a call spoke to, in words that hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) setting: &'static str,
    pub(crate) hosts: String,
    pub(crate) user: String,
    pub(crate) database: String,
}

/// What is known of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was not done, and may be tried again.
    NotDone,
    /// It was rolled back since others did the like at the same moment.
    Raced,
    /// The connection broke; nobody knows.
    Lost,
    /// Nobody knows.
    Unknown,
    /// It can never be done as asked.
    Never,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl From<Failure> for TableError {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::NotDone | Kind::Raced => Self::Throttled(failure.text),
            Kind::Lost | Kind::Unknown => Self::Unavailable(failure.text),
            Kind::Never => Self::Rejected(failure.text),
        }
    }
}

impl From<Failure> for QueueError {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::Never => Self::Rejected(failure.text),
            _ => Self::Unavailable(failure.text),
        }
    }
}

impl Place {
    fn failure(&self, kind: Kind, text: &str) -> Failure {
        // One line, whatever the server said.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Failure { kind, text: format!("{}: {text}", self.setting) }
    }

    /// The time was up, before or after the statement was sent.
    pub(crate) fn too_late(&self, sent: bool, seconds: u64) -> Failure {
        let hosts = &self.hosts;
        if sent {
            let text = format!("{hosts} did not answer within {seconds} s; check the server and the network");
            return self.failure(Kind::Unknown, &text);
        }
        let text = format!("every connection to {hosts} was busy for {seconds} s; raise `pool=` in the URL");
        self.failure(Kind::NotDone, &text)
    }

    /// Connecting took too long.
    pub(crate) fn no_connection(&self, seconds: u64) -> Failure {
        let text =
            format!("no connection to {} within {seconds} s; check the host, the port and firewalls", self.hosts);
        self.failure(Kind::NotDone, &text)
    }

    /// A row does not look as the schema makes it.
    pub(crate) fn odd_row(&self, error: &tokio_postgres::Error) -> Failure {
        let text =
            format!("the tables in database `{}` are not as `dezky migrate` makes them ({error})", self.database);
        self.failure(Kind::Never, &text)
    }

    /// No connection could be made: nothing was sent, so nothing was done.
    pub(crate) fn not_connected(&self, error: &tokio_postgres::Error) -> Failure {
        if let Some(db) = error.as_db_error() {
            let failure = self.refused(db);
            let kind = if failure.kind == Kind::Never { Kind::Never } else { Kind::NotDone };
            return Failure { kind, ..failure };
        }
        let Self { hosts, user, .. } = self;
        let why = error.source().map(ToString::to_string).unwrap_or_default();
        // Rustls says of whatever it refuses that the data is invalid; the rest is the network's.
        let broken = io_kind(error).is_some_and(|kind| kind != io::ErrorKind::InvalidData);
        // The kinds of tokio-postgres are private; these are their names.
        let (kind, text) = match error.to_string().as_str() {
            "error performing TLS handshake" if broken => (
                Kind::NotDone,
                format!("{hosts} broke off while TLS was agreed upon ({why}); check the server and the network"),
            ),
            "error performing TLS handshake" if why.contains("does not support TLS") => {
                (Kind::Never, format!("{hosts} has no TLS; switch it on there, or set sslmode=disable in the URL"))
            }
            "error performing TLS handshake" => (
                Kind::Never,
                format!("no TLS with {hosts} ({why}); set sslrootcert=PATH in the URL, or mend the certificate"),
            ),
            "invalid configuration" if why.contains("password missing") => {
                (Kind::Never, format!("{hosts} asks for a password of user `{user}`; write it into the URL"))
            }
            "invalid configuration" | "authentication error" => {
                (Kind::Never, format!("user `{user}` cannot log in at {hosts} ({why}); mend the URL"))
            }
            _ => (Kind::NotDone, self.unreachable(error, &why)),
        };
        self.failure(kind, &text)
    }

    fn unreachable(&self, error: &tokio_postgres::Error, why: &str) -> String {
        let hosts = &self.hosts;
        match io_kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => {
                format!("nothing listens at {hosts}; start the server, or mend the host and port in the URL")
            }
            Some(io::ErrorKind::NotFound) => format!("there is no socket {hosts}; start the server, or mend the URL"),
            Some(io::ErrorKind::TimedOut) => format!("no answer from {hosts}; check the host, the port and firewalls"),
            // What tokio says of a name that does not resolve has no kind of its own.
            _ if why.contains("lookup") || why.contains("resolve") => {
                let name = hosts.rsplit_once(':').map_or(hosts.as_str(), |(name, _)| name);
                format!("the host `{name}` is not known (DNS); check the name and the network")
            }
            _ if why.is_empty() => format!("{hosts} closed the connection at once; check the server's log"),
            _ => format!("no connection to {hosts} ({why}); check the server and the network"),
        }
    }

    /// A statement failed.
    pub(crate) fn failed(&self, error: &tokio_postgres::Error) -> Failure {
        match error.as_db_error() {
            Some(db) => self.refused(db),
            None => {
                let why = error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
                let text = format!("the connection to {} broke ({why}); check the server and the network", self.hosts);
                self.failure(Kind::Lost, &text)
            }
        }
    }

    /// What the server says, by its SQLSTATE. An error of a statement means that it was rolled back, unless
    /// the server ended the connection with it.
    fn refused(&self, error: &DbError) -> Failure {
        let Self { hosts, user, database, .. } = self;
        let (code, said) = (error.code(), error.message());
        let (kind, text) = match code {
            c if *c == SqlState::T_R_SERIALIZATION_FAILURE || *c == SqlState::T_R_DEADLOCK_DETECTED => {
                (Kind::Raced, format!("others wrote the same in {hosts} ({said}); try again"))
            }
            c if *c == SqlState::INVALID_PASSWORD => {
                (Kind::Never, format!("the password of user `{user}` is wrong at {hosts}; mend the URL"))
            }
            c if *c == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                (Kind::Never, format!("user `{user}` may not log in at {hosts} ({said}); mend the URL or pg_hba.conf"))
            }
            c if *c == SqlState::INVALID_CATALOG_NAME => {
                (Kind::Never, format!("there is no database `{database}` at {hosts}; make it, or mend the URL"))
            }
            c if *c == SqlState::UNDEFINED_TABLE || *c == SqlState::UNDEFINED_COLUMN => {
                (Kind::Never, format!("database `{database}` at {hosts} is not set up ({said}); run `dezky migrate`"))
            }
            c if *c == SqlState::INVALID_SCHEMA_NAME => (
                Kind::Never,
                format!(
                    "user `{user}` has no schema in database `{database}` at {hosts} ({said}); set its search_path"
                ),
            ),
            c if *c == SqlState::INSUFFICIENT_PRIVILEGE => (
                Kind::Never,
                format!("user `{user}` may not do this in database `{database}` at {hosts} ({said}); grant it"),
            ),
            c if *c == SqlState::READ_ONLY_SQL_TRANSACTION => (
                Kind::Never,
                format!("database `{database}` at {hosts} is read only, as a replica is; name the primary in the URL"),
            ),
            c if *c == SqlState::TOO_MANY_CONNECTIONS => (
                Kind::NotDone,
                format!("{hosts} has too many connections; lower `pool=` in the URL or raise max_connections there"),
            ),
            c if *c == SqlState::DISK_FULL => {
                (Kind::NotDone, format!("the disk of {hosts} is full; free some space, nothing was lost"))
            }
            c if *c == SqlState::CANNOT_CONNECT_NOW => {
                (Kind::NotDone, format!("{hosts} is starting or stopping ({said}); try again"))
            }
            c if *c == SqlState::QUERY_CANCELED || *c == SqlState::LOCK_NOT_AVAILABLE => {
                (Kind::NotDone, format!("{hosts} cancelled the statement ({said}); check its load and its time-outs"))
            }
            // How PgBouncer refuses what PostgreSQL has codes for.
            c if *c == SqlState::PROTOCOL_VIOLATION && REFUSALS.iter().any(|words| said.contains(words)) => {
                (Kind::Never, format!("the pooler {hosts} says: {said}; mend the user or database in the URL"))
            }
            c => (by_class(c.code()), format!("{hosts} says: {said} ({}); check its log", c.code())),
        };
        self.failure(kind, &text)
    }
}

fn io_kind(error: &tokio_postgres::Error) -> Option<io::ErrorKind> {
    error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind)
}

const REFUSALS: [&str; 4] = ["does not exist", "no such database", "no such user", "authentication failed"];

/// The classes of SQLSTATE that have no line of their own.
fn by_class(code: &str) -> Kind {
    match code.get(..2) {
        // Broken connections, and a server that an operator stops, or that another of its processes took down.
        Some("08" | "57") => Kind::Lost,
        Some("53") => Kind::NotDone,
        // Data, constraints, states, syntax and features: the same statement fails again.
        Some("0A" | "22" | "23" | "25" | "28" | "42" | "54") => Kind::Never,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        let text = |text: &str| text.to_owned();
        Place { setting: "TABLE_URL", hosts: text("db:5432"), user: text("u"), database: text("d") }
    }

    #[test]
    fn a_failure_is_one_line_and_each_port_hears_what_it_may_do() {
        let failure = |kind| place().failure(kind, "two\n  lines");
        assert_eq!(failure(Kind::Never).text, "TABLE_URL: two lines");
        for (kind, table) in [
            (Kind::NotDone, TableError::Throttled("TABLE_URL: two lines".into())),
            (Kind::Raced, TableError::Throttled("TABLE_URL: two lines".into())),
            (Kind::Lost, TableError::Unavailable("TABLE_URL: two lines".into())),
            (Kind::Unknown, TableError::Unavailable("TABLE_URL: two lines".into())),
            (Kind::Never, TableError::Rejected("TABLE_URL: two lines".into())),
        ] {
            assert_eq!(TableError::from(failure(kind)), table);
            let never = matches!(QueueError::from(failure(kind)), QueueError::Rejected(_));
            assert_eq!(never, kind == Kind::Never);
        }
    }

    #[test]
    fn what_is_too_late_was_sent_or_was_not() {
        assert_eq!(place().too_late(true, 30).kind, Kind::Unknown);
        assert_eq!(place().too_late(false, 30).kind, Kind::NotDone);
        assert_eq!(place().no_connection(10).kind, Kind::NotDone);
    }

    #[test]
    fn codes_without_a_line_of_their_own_go_by_their_class() {
        for (code, kind) in [
            ("57P01", Kind::Lost),
            ("57P05", Kind::Lost),
            ("08006", Kind::Lost),
            ("40003", Kind::Unknown),
            ("XX000", Kind::Unknown),
            ("58030", Kind::Unknown),
            ("53200", Kind::NotDone),
            ("22021", Kind::Never),
            ("42601", Kind::Never),
            ("", Kind::Unknown),
        ] {
            assert_eq!(by_class(code), kind, "{code}");
        }
    }
}
