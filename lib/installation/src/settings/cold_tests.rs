//! Settings of the cold store, right and wrong.

use super::{ColdLock, ColdPlace, ColdStore, Lock};
use crate::settings::{Settings, SettingsError};
use handlers::Archiving;

fn read(given: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let environment = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    Settings::read(None, environment)
}

fn cold(given: &[(&str, &str)]) -> ColdStore {
    read(given).unwrap_or_else(|error| panic!("{error}")).cold
}

/// All lines, each of which starts with the name of the setting that it is about.
fn problems(given: &[(&str, &str)]) -> Vec<String> {
    read(given).expect_err("something is wrong").0
}

#[test]
fn what_is_not_said_is_the_place_of_the_bucket_and_the_usual_times() {
    let settings = read(&[]).expect("nothing is wrong");
    let ColdStore { own, prefix, lock, copy } = settings.cold;
    assert_eq!((own, prefix.as_str(), lock, copy), (None, "audit", ColdLock::AsTheUrlSays, None));
    assert_eq!(settings.archiving, Archiving::default());
    let settings = read(&[
        ("AUDIT_HOT_RETENTION_DAYS", "0"),
        ("ARCHIVE_ENABLED", "true"),
        ("ARCHIVE_RUN_HOUR_UTC", "23"),
        ("AUDIT_COLD_VERIFY_DAYS", "1"),
        ("AUDIT_COLD_RETENTION_DAYS", "3650"),
    ]);
    let wanted = Archiving {
        enabled: true,
        run_hour_utc: 23,
        hot_retention_days: 0,
        verify_days: 1,
        cold_retention_days: Some(3650),
    };
    assert_eq!(settings.expect("nothing is wrong").archiving, wanted);
}

#[test]
fn a_bucket_of_its_own_becomes_a_url() {
    for (more, wanted) in [
        (&[("AUDIT_COLD_REGION", "eu-central-1")][..], "s3://cold-1?region=eu-central-1"),
        (&[("AUDIT_COLD_ENDPOINT", "http://[::1]:9000/")], "s3://cold-1?endpoint=http://[::1]:9000"),
        (
            &[("AUDIT_COLD_ENDPOINT", "https://s3.x"), ("AUDIT_COLD_REGION", "fr-par"), ("AUDIT_COLD_SSE", "true")],
            "s3://cold-1?endpoint=https://s3.x&region=fr-par&sse=AES256",
        ),
        (&[("AUDIT_COLD_REGION", "x"), ("AUDIT_COLD_SSE", "AES256")], "s3://cold-1?region=x&sse=AES256"),
        (&[("AUDIT_COLD_REGION", "x"), ("AUDIT_COLD_SSE", "aws:kms")], "s3://cold-1?region=x&sse=aws:kms"),
        (&[("AUDIT_COLD_REGION", "x"), ("AUDIT_COLD_SSE", "false")], "s3://cold-1?region=x"),
        (&[("AUDIT_COLD_REGION", "x"), ("AUDIT_COLD_SSE", "none")], "s3://cold-1?region=x"),
    ] {
        let own = cold(&[&[("AUDIT_COLD_BUCKET", "cold-1")], more].concat()).own;
        assert_eq!(own, Some(ColdPlace { url: wanted.to_owned(), keys: None }));
    }
}

#[test]
fn a_copy_has_its_own_keys_or_those_of_the_cold_store() {
    const OWN: [(&str, &str); 4] = [
        ("AUDIT_COLD_BUCKET", "cold-1"),
        ("AUDIT_COLD_REGION", "x"),
        ("AUDIT_COLD_ACCESS_KEY", "first"),
        ("AUDIT_COLD_SECRET_KEY", "open-sesame"),
    ];
    const COPY: [(&str, &str); 2] =
        [("AUDIT_COLD_COPY_ACCESS_KEY", "second"), ("AUDIT_COLD_COPY_SECRET_KEY", "open-barley")];
    let copy = |url: &'static str, more: &[(&'static str, &'static str)]| {
        let cold = cold(&[more, &[("AUDIT_COLD_COPY_URL", url)]].concat());
        assert!(!format!("{cold:?}").contains("open-"), "{cold:?}");
        cold.copy.expect("a copy").keys.map(|keys| (keys.access_key, keys.settings))
    };
    let s3 = "s3://copy?region=y";
    let second = ("second".to_owned(), "AUDIT_COLD_COPY_ACCESS_KEY and AUDIT_COLD_COPY_SECRET_KEY");
    assert_eq!(copy(s3, &[&OWN[..], &COPY].concat()), Some(second));
    assert_eq!(copy(s3, &OWN), Some(("first".to_owned(), "AUDIT_COLD_ACCESS_KEY and AUDIT_COLD_SECRET_KEY")));
    assert_eq!(copy(s3, &[]), None);
    assert_eq!(copy("file:/copy", &OWN), None);
}

#[test]
fn a_lock_is_on_off_or_left_to_the_url() {
    let lock = |mode: &'static str| {
        cold(&[("BUCKET_URL", "s3://b?region=x"), ("AUDIT_COLD_LOCK", mode), ("AUDIT_COLD_LOCK_DAYS", "7")]).lock
    };
    for mode in ["compliance", "governance"] {
        assert_eq!(lock(mode), ColdLock::On(Lock { mode, days: 7 }));
    }
    assert_eq!(lock("off"), ColdLock::Off);
    assert_eq!(cold(&[("AUDIT_COLD_LOCK", "off")]).lock, ColdLock::Off);
}

