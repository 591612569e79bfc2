//! A bucket with credentials, encryption and locks that settings of its own ask for: each bad day is one line that
//! names them.

use crate::scripted::fresh_name;
use adapters_aws::{Access, S3Bucket, SettingNames, StaticKeys};
use ports::conformance::bucket::check_locked;
use ports::{Bucket, BucketError, Probe, Verdict};
use stores::front::{Front, Manner};

const SETTING: &str = "AUDIT_COLD_BUCKET";
const NAMES: SettingNames = SettingNames {
    credentials: "AUDIT_COLD_ACCESS_KEY and AUDIT_COLD_SECRET_KEY",
    encryption: "AUDIT_COLD_SSE",
    lock: "AUDIT_COLD_LOCK",
};
const LOCK: &str = "&lock=compliance&lock-days=2";

fn access(access_key: &str, secret_key: &str) -> Access {
    let keys = StaticKeys { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() };
    Access { keys: Some(keys), names: NAMES }
}

fn open(name: &str, endpoint: &str, more: &str, access: &Access) -> S3Bucket {
    S3Bucket::open_with(SETTING, &format!("s3://{name}?endpoint={endpoint}{more}"), access).unwrap()
}

async fn fresh(endpoint: &str, more: &str) -> (String, S3Bucket) {
    let name = fresh_name("archives");
    let bucket = open(&name, endpoint, more, &access("test", "test"));
    bucket.create().await.unwrap();
    (name, bucket)
}

/// The S3 servers that are there: Ceph need not be.
fn servers() -> Vec<String> {
    [Some(stores::server("DEZKY_TEST_S3")), stores::optional_server("DEZKY_TEST_CEPH")].into_iter().flatten().collect()
}

/// The line of a refusal for good.
fn refused(outcome: &Result<(), BucketError>) -> &str {
    let Err(BucketError::Rejected(text)) = outcome else { panic!("{outcome:?}") };
    assert!(text.starts_with("AUDIT_COLD_BUCKET: ") && !text.contains('\n'), "{text}");
    text
}

