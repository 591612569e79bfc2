//! Settings of the cold store, and of what goes there when.

use super::Parse;
use handlers::Archiving;
use ports::check_key;
use services::cold::Lock;
use std::fmt;
use std::ops::RangeInclusive;

/// Where archives are.
#[derive(Debug, Clone)]
pub struct ColdStore {
    /// `AUDIT_COLD_BUCKET` with its endpoint, region, keys and encryption; `None` is the place of `BUCKET_URL`.
    pub own: Option<ColdPlace>,
    /// `AUDIT_COLD_PREFIX`
    pub prefix: String,
    /// `AUDIT_COLD_LOCK`, `AUDIT_COLD_LOCK_DAYS`
    pub lock: ColdLock,
    /// `AUDIT_COLD_COPY_URL`: a second copy of each archive.
    pub copy: Option<ColdPlace>,
}

/// A bucket with credentials of its own, if it has any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColdPlace {
    /// `s3://…`, or `file:DIR`.
    pub url: String,
    /// `None` is the default chain of AWS tools.
    pub keys: Option<Keys>,
}

/// A pair of keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Names the pair.
    pub access_key: String,
    /// Signs with it.
    pub secret_key: String,
    /// The settings that it came from.
    pub settings: &'static str,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Which lock is put on archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColdLock {
    /// Nothing is said: what the URL of the place says.
    AsTheUrlSays,
    /// None, whatever the URL says.
    Off,
    /// This one.
    On(Lock),
}

const OWN: &str = "AUDIT_COLD_ACCESS_KEY and AUDIT_COLD_SECRET_KEY";
const COPY: &str = "AUDIT_COLD_COPY_ACCESS_KEY and AUDIT_COLD_COPY_SECRET_KEY";
/// What says nothing without a bucket.
const OF_A_BUCKET: [&str; 5] =
    ["AUDIT_COLD_ENDPOINT", "AUDIT_COLD_REGION", "AUDIT_COLD_ACCESS_KEY", "AUDIT_COLD_SECRET_KEY", "AUDIT_COLD_SSE"];
/// What the log keeps in its bucket beside archives.
pub(crate) const OF_THE_LOG: [&str; 5] = ["checkpoints", "tiles", "kept", "originals", "_probe"];
/// The rest of a key is the chain's name and the range.
const MAX_PREFIX_BYTES: usize = 256;
/// A century.
const MAX_LOCK_DAYS: u32 = 36_525;