#[test]
fn all_problems_are_reported_at_once_and_no_secret_is_shown() {
    let wrong = [
        ("AUDIT_COLD_ACCESS_KEY", "an open secret"),
        ("AUDIT_COLD_SECRET_KEY", "an open secret"),
        ("AUDIT_COLD_BUCKET", "No/Bucket"),
        ("AUDIT_COLD_ENDPOINT", "http://user:secret@host"),
        ("AUDIT_COLD_REGION", "Europe"),
        ("AUDIT_COLD_SSE", "rot13"),
        ("AUDIT_COLD_PREFIX", "a//b"),
        ("AUDIT_COLD_LOCK", "always"),
        ("AUDIT_COLD_LOCK_DAYS", "0"),
        ("AUDIT_COLD_COPY_ACCESS_KEY", "an open secret"),
        ("AUDIT_COLD_COPY_SECRET_KEY", "an open secret"),
        ("AUDIT_COLD_COPY_URL", "https://user:secret@host"),
        ("ARCHIVE_ENABLED", "maybe"),
        ("ARCHIVE_RUN_HOUR_UTC", "24"),
        ("AUDIT_HOT_RETENTION_DAYS", "-1"),
        ("AUDIT_COLD_VERIFY_DAYS", "0"),
        ("AUDIT_COLD_RETENTION_DAYS", "ever"),
    ];
    let problems = problems(&wrong);
    assert_eq!(problems.len(), wrong.len(), "{problems:#?}");
    for ((name, _), problem) in wrong.iter().zip(&problems) {
        assert!(problem.starts_with(&format!("{name}: ")) && !problem.contains("secret"), "{problem}");
    }
}

#[test]
fn what_says_nothing_alone_names_what_is_missing() {
    for (given, wanted) in [
        (&[("AUDIT_COLD_ENDPOINT", "http://h")][..], &["AUDIT_COLD_ENDPOINT: says nothing"][..]),
        (&[("AUDIT_COLD_REGION", "x")], &["AUDIT_COLD_REGION: says nothing"]),
        (
            &[("AUDIT_COLD_SSE", "true")],
            &["AUDIT_COLD_SSE: says nothing of the place of BUCKET_URL; set AUDIT_COLD_BUCKET"],
        ),
        (
            &[("AUDIT_COLD_ACCESS_KEY", "a"), ("AUDIT_COLD_SECRET_KEY", "b")],
            &["AUDIT_COLD_ACCESS_KEY: says nothing", "AUDIT_COLD_SECRET_KEY: says nothing"],
        ),
        (&[("AUDIT_COLD_BUCKET", "abc")], &["AUDIT_COLD_REGION: not set"]),
        (
            &[("AUDIT_COLD_BUCKET", "abc"), ("AUDIT_COLD_REGION", "x"), ("AUDIT_COLD_ACCESS_KEY", "a")],
            &["AUDIT_COLD_SECRET_KEY: not set, and AUDIT_COLD_ACCESS_KEY is; set both, or neither"],
        ),
        (
            &[("AUDIT_COLD_COPY_URL", "s3://b?region=x"), ("AUDIT_COLD_COPY_SECRET_KEY", "a")],
            &["AUDIT_COLD_COPY_ACCESS_KEY: not set"],
        ),
        (
            &[
                ("AUDIT_COLD_COPY_ACCESS_KEY", "a"),
                ("AUDIT_COLD_COPY_SECRET_KEY", "a"),
                ("AUDIT_COLD_COPY_URL", "file:x"),
            ],
            &["AUDIT_COLD_COPY_ACCESS_KEY: there is no s3:", "AUDIT_COLD_COPY_SECRET_KEY: there is no s3:"],
        ),
        (&[("AUDIT_COLD_LOCK_DAYS", "3")], &["AUDIT_COLD_LOCK: not set"]),
        (&[("AUDIT_COLD_LOCK", "governance"), ("BUCKET_URL", "s3://b?region=x")], &["AUDIT_COLD_LOCK_DAYS: not set"]),
        (
            &[("AUDIT_COLD_LOCK", "governance"), ("AUDIT_COLD_LOCK_DAYS", "3"), ("BUCKET_URL", "file:x")],
            &["AUDIT_COLD_LOCK: a directory has no object lock"],
        ),
        // The default, too, is a directory.
        (
            &[("AUDIT_COLD_LOCK", "governance"), ("AUDIT_COLD_LOCK_DAYS", "3")],
            &["AUDIT_COLD_LOCK: a directory has no object lock"],
        ),
        (&[("AUDIT_COLD_PREFIX", "tiles/x")], &["AUDIT_COLD_PREFIX: `tiles` is where the bucket has other things"]),
    ] {
        let problems = problems(given);
        assert_eq!(problems.len(), wanted.len(), "{problems:#?}");
        for (problem, wanted) in problems.iter().zip(wanted) {
            assert!(problem.starts_with(wanted), "{problem}");
        }
    }
    // In a bucket of its own there is nothing else.
    let own = [("AUDIT_COLD_BUCKET", "abc"), ("AUDIT_COLD_REGION", "x"), ("AUDIT_COLD_PREFIX", "tiles")];
    assert_eq!(cold(&own).prefix, "tiles");
}
