//! The places of archives as an operator sets, makes and asks them.

use super::refused::{refused, said};
use serde_json::Value;
use stores::program::Machine;
use stores::stack::{Stack, fresh};

/// A machine whose rows and messages are files of its own; its bucket is one on a server, or a directory.
fn machine(bucket: Option<String>) -> Machine {
    let mut machine = Machine::on(Stack { table: String::new(), bucket: String::new(), queue: String::new() });
    let at = |scheme: &str, name: &str| format!("{scheme}:{}", machine.data().join(name).display());
    let bucket = bucket.unwrap_or_else(|| at("file", "bucket"));
    machine.stack = Stack { table: at("sqlite", "table.db"), bucket, queue: at("sqlite", "queue.db") };
    machine
}

/// With a bucket of its own for archives, asked with keys of its own.
fn with_cold(endpoint: &str, bucket: &str) -> Machine {
    machine(None)
        .with("AUDIT_COLD_ENDPOINT", endpoint)
        .with("AUDIT_COLD_BUCKET", bucket)
        .with("AUDIT_COLD_ACCESS_KEY", "test")
        .with("AUDIT_COLD_SECRET_KEY", "test")
        .with("AWS_ACCESS_KEY_ID", "nobody")
        .with("AWS_SECRET_ACCESS_KEY", "nothing")
}

/// What `doctor` says of each setting.
fn examined(machine: &Machine) -> Value {
    let output = machine.run(&["doctor", "--json"]);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    assert_eq!(report["fit"], true, "{report:#}");
    report
}

/// The verdict of a check.
fn verdict(report: &Value, setting: &str, check: &str) -> String {
    let section = report["settings"].as_array().unwrap().iter().find(|section| section["setting"] == setting);
    let findings = section.unwrap_or_else(|| panic!("no {setting} in {report:#}"))["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == check);
    finding.map_or("not asked", |finding| finding["verdict"].as_str().unwrap()).to_owned()
}

fn servers() -> Vec<String> {
    [Some(stores::server("DEZKY_TEST_S3")), stores::optional_server("DEZKY_TEST_CEPH")].into_iter().flatten().collect()
}

#[test]
fn a_cold_store_and_its_copy_are_made_and_found_locked() {
    for endpoint in servers() {
        let copy = format!("s3://copy-{}/second?endpoint={endpoint}", fresh());
        let machine = with_cold(&endpoint, &format!("cold-{}", fresh()))
            .with("AUDIT_COLD_LOCK", "governance")
            .with("AUDIT_COLD_LOCK_DAYS", "1")
            .with("AUDIT_COLD_COPY_URL", copy);
        // What is made twice is left as it is.
        for _ in 0..2 {
            let made = machine.run(&["migrate"]);
            for setting in ["AUDIT_COLD_BUCKET", "AUDIT_COLD_COPY_URL"] {
                let line = format!("{setting}: the bucket is there, with object lock");
                assert!(made.status.success() && said(&made).contains(&line), "{}", said(&made));
            }
        }
        let report = examined(&machine);
        for setting in ["AUDIT_COLD_BUCKET", "AUDIT_COLD_COPY_URL"] {
            for check in ["put and get", "locked", "object lock", "versioning"] {
                assert_eq!(verdict(&report, setting, check), "good", "{setting} {check}: {report:#}");
            }
        }
        assert_eq!(verdict(&report, "BUCKET_URL", "delete"), "good");
    }
}

#[test]
fn the_lock_of_archives_is_theirs_alone_in_a_shared_bucket() {
    for endpoint in servers() {
        let machine = machine(Some(format!("s3://shared-{}/log?endpoint={endpoint}", fresh())))
            .with("AUDIT_COLD_LOCK", "compliance")
            .with("AUDIT_COLD_LOCK_DAYS", "1");
        machine.done(&["migrate"]);
        let report = examined(&machine);
        assert_eq!(verdict(&report, "AUDIT_COLD_BUCKET", "locked"), "good", "{report:#}");
        assert_eq!(verdict(&report, "BUCKET_URL", "locked"), "not asked");
        assert_eq!(verdict(&report, "BUCKET_URL", "delete"), "good", "{report:#}");
    }
}

#[test]
fn where_nothing_is_set_the_bucket_is_all_there_is_to_ask() {
    let report = examined(&machine(None));
    let settings: Vec<&str> =
        report["settings"].as_array().unwrap().iter().map(|section| section["setting"].as_str().unwrap()).collect();
    assert_eq!(settings, ["TABLE_URL", "BUCKET_URL", "QUEUE_URL", "AUDIT_SIGNING_KEY"]);
}

#[test]
fn each_bad_day_of_a_cold_store_is_one_line_that_names_its_setting() {
    for endpoint in servers() {
        let name = format!("cold-{}", fresh());
        refused(&with_cold(&endpoint, &name), "AUDIT_COLD_BUCKET", "there is no bucket `cold-");
        with_cold(&endpoint, &name).done(&["migrate"]);
        let nobody = with_cold(&endpoint, &name).with("AUDIT_COLD_ACCESS_KEY", "nobody");
        refused(&nobody, "AUDIT_COLD_BUCKET", "check AUDIT_COLD_ACCESS_KEY and AUDIT_COLD_SECRET_KEY");
        // A bucket that somebody made without a lock.
        let locks = with_cold(&endpoint, &name).with("AUDIT_COLD_LOCK", "compliance").with("AUDIT_COLD_LOCK_DAYS", "1");
        refused(&locks, "AUDIT_COLD_BUCKET", "AUDIT_COLD_LOCK is set, and a bucket has to be made with object lock");
        let migrate = locks.run(&["migrate"]);
        let text = said(&migrate);
        assert_eq!(migrate.status.code(), Some(1), "{text}");
        assert!(text.starts_with("dezky: AUDIT_COLD_BUCKET: the bucket `cold-") && text.lines().count() == 1, "{text}");
        assert!(text.contains("AUDIT_COLD_LOCK is set, and the bucket has no object lock"), "{text}");
        let copy = machine(None).with("AUDIT_COLD_COPY_URL", format!("s3://gone-{}?endpoint={endpoint}", fresh()));
        refused(&copy, "AUDIT_COLD_COPY_URL", "there is no bucket `gone-");
    }
    // One that has keys to encrypt with, and one that has none.
    let encrypts = |endpoint: &str| {
        let machine = with_cold(endpoint, &format!("cold-{}", fresh())).with("AUDIT_COLD_SSE", "true");
        machine.done(&["migrate"]);
        machine
    };
    let report = examined(&encrypts(&stores::server("DEZKY_TEST_S3")));
    assert_eq!(verdict(&report, "AUDIT_COLD_BUCKET", "encryption"), "good");
    if let Some(endpoint) = stores::optional_server("DEZKY_TEST_CEPH") {
        refused(&encrypts(&endpoint), "AUDIT_COLD_BUCKET", "AUDIT_COLD_SSE is set to AES256");
    }
}

#[test]
fn settings_of_the_cold_store_that_are_wrong_are_all_named_at_once() {
    let machine = machine(None)
        .with("AUDIT_COLD_ACCESS_KEY", "open sesame")
        .with("AUDIT_COLD_LOCK", "governance")
        .with("ARCHIVE_RUN_HOUR_UTC", "25");
    let output = machine.run(&["doctor"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for name in ["AUDIT_COLD_SECRET_KEY: ", "AUDIT_COLD_BUCKET", "AUDIT_COLD_LOCK_DAYS: ", "ARCHIVE_RUN_HOUR_UTC: "] {
        assert!(text.contains(name), "{text}");
    }
    assert!(!text.contains("sesame"), "{text}");
}
