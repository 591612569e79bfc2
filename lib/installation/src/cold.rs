//! The places of archives: settings and the bucket's URL become what is opened, asked and made.

use crate::open::OpenError;
use crate::settings::{ColdLock, ColdPlace, ColdStore, OF_THE_LOG};
use crate::stores::{self, BucketAt, ObjectPlace, shown};
use ports::Bucket;
use services::cold::{Cold, Lock};
use std::sync::Arc;

const LOCK_PARAMETERS: [&str; 2] = ["lock=", "lock-days="];
const MODES: [&str; 2] = ["compliance", "governance"];

/// Where archives are.
pub(crate) struct Places {
    pub(crate) main: BucketAt,
    pub(crate) copy: Option<BucketAt>,
    /// Whether archives are put as the bucket's other objects are, by the same connection.
    pub(crate) shares_bucket: bool,
    prefix: String,
    lock: Option<Lock>,
}

impl Places {
    /// What the settings name.
    ///
    /// # Errors
    /// Places that overlap with others.
    pub(crate) fn of(cold: &ColdStore, table_url: &str, bucket_url: &str) -> Result<Self, OpenError> {
        let named = |setting, place: &ColdPlace| BucketAt {
            keys: place.keys.clone(),
            lock: lock_setting(cold.lock),
            ..BucketAt::plain(setting, &with_lock(&place.url, cold.lock))
        };
        let main = match &cold.own {
            Some(own) => BucketAt { encryption: "AUDIT_COLD_SSE", ..named("AUDIT_COLD_BUCKET", own) },
            None => named("BUCKET_URL", &ColdPlace { url: bucket_url.to_owned(), keys: None }),
        };
        let copy = cold.copy.as_ref().map(|copy| named("AUDIT_COLD_COPY_URL", copy));
        let lock = lock_in(&main.url);
        let shares_bucket = cold.own.is_none() && main.url == bucket_url;
        let places = Self { main, copy, shares_bucket, prefix: cold.prefix.clone(), lock };
        places.check_apart(table_url, bucket_url)?;
        Ok(places)
    }

    /// Whether there is more to say of it than of the bucket.
    pub(crate) fn are_their_own(&self) -> bool {
        !self.shares_bucket || self.copy.is_some()
    }

    /// Opens them. `bucket` is the port that is shared.
    pub(crate) fn open(&self, bucket: Option<&Arc<dyn Bucket>>) -> Result<Cold, OpenError> {
        let main = match bucket.filter(|_| self.shares_bucket) {
            Some(bucket) => Arc::clone(bucket),
            None => stores::bucket(&self.main)?.port,
        };
        let copy = self.copy.as_ref().map(|copy| stores::bucket(copy).map(|store| store.port)).transpose()?;
        Ok(Cold { bucket: main, copy, prefix: self.prefix.clone(), lock: self.lock })
    }

    /// The same for somebody who asks none of them.
    pub(crate) fn unasked(&self) -> Cold {
        let nobody: Arc<dyn Bucket> = Arc::new(adapters_local::MemoryBucket::default());
        Cold { copy: None, lock: self.lock, ..Cold::plain(nobody, &self.prefix) }
    }