impl<F: Fn(&str) -> Option<String>> Parse<'_, F> {
    fn given(&self, name: &str) -> bool {
        (self.text)(name).is_some()
    }

    fn wrong(&mut self, problem: &str) {
        self.problems.push(problem.to_owned());
    }

    fn number(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        self.with(name, |given| {
            given.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| match *range.end() {
                u32::MAX => format!("a whole number from {} on belongs here", range.start()),
                end => format!("a whole number from {} to {end} belongs here", range.start()),
            })
        })
    }

    pub(super) fn truth(&mut self, name: &str) -> Option<bool> {
        self.with(name, |word| match word {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("use true or false".to_owned()),
        })
    }

    /// A pair of which both are set, or none.
    fn keys(&mut self, access: &'static str, secret: &'static str, settings: &'static str) -> Option<Keys> {
        // Neither is repeated, whatever is wrong with it.
        let key = |text: &str| match text.bytes().all(|b| b.is_ascii_graphic()) {
            true => Ok(text.to_owned()),
            false => Err("a key has letters, digits and signs, and no spaces".to_owned()),
        };
        for (here, missing) in [(access, secret), (secret, access)] {
            if self.given(here) && !self.given(missing) {
                self.wrong(&format!("{missing}: not set, and {here} is; set both, or neither"));
            }
        }
        let (access_key, secret_key) = (self.with(access, key), self.with(secret, key));
        Some(Keys { access_key: access_key?, secret_key: secret_key?, settings })
    }

    /// The times of archiving.
    pub(super) fn archiving(&mut self) -> Archiving {
        let usual = Archiving::default();
        Archiving {
            enabled: self.truth("ARCHIVE_ENABLED").unwrap_or(usual.enabled),
            run_hour_utc: self.number("ARCHIVE_RUN_HOUR_UTC", 0..=23).unwrap_or(usual.run_hour_utc),
            hot_retention_days: self
                .number("AUDIT_HOT_RETENTION_DAYS", 0..=u32::MAX)
                .unwrap_or(usual.hot_retention_days),
            verify_days: self.number("AUDIT_COLD_VERIFY_DAYS", 1..=u32::MAX).unwrap_or(usual.verify_days),
            cold_retention_days: self.number("AUDIT_COLD_RETENTION_DAYS", 0..=u32::MAX),
        }
    }

    /// The places of archives.
    pub(super) fn cold_store(&mut self) -> ColdStore {
        let keys = self.keys("AUDIT_COLD_ACCESS_KEY", "AUDIT_COLD_SECRET_KEY", OWN);
        let own = self.own_bucket().map(|url| ColdPlace { url, keys: keys.clone() });
        let prefix = self.prefix();
        let lock = self.lock();
        let copy = self.copy(keys);
        ColdStore { own, prefix, lock, copy }
    }

    fn own_bucket(&mut self) -> Option<String> {
        let bucket = self.with("AUDIT_COLD_BUCKET", |name| {
            let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
            match (3..=63).contains(&name.len()) && name.bytes().all(letter) {
                true => Ok(name.to_owned()),
                false => Err("the name of a bucket has 3 to 63 small letters, digits, dots and hyphens; a prefix \
                              belongs in AUDIT_COLD_PREFIX"
                    .to_owned()),
            }
        });
        let endpoint = self.with("AUDIT_COLD_ENDPOINT", |url| {
            origin(url).ok_or_else(|| "use the form http(s)://HOST:PORT, without path or password".to_owned())
        });
        let region = self.with("AUDIT_COLD_REGION", |name| {
            match name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
                true => Ok(name.to_owned()),
                false => Err("this is not the name of a region, such as eu-central-1".to_owned()),
            }
        });
        let encryption = self.with("AUDIT_COLD_SSE", |word| match word {
            "true" | "AES256" => Ok(Some("AES256")),
            "aws:kms" => Ok(Some("aws:kms")),
            "false" | "none" => Ok(None),
            _ => Err("use true (AES256), aws:kms or false".to_owned()),
        });
        if !self.given("AUDIT_COLD_BUCKET") {
            for name in OF_A_BUCKET {
                if self.given(name) {
                    self.wrong(&format!("{name}: says nothing of the place of BUCKET_URL; set AUDIT_COLD_BUCKET, too"));
                }
            }
        } else if !self.given("AUDIT_COLD_ENDPOINT") && !self.given("AUDIT_COLD_REGION") {
            self.wrong(
                "AUDIT_COLD_REGION: not set, and AWS has AUDIT_COLD_BUCKET in a region; set it, or AUDIT_COLD_ENDPOINT",
            );
        }
        let parameters = [("endpoint", endpoint), ("region", region), ("sse", encryption.flatten().map(str::to_owned))];
        let given = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        Some(format!("s3://{}?{}", bucket?, given.collect::<Vec<_>>().join("&")))
    }

    fn prefix(&mut self) -> String {
        let shares = !self.given("AUDIT_COLD_BUCKET");
        let prefix = self.with("AUDIT_COLD_PREFIX", |prefix| {
            if prefix.len() > MAX_PREFIX_BYTES || check_key(prefix).is_err() {
                let letters = "letters, digits, `.`, `_` and `-`, joined by single slashes, belong here";
                return Err(format!("{letters}, {MAX_PREFIX_BYTES} bytes at most"));
            }
            let first = prefix.split('/').next().unwrap_or_default();
            match shares && OF_THE_LOG.contains(&first) {
                true => Err(format!("`{first}` is where the bucket has other things of the log; use another one")),
                false => Ok(prefix.to_owned()),
            }
        });
        prefix.unwrap_or_else(|| "audit".to_owned())
    }

    fn lock(&mut self) -> ColdLock {
        let mode = self.with("AUDIT_COLD_LOCK", |word| match word {
            "compliance" => Ok(Some("compliance")),
            "governance" => Ok(Some("governance")),
            "off" => Ok(None),
            _ => Err("use compliance, governance or off".to_owned()),
        });
        let days = self.number("AUDIT_COLD_LOCK_DAYS", 1..=MAX_LOCK_DAYS);
        if !self.given("AUDIT_COLD_LOCK") && self.given("AUDIT_COLD_LOCK_DAYS") {
            self.wrong(
                "AUDIT_COLD_LOCK: not set, and AUDIT_COLD_LOCK_DAYS is; set it to compliance, governance or off",
            );
        }
        let Some(Some(mode)) = mode else {
            return if mode.is_some() { ColdLock::Off } else { ColdLock::AsTheUrlSays };
        };
        if !self.given("AUDIT_COLD_LOCK_DAYS") {
            self.wrong(
                "AUDIT_COLD_LOCK_DAYS: not set, and AUDIT_COLD_LOCK is; set for how many days archives are locked",
            );
        }
        let in_a_bucket =
            self.given("AUDIT_COLD_BUCKET") || (self.text)("BUCKET_URL").is_some_and(|url| url.starts_with("s3:"));
        if !in_a_bucket {
            let problem = "a directory has no object lock; name a bucket in AUDIT_COLD_BUCKET, or leave the lock out";
            self.wrong(&format!("AUDIT_COLD_LOCK: {problem}"));
        }
        days.map_or(ColdLock::AsTheUrlSays, |days| ColdLock::On(Lock { mode, days }))
    }

    fn copy(&mut self, own: Option<Keys>) -> Option<ColdPlace> {
        let keys = self.keys("AUDIT_COLD_COPY_ACCESS_KEY", "AUDIT_COLD_COPY_SECRET_KEY", COPY);
        let url = self.with("AUDIT_COLD_COPY_URL", |url| match url.split_once(':') {
            Some(("s3" | "file", rest)) if !rest.is_empty() => Ok(url.to_owned()),
            _ => Err("use s3://BUCKET/PREFIX?… or file:DIR".to_owned()),
        });
        let takes_keys = self.given("AUDIT_COLD_COPY_URL") && url.as_ref().is_none_or(|url| url.starts_with("s3:"));
        for name in ["AUDIT_COLD_COPY_ACCESS_KEY", "AUDIT_COLD_COPY_SECRET_KEY"] {
            if self.given(name) && !takes_keys {
                self.wrong(&format!(
                    "{name}: there is no s3: in AUDIT_COLD_COPY_URL that takes it; leave one of them out"
                ));
            }
        }
        let url = url?;
        let keys = keys.or(own).filter(|_| url.starts_with("s3:"));
        Some(ColdPlace { url, keys })
    }
}

/// `http(s)://HOST:PORT`, which is all that may stand there.
fn origin(url: &str) -> Option<String> {
    let url = url.strip_suffix('/').unwrap_or(url);
    let (scheme, host) = url.split_once("://")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (matches!(scheme, "http" | "https") && !host.is_empty() && host.bytes().all(plain)).then(|| url.to_owned())
}

#[cfg(test)]
#[path = "cold_tests.rs"]
mod tests;
