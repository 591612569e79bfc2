//! Ports by URL: the scheme chooses the adapter, the features of this package which there are.

use crate::OpenError;
use crate::settings::Keys;
#[cfg(feature = "local")]
use adapters_local::{Opening, url};
use ports::{Bucket, Clock, Probe, QueuePair, QueueSettings, Table};
use std::sync::Arc;

/// A port, and the adapter's own view of its store where it has one.
pub(crate) struct Store<P> {
    pub(crate) port: P,
    pub(crate) probe: Option<Arc<dyn Probe>>,
}

impl<P> Store<P> {
    fn plain(port: P) -> Self {
        Self { port, probe: None }
    }
}

/// Who waits until a file is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Whoever opens it, and hears at once what is wrong with it.
    Here,
    /// The first call.
    There,
}

#[cfg(feature = "local")]
impl From<Wait> for Opening {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Here => Self::Now,
            Wait::There => Self::Meanwhile,
        }
    }
}

/// `sqlite:`, `postgres:`, `dynamodb:`, `s3:`; `memory:` for what nobody asks.
pub(crate) fn table(url: &str, wait: Wait) -> Result<Store<Arc<dyn Table>>, OpenError> {
    const SETTING: &str = "TABLE_URL";
    let _ = wait;
    match scheme(url) {
        "memory" => Ok(Store::plain(Arc::new(adapters_local::MemoryTable::default()))),
        #[cfg(feature = "local")]
        "sqlite" => Ok(Store::plain(url::table_as(url, wait.into())?)),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let database = postgres(SETTING, url)?;
            Ok(Store { port: Arc::new(database.table()), probe: Some(Arc::new(database)) })
        }
        #[cfg(feature = "aws")]
        "dynamodb" => {
            let table = Arc::new(adapters_aws::DynamoTable::open(SETTING, url).map_err(OpenError::url)?);
            Ok(Store { port: table.clone(), probe: Some(table) })
        }
        #[cfg(feature = "aws")]
        "s3" => {
            let table = Arc::new(adapters_aws::S3Table::open(SETTING, url).map_err(OpenError::url)?);
            Ok(Store { port: table.clone(), probe: Some(table) })
        }
        unknown => {
            Err(not_here(SETTING, unknown, &["sqlite:PATH", "postgres://…", "dynamodb://TABLE", "s3://BUCKET/PREFIX"]))
        }
    }
}

/// A bucket by URL, who asks it, and what lines about it name.
pub(crate) struct BucketAt {
    pub(crate) setting: &'static str,
    pub(crate) url: String,
    /// `None` is the default chain of AWS tools.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only the AWS APIs take keys"))]
    pub(crate) keys: Option<Keys>,
    /// What asks for encryption by the store.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only the AWS APIs encrypt"))]
    pub(crate) encryption: &'static str,
    /// What asks for object lock.
    pub(crate) lock: &'static str,
}

impl BucketAt {
    /// A bucket of which its URL says everything.
    pub(crate) fn plain(setting: &'static str, url: &str) -> Self {
        Self { setting, url: url.to_owned(), keys: None, encryption: "`sse=`", lock: "`lock=`" }
    }

    #[cfg(feature = "aws")]
    pub(crate) fn s3(&self) -> Result<adapters_aws::S3Bucket, OpenError> {
        let mut names =
            adapters_aws::SettingNames { encryption: self.encryption, lock: self.lock, ..Default::default() };
        let keys = self.keys.as_ref().map(|keys| {
            names.credentials = keys.settings;
            adapters_aws::StaticKeys { access_key: keys.access_key.clone(), secret_key: keys.secret_key.clone() }
        });
        let access = adapters_aws::Access { keys, names };
        adapters_aws::S3Bucket::open_with(self.setting, &self.url, &access).map_err(OpenError::url)
    }
}