    fn check_apart(&self, table_url: &str, bucket_url: &str) -> Result<(), OpenError> {
        let wrong = |text: String| Err(OpenError::Store(text));
        let archives = |at: &BucketAt| ObjectPlace::of(&at.url).map(|place| place.below(&self.prefix));
        let table = ObjectPlace::of(table_url);
        let bucket = ObjectPlace::of(bucket_url);
        for at in std::iter::once(&self.main).chain(&self.copy) {
            let Some(here) = archives(at) else { continue };
            if table.as_ref().is_some_and(|table| table.overlaps(&here)) {
                return wrong(format!(
                    "TABLE_URL, {}: rows and archives need prefixes apart, such as s3://BUCKET/rows and \
                     AUDIT_COLD_PREFIX=archives; these are `{}` and `{}`",
                    at.setting,
                    table.map(|table| table.path).unwrap_or_default(),
                    here.path
                ));
            }
            let of_the_log = |name: &&&str| bucket.as_ref().is_some_and(|bucket| bucket.below(name).overlaps(&here));
            if let Some(name) = OF_THE_LOG.iter().find(of_the_log) {
                return wrong(format!(
                    "AUDIT_COLD_PREFIX: in {}, archives at `{}` would stand among the `{name}` of BUCKET_URL; use another \
                     prefix",
                    at.setting, here.path
                ));
            }
        }
        let Some(copy) = &self.copy else { return Ok(()) };
        let same = match (archives(&self.main), archives(copy)) {
            (Some(main), Some(copy)) => main.overlaps(&copy),
            _ => self.main.url.trim_end_matches('/') == copy.url.trim_end_matches('/'),
        };
        if same {
            return wrong(format!(
                "AUDIT_COLD_COPY_URL: `{}` is where the first copy of archives is already; a second one belongs elsewhere",
                shown(&copy.url)
            ));
        }
        Ok(())
    }
}

fn lock_setting(lock: ColdLock) -> &'static str {
    if lock == ColdLock::AsTheUrlSays { "`lock=`" } else { "AUDIT_COLD_LOCK" }
}

/// A bucket's URL with this lock in it; a directory has none.
fn with_lock(url: &str, lock: ColdLock) -> String {
    if lock == ColdLock::AsTheUrlSays || stores::scheme(url) != "s3" {
        return url.to_owned();
    }
    let (name, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !LOCK_PARAMETERS.iter().any(|parameter| pair.starts_with(parameter)))
        .map(str::to_owned)
        .collect();
    if let ColdLock::On(Lock { mode, days }) = lock {
        parameters.extend([format!("lock={mode}"), format!("lock-days={days}")]);
    }
    if parameters.is_empty() { name.to_owned() } else { format!("{name}?{}", parameters.join("&")) }
}