#[tokio::test]
async fn keys_of_its_own_are_used_and_named_where_they_are_refused() {
    for endpoint in servers() {
        let (name, bucket) = fresh(&endpoint, "").await;
        bucket.put("x", b"x").await.unwrap();
        let nobody = open(&name, &endpoint, "", &access("nobody", "open-sesame"));
        for outcome in [nobody.put("x", b"x").await, nobody.get("x").await.map(drop), nobody.delete("x").await] {
            let text = refused(&outcome);
            assert!(text.contains("check AUDIT_COLD_ACCESS_KEY and AUDIT_COLD_SECRET_KEY"), "{text}");
            assert!(!text.contains("open-sesame"), "{text}");
        }
        assert!(!format!("{nobody:?}").contains("open-sesame"));
        assert_eq!(bucket.get("x").await.unwrap().unwrap(), b"x");
    }
    // A wrong secret, for a server that checks it.
    if let Some(endpoint) = stores::optional_server("DEZKY_TEST_CEPH") {
        let (name, _) = fresh(&endpoint, "").await;
        let guessed = open(&name, &endpoint, "", &access("test", "guessed")).put("x", b"x").await;
        assert!(refused(&guessed).contains("SignatureDoesNotMatch"), "{guessed:?}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_named() {
    for endpoint in servers() {
        let gone = open(&fresh_name("gone"), &endpoint, LOCK, &access("test", "test"));
        for outcome in [gone.put("x", b"x").await, gone.get("x").await.map(drop), gone.delete("x").await] {
            let text = refused(&outcome);
            assert!(text.contains("there is no bucket `gone-") && text.contains("`dezky migrate`"), "{text}");
        }
    }
}

/// Ceph has no keys here; what MinIO says without any is played back.
#[tokio::test]
async fn encryption_that_is_refused_names_its_setting() {
    let front = Front::before(&stores::server("DEZKY_TEST_S3")).await;
    let (_, bucket) = fresh(&front.endpoint, "&sse=AES256").await;
    let mut said = Vec::new();
    for (status, body) in [
        (
            501,
            "<Error><Code>NotImplemented</Code><Message>Server side encryption specified but KMS is not configured</Message></Error>",
        ),
        (400, "<Error><Code>InvalidEncryptionAlgorithmError</Code></Error>"),
        (400, "<Error><Code>InvalidRequest</Code></Error>"),
    ] {
        for bytes in [vec![1], vec![1; 17 * 1024 * 1024]] {
            front.next(1, Manner::Says(status, body));
            said.push(bucket.put("x", &bytes).await);
        }
    }
    if let Some(endpoint) = stores::optional_server("DEZKY_TEST_CEPH") {
        let (_, bucket) = fresh(&endpoint, "&sse=AES256").await;
        said.push(bucket.put("x", b"x").await);
        assert_eq!(bucket.get("x").await, Ok(None));
    }
    for outcome in &said {
        let text = refused(outcome);
        assert!(text.contains("AUDIT_COLD_SSE is set to AES256: leave it out, or give that service keys"), "{text}");
    }
    // Where it is taken, an object shows it.
    bucket.put("x", b"x").await.unwrap();
    assert_eq!(bucket.get("x").await.unwrap().unwrap(), b"x");
}

#[tokio::test]
async fn a_lock_that_the_bucket_does_not_take_names_its_setting() {
    for endpoint in servers() {
        let (name, _) = fresh(&endpoint, "").await;
        let locking = open(&name, &endpoint, LOCK, &access("test", "test"));
        for bytes in [vec![1], vec![1; 17 * 1024 * 1024]] {
            let outcome = locking.put("x", &bytes).await;
            let text = refused(&outcome);
            assert!(text.contains("AUDIT_COLD_LOCK is set, and a bucket has to be made with object lock"), "{text}");
        }
        let findings = locking.findings().await;
        let lock = findings.iter().find(|finding| finding.check == "object lock").unwrap();
        assert_eq!(lock.verdict, Verdict::Unfit, "{findings:?}");
        assert_eq!(lock.seen, "AUDIT_COLD_LOCK is set, and the bucket has no object lock");
    }
}

#[tokio::test]
async fn what_is_locked_can_be_read_and_not_be_deleted() {
    for endpoint in servers() {
        let (name, bucket) = fresh(&endpoint, LOCK).await;
        check_locked(&bucket, "b").await;
        bucket.put("x", b"x").await.unwrap();
        let outcome = bucket.delete("x").await;
        let text = refused(&outcome);
        assert!(text.contains("the object `x` is locked in COMPLIANCE mode until 20"), "{text}");
        // Nor by somebody who asks for no lock.
        let unlocking = open(&name, &endpoint, "", &access("test", "test"));
        refused(&unlocking.delete("x").await);
        assert_eq!(bucket.get("x").await.unwrap().unwrap(), b"x");
    }
}

/// A delete that names no version would leave all bytes there, under a marker.
#[tokio::test]
async fn what_is_deleted_is_gone_with_all_its_versions() {
    for endpoint in servers() {
        let front = Front::before(&endpoint).await;
        let (name, _) = fresh(&front.endpoint, LOCK).await;
        let bucket = open(&name, &front.endpoint, "", &access("test", "test"));
        for _ in 0..3 {
            bucket.put("x", b"x").await.unwrap();
        }
        front.take_requests();
        bucket.delete("x").await.unwrap();
        let deletes: Vec<String> =
            front.take_requests().into_iter().filter(|line| line.starts_with("DELETE ")).collect();
        assert!(deletes.len() == 3 && deletes.iter().all(|line| line.contains("versionId=")), "{deletes:?}");
        assert_eq!(bucket.get("x").await, Ok(None));
        // In a bucket without versions it is one request that names none.
        let (_, plain) = fresh(&front.endpoint, "").await;
        plain.put("x", b"x").await.unwrap();
        front.take_requests();
        plain.delete("x").await.unwrap();
        let deletes: Vec<String> =
            front.take_requests().into_iter().filter(|line| line.starts_with("DELETE ")).collect();
        assert!(deletes.len() == 1 && !deletes[0].contains("versionId="), "{deletes:?}");
        assert_eq!(plain.get("x").await, Ok(None));
    }
}