/// `file:`, `s3:`; `memory:` for what nobody asks.
pub(crate) fn bucket(at: &BucketAt) -> Result<Store<Arc<dyn Bucket>>, OpenError> {
    match scheme(&at.url) {
        "memory" => Ok(Store::plain(Arc::new(adapters_local::MemoryBucket::default()))),
        #[cfg(feature = "local")]
        "file" => Ok(Store::plain(url::bucket_of(at.setting, &at.url)?)),
        #[cfg(feature = "aws")]
        "s3" => {
            let bucket = Arc::new(at.s3()?);
            Ok(Store { port: bucket.clone(), probe: Some(bucket) })
        }
        unknown => Err(not_here(at.setting, unknown, &["file:DIR", "s3://BUCKET/PREFIX"])),
    }
}

/// The queue of this name at `sqlite:`, `postgres:` or `sqs:`; `memory:` for what nobody asks.
pub(crate) fn queue(url: &str, name: &str, clock: &Arc<dyn Clock>, wait: Wait) -> Result<Store<QueuePair>, OpenError> {
    const SETTING: &str = "QUEUE_URL";
    let (_, settings) = (wait, QueueSettings::default());
    match scheme(url) {
        "memory" => {
            let (queue, dead) = adapters_local::MemoryQueue::pair(Arc::clone(clock), settings);
            Ok(Store::plain(QueuePair { queue: Arc::new(queue), dead_letters: Arc::new(dead) }))
        }
        #[cfg(feature = "local")]
        "sqlite" => Ok(Store::plain(url::queue_as(url, name, Arc::clone(clock), settings, wait.into())?)),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let database = postgres(SETTING, url)?;
            Ok(Store { port: database.queue(name, settings), probe: Some(Arc::new(database)) })
        }
        #[cfg(feature = "aws")]
        "sqs" => {
            let pair = adapters_aws::SqsQueue::pair(SETTING, url, name).map_err(OpenError::url)?;
            let queue = adapters_aws::SqsQueue::open(SETTING, url, name).map_err(OpenError::url)?;
            Ok(Store { port: pair, probe: Some(Arc::new(queue)) })
        }
        unknown => Err(not_here(SETTING, unknown, &["sqlite:PATH", "postgres://…", "sqs:URL"])),
    }
}

#[cfg(feature = "postgres")]
fn postgres(setting: &'static str, url: &str) -> Result<adapters_postgres::Postgres, OpenError> {
    adapters_postgres::Postgres::open(setting, url).map_err(OpenError::url)
}

/// What stands before the colon; everything, where there is none.
pub(crate) fn scheme(url: &str) -> &str {
    url.split_once(':').map_or(url, |(scheme, _)| scheme)
}

/// The features that bring a scheme's adapter.
const FEATURES: [(&str, &str, bool); 7] = [
    ("sqlite", "local", cfg!(feature = "local")),
    ("file", "local", cfg!(feature = "local")),
    ("postgres", "postgres", cfg!(feature = "postgres")),
    ("postgresql", "postgres", cfg!(feature = "postgres")),
    ("dynamodb", "aws", cfg!(feature = "aws")),
    ("s3", "aws", cfg!(feature = "aws")),
    ("sqs", "aws", cfg!(feature = "aws")),
];

fn not_here(setting: &'static str, unknown: &str, known: &[&str]) -> OpenError {
    let is_known = known.iter().any(|form| scheme(form) == unknown);
    let unknown: String = unknown.chars().take(40).collect();
    let missing = FEATURES.iter().find(|(scheme, _, here)| *scheme == unknown && !here && is_known);
    OpenError::Store(match missing {
        Some((scheme, feature, _)) => format!(
            "{setting}: `{scheme}:` was left out when this program was built; build it with `--features {feature}`"
        ),
        None => format!("{setting}: `{unknown}` is not known here; use {}", known.join(", ")),
    })
}

/// Where the objects of an `s3:` URL are: what their names start with, and who is asked for them.
pub(crate) struct ObjectPlace {
    /// `BUCKET/PREFIX/`.
    pub(crate) path: String,
    endpoint: String,
}