/// The lock that a bucket's URL asks for.
pub(crate) fn lock_in(url: &str) -> Option<Lock> {
    let query = url.strip_prefix("s3:")?.split_once('?')?.1;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let mode = value("lock=")?;
    let mode = MODES.into_iter().find(|known| *known == mode)?;
    Some(Lock { mode, days: value("lock-days=")?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: ColdLock = ColdLock::On(Lock { mode: "compliance", days: 7 });

    fn cold(own: Option<&str>, prefix: &str, lock: ColdLock, copy: Option<&str>) -> ColdStore {
        let place = |url: &str| ColdPlace { url: url.to_owned(), keys: None };
        ColdStore { own: own.map(place), prefix: prefix.to_owned(), lock, copy: copy.map(place) }
    }

    fn of(cold: &ColdStore, table: &str, bucket: &str) -> Result<Places, String> {
        Places::of(cold, table, bucket).map_err(|error| error.to_string())
    }

    #[test]
    fn a_lock_is_put_into_a_url_and_found_there() {
        for (url, lock, wanted) in [
            ("s3://b?region=x", ON, "s3://b?region=x&lock=compliance&lock-days=7"),
            ("s3://b", ON, "s3://b?lock=compliance&lock-days=7"),
            ("s3://b?lock=governance&region=x&lock-days=1", ON, "s3://b?region=x&lock=compliance&lock-days=7"),
            ("s3://b?lock=governance&region=x&lock-days=1", ColdLock::Off, "s3://b?region=x"),
            ("s3://b?lock=governance&lock-days=1", ColdLock::Off, "s3://b"),
            ("s3://b?lock=governance&lock-days=1", ColdLock::AsTheUrlSays, "s3://b?lock=governance&lock-days=1"),
            ("file:/b?x", ON, "file:/b?x"),
        ] {
            assert_eq!(with_lock(url, lock), wanted, "{url}");
        }
        assert_eq!(lock_in("s3://b?region=x&lock=governance&lock-days=3"), Some(Lock { mode: "governance", days: 3 }));
        for none in ["s3://b?region=x", "s3://b", "s3://b?lock=none", "file:/b?lock=governance&lock-days=3"] {
            assert_eq!(lock_in(none), None, "{none}");
        }
    }

    #[test]
    fn a_bucket_is_shared_only_where_nothing_of_it_differs() {
        let bucket = "s3://b/objects?region=x";
        for (settings, shared, own, setting, lock) in [
            (cold(None, "audit", ColdLock::AsTheUrlSays, None), true, false, "BUCKET_URL", None),
            (cold(None, "audit", ColdLock::Off, None), true, false, "BUCKET_URL", None),
            (cold(None, "audit", ColdLock::AsTheUrlSays, Some("file:/c")), true, true, "BUCKET_URL", None),
            (cold(None, "audit", ON, None), false, true, "BUCKET_URL", Some(Lock { mode: "compliance", days: 7 })),
            (cold(Some("s3://c?region=x"), "audit", ColdLock::Off, None), false, true, "AUDIT_COLD_BUCKET", None),
        ] {
            let places = of(&settings, "sqlite:x", bucket).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((places.shares_bucket, places.are_their_own()), (shared, own), "{settings:?}");
            assert_eq!((places.main.setting, places.lock), (setting, lock), "{settings:?}");
        }
        // The lock goes on both.
        let both = of(&cold(Some("s3://c?region=x"), "audit", ON, Some("s3://d?region=x")), "sqlite:x", bucket);
        let copy = both.ok().and_then(|places| places.copy).expect("a copy");
        assert_eq!((copy.url.as_str(), copy.lock), ("s3://d?region=x&lock=compliance&lock-days=7", "AUDIT_COLD_LOCK"));
    }

    #[test]
    fn archives_are_kept_apart_from_all_else() {
        let free = ColdLock::AsTheUrlSays;
        for (settings, table, said) in [
            (cold(None, "audit", free, None), "s3://b/rows", ""),
            (cold(Some("s3://b"), "rows", free, None), "s3://b/rows?region=x", "TABLE_URL, AUDIT_COLD_BUCKET: "),
            (cold(Some("s3://b"), "rows/cold", free, None), "s3://b/rows", "TABLE_URL, AUDIT_COLD_BUCKET: "),
            (cold(Some("s3://c"), "rows", free, None), "s3://b/rows", ""),
            (cold(Some("s3://b?endpoint=http://h"), "rows", free, None), "s3://b/rows", ""),
            (cold(None, "audit", free, Some("s3://b/rows")), "s3://b/rows", "TABLE_URL, AUDIT_COLD_COPY_URL: "),
            (cold(None, "tiles", free, None), "sqlite:x", "AUDIT_COLD_PREFIX: in BUCKET_URL"),
            (cold(Some("s3://b"), "objects/kept", free, None), "sqlite:x", "AUDIT_COLD_PREFIX: in AUDIT_COLD_BUCKET"),
            (cold(Some("s3://b"), "objects", free, None), "sqlite:x", "AUDIT_COLD_PREFIX: in AUDIT_COLD_BUCKET"),
            (cold(Some("s3://b"), "audit", free, None), "sqlite:x", ""),
            (cold(None, "audit", free, Some("s3://b/objects")), "sqlite:x", "AUDIT_COLD_COPY_URL: `s3://b/objects` is"),
            (cold(None, "audit", free, Some("s3://b/other")), "sqlite:x", ""),
            (cold(Some("s3://c"), "audit", free, Some("s3://c")), "sqlite:x", "AUDIT_COLD_COPY_URL: "),
            (cold(Some("s3://c"), "audit", free, Some("s3://c?endpoint=http://h")), "sqlite:x", ""),
        ] {
            let found = of(&settings, table, "s3://b/objects?region=x").err().unwrap_or_default();
            assert!(found.starts_with(said) && said.is_empty() == found.is_empty(), "{settings:?}: `{found}`");
        }
        let twice = of(&cold(None, "audit", free, Some("file:/data/bucket/")), "sqlite:x", "file:/data/bucket");
        assert!(twice.is_err_and(|error| error.starts_with("AUDIT_COLD_COPY_URL: ")));
    }
}