impl ObjectPlace {
    pub(crate) fn of(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("s3:")?.trim_start_matches('/');
        let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let endpoint = parameters.split('&').find(|parameter| parameter.starts_with("endpoint="));
        let endpoint = endpoint.unwrap_or_default().trim_end_matches('/').to_owned();
        Some(Self { path: path.trim_end_matches('/').to_owned() + "/", endpoint })
    }

    /// The part of it below a prefix.
    pub(crate) fn below(&self, prefix: &str) -> Self {
        Self { path: format!("{}{prefix}/", self.path), endpoint: self.endpoint.clone() }
    }

    /// Whether a listing of one would show objects of the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint && (self.path.starts_with(&other.path) || other.path.starts_with(&self.path))
    }
}

/// Refuses a table and a bucket of objects in one place: each would list what is the other's.
pub(crate) fn check_apart(table: &str, bucket: &str) -> Result<(), OpenError> {
    match (ObjectPlace::of(table), ObjectPlace::of(bucket)) {
        (Some(table), Some(bucket)) if table.overlaps(&bucket) => Err(OpenError::Store(format!(
            "TABLE_URL, BUCKET_URL: rows and objects need prefixes apart, such as s3://BUCKET/rows and \
             s3://BUCKET/objects; these are `{}` and `{}`",
            table.path, bucket.path
        ))),
        _ => Ok(()),
    }
}

/// A URL as it may be shown: without the password, which libpq takes in two places, and with any
/// character in it.
pub(crate) fn shown(url: &str) -> String {
    let mut pieces = url.split("password=");
    let first = pieces.next().unwrap_or_default().to_owned();
    let url = pieces.fold(first, |text, rest| text + "password=***" + rest.find('&').map_or("", |end| &rest[end..]));
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    match rest.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((name, host)) => format!("{scheme}://{name}:***@{host}"),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_and_what_is_unknown_are_told_apart() {
        let said = |url: &str| table(url, Wait::Here).err().map(|error| error.to_string()).unwrap_or_default();
        let known = "use sqlite:PATH, postgres://…, dynamodb://TABLE, s3://BUCKET/PREFIX";
        assert_eq!(said("mongodb://x"), format!("TABLE_URL: `mongodb` is not known here; {known}"));
        assert_eq!(said("file:/x"), format!("TABLE_URL: `file` is not known here; {known}"));
        if !cfg!(feature = "aws") {
            let left_out = "was left out when this program was built; build it with `--features aws`";
            assert_eq!(said("s3://x"), format!("TABLE_URL: `s3:` {left_out}"));
        }
    }

    #[test]
    fn rows_and_objects_are_kept_apart() {
        for (table, bucket, apart) in [
            ("s3://b/rows?region=x", "s3://b/objects", true),
            ("s3://b/rows", "s3://b/rows2", true),
            ("s3://b/log", "s3://c/log", true),
            ("sqlite:x", "file:x", true),
            ("s3://b/log?region=x", "s3://b/log?region=y", false),
            ("s3://b", "s3://b/objects", false),
            ("s3://b/log/rows", "s3://b/log", false),
            ("s3://b/log/", "s3:b/log/objects", false),
            ("s3://b/log?endpoint=x", "s3://b/log?region=z&endpoint=y", true),
            ("s3://b/log?endpoint=x", "s3://b/log?region=z&endpoint=x", false),
        ] {
            assert_eq!(check_apart(table, bucket).is_ok(), apart, "{table} {bucket}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for (url, wanted) in [
            ("postgres://u:p@w@h:5/db?x=1", "postgres://u:***@h:5/db?x=1"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("postgres://u:p@h", "postgres://u:***@h"),
            ("postgres://u:p/q?r@h:5/db", "postgres://u:***@h:5/db"),
            ("postgres://h/db?password=p&x=1&password=q", "postgres://h/db?password=***&x=1&password=***"),
            ("postgres:///db?password=p&host=h", "postgres:///db?password=***&host=h"),
            ("sqlite:/a/b@c:d", "sqlite:/a/b@c:d"),
            ("s3://b/p?endpoint=http://h:1", "s3://b/p?endpoint=http://h:1"),
        ] {
            assert_eq!(shown(url), wanted);
        }
    }
}
