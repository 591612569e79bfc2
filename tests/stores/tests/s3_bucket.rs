//! The bucket on an S3 API.

use crate::scripted::fresh_name;
use adapters_aws::{S3Bucket, S3Table};
use ports::conformance::bucket;
use ports::{Bucket, BucketError, Finding, Probe, Verdict};
use stores::front::{Front, Manner};

const SETTING: &str = "BUCKET_URL";

fn open_with(name: &str, endpoint: &str, more: &str) -> S3Bucket {
    S3Bucket::open(SETTING, &format!("s3://{name}/some/where?endpoint={endpoint}{more}")).unwrap()
}

async fn fresh(more: &str) -> (String, S3Bucket) {
    let name = fresh_name("objects");
    let bucket = open_with(&name, &stores::server("DEZKY_TEST_S3"), more);
    bucket.create().await.unwrap();
    (name, bucket)
}

async fn behind_a_front() -> (Front, S3Bucket) {
    let (name, _) = fresh("").await;
    let front = Front::before(&stores::server("DEZKY_TEST_S3")).await;
    let bucket = open_with(&name, &front.endpoint, "");
    (front, bucket)
}

fn found<'f>(findings: &'f [Finding], check: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("no `{check}` in {findings:?}"))
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_bucket() {
    let (_, bucket) = fresh("").await;
    bucket::check_all(&bucket, "b").await;
    let (_, bucket) = fresh("&checksum=when_supported&sse=AES256").await;
    bucket::check_all(&bucket, "b").await;
}

/// The gateway of European providers, where there is one; it checks signatures, too.
#[tokio::test]
async fn it_keeps_them_on_ceph() {
    let Some(endpoint) = stores::optional_server("DEZKY_TEST_CEPH") else { return };
    for more in ["", "&checksum=when_supported", "&lock=governance&lock-days=1"] {
        let bucket = open_with(&fresh_name("objects"), &endpoint, more);
        bucket.create().await.unwrap();
        if more.contains("lock") {
            bucket::check_locked(&bucket, "b").await;
        } else {
            bucket::check_all(&bucket, "b").await;
        }
        let large = vec![3; 20 * 1024 * 1024];
        bucket.put("large", &large).await.unwrap();
        assert!(bucket.get("large").await.unwrap().unwrap() == large);
        let findings = bucket.findings().await;
        assert!(findings.iter().all(|finding| finding.verdict != Verdict::Unfit), "{findings:?}");
        // In a bucket with lock, and so with versions, it lets several creates win: no place for a table.
        if !more.contains("lock") {
            assert_eq!(found(&findings, "racing creates").verdict, Verdict::Good, "{findings:?}");
        }
    }
    // This one has no keys to encrypt with, and says so.
    let bucket = open_with(&fresh_name("objects"), &endpoint, "&sse=AES256");
    bucket.create().await.unwrap();
    let findings = bucket.findings().await;
    assert!(findings.len() == 1 && findings[0].mend.starts_with("`sse=` is set"), "{findings:?}");
}

#[tokio::test]
async fn prefixes_are_apart_and_a_bucket_may_be_made_twice() {
    let (name, one) = fresh("").await;
    one.create().await.unwrap();
    let endpoint = stores::server("DEZKY_TEST_S3");
    let all = S3Bucket::open(SETTING, &format!("s3://{name}?endpoint={endpoint}")).unwrap();
    one.put("a/b", b"x").await.unwrap();
    all.put("other", b"y").await.unwrap();
    let keys = async |bucket: &S3Bucket, prefix: &str, after: Option<&str>| {
        let listed = bucket.list(prefix, after, 10).await.unwrap();
        listed.into_iter().map(|meta| meta.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&one, "", None).await, ["a/b"]);
    assert_eq!(keys(&all, "", None).await, ["other", "some/where/a/b"]);
    assert_eq!(keys(&all, "some", Some("a")).await, ["some/where/a/b"]);
    assert_eq!(keys(&all, "some", Some("some")).await, ["some/where/a/b"]);
    assert!(keys(&all, "oth", Some("p")).await.is_empty());
    assert!(keys(&all, "other", Some("other")).await.is_empty());
}

#[tokio::test]
async fn listings_go_on_behind_a_page() {
    let (_, bucket) = fresh("").await;
    let names: Vec<String> = (0..1100).map(|i| format!("n/{i:04}")).collect();
    for some in names.chunks(50) {
        futures_util::future::try_join_all(some.iter().map(|name| bucket.put(name, b""))).await.unwrap();
    }
    let listed = bucket.list("n/", None, 5000).await.unwrap();
    assert_eq!(listed.into_iter().map(|meta| meta.key).collect::<Vec<_>>(), names);
    assert_eq!(bucket.list("n/", Some("n/0009"), 1050).await.unwrap().len(), 1050);
}

/// Forty mebibytes go in parts.
#[tokio::test]
async fn a_large_object_comes_back_whole_and_in_ranges() {
    let (front, bucket) = behind_a_front().await;
    let large: Vec<u8> = (0..40 * 1024 * 1024_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    bucket.put("large", &large).await.unwrap();
    let parts = front.take_requests().iter().filter(|line| line.contains("partNumber=")).count();
    assert_eq!(parts, 5);
    assert!(bucket.get("large").await.unwrap().unwrap() == large);
    assert_eq!(bucket.head("large").await.unwrap().unwrap().size, large.len() as u64);
    for (offset, length) in [(0, 10), (8 * 1024 * 1024 - 5, 10), (large.len() - 3, 10)] {
        let range = bucket.get_range("large", offset as u64, length).await.unwrap().unwrap();
        assert_eq!(range, large[offset..large.len().min(offset + 10)]);
    }
    assert_eq!(bucket.get_range("large", u64::MAX, u64::MAX).await.unwrap(), Some(Vec::new()));
}

#[tokio::test]
async fn parts_of_an_upload_that_failed_are_taken_away() {
    let (front, bucket) = behind_a_front().await;
    // The upload is begun, then nothing goes any more.
    let large = vec![7; 17 * 1024 * 1024];
    let put = bucket.put("large", &large);
    let spoil = async {
        loop {
            if front.requests() > 0 {
                return front.next(4, Manner::Says(500, ""));
            }
            tokio::task::yield_now().await;
        }
    };
    let (outcome, ()) = tokio::join!(put, spoil);
    assert!(matches!(outcome, Err(BucketError::Unavailable(_))), "{outcome:?}");
    assert!(front.take_requests().iter().any(|line| line.starts_with("DELETE ") && line.contains("uploadId=")));
}

#[tokio::test]
async fn a_damaged_object_is_not_handed_out() {
    let (front, bucket) = behind_a_front().await;
    bucket.put("a/x", b"as it was").await.unwrap();
    front.next(1, Manner::Damages);
    let read = bucket.get("a/x").await;
    let Err(BucketError::Unavailable(text)) = &read else { panic!("{read:?}") };
    assert!(text.starts_with("BUCKET_URL: the object `a/x` is not as it was put: its SHA-256 is "), "{text}");
    assert_eq!(bucket.get("a/x").await.unwrap().unwrap(), b"as it was");
}

#[tokio::test]
async fn locked_objects_are_put_with_their_retention() {
    let (name, bucket) = fresh("&lock=governance&lock-days=2").await;
    bucket.put("x", b"x").await.unwrap();
    bucket.put("x", b"x").await.unwrap();
    bucket.put("large", &vec![1; 17 * 1024 * 1024]).await.unwrap();
    assert_eq!(bucket.get("x").await.unwrap().unwrap(), b"x");
    let findings = bucket.findings().await;
    let lock = found(&findings, "object lock");
    assert_eq!((lock.verdict, lock.seen.as_str()), (Verdict::Good, "objects are put in GOVERNANCE mode for 2 days"));
    // A bucket that was made without it.
    let (other, _) = fresh("").await;
    assert_ne!(name, other);
    let asked = open_with(&other, &stores::server("DEZKY_TEST_S3"), "&lock=compliance&lock-days=1");
    let findings = asked.findings().await;
    assert_eq!(found(&findings, "object lock").verdict, Verdict::Unfit);
}

#[tokio::test]
async fn what_cannot_be_mended_here_is_one_clear_line() {
    let endpoint = stores::server("DEZKY_TEST_S3");
    let nobody = open_with(&fresh_name("nobody"), &endpoint, "");
    let ranges = nobody.get_range("x", 0, 0).await.map(drop);
    for outcome in
        [nobody.put("x", b"x").await, nobody.get("x").await.map(drop), nobody.head("x").await.map(drop), ranges]
    {
        let Err(BucketError::Rejected(text)) = &outcome else { panic!("{outcome:?}") };
        assert!(text.starts_with("BUCKET_URL: there is no bucket `nobody-"), "{text}");
        assert!(text.contains("make it with `dezky migrate`"), "{text}");
    }
    let (front, bucket) = behind_a_front().await;
    for (status, body, said) in [
        (403, "<Error><Code>InvalidAccessKeyId</Code></Error>", "the credentials are refused"),
        (403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "the clock of this machine"),
        (404, "<html>not here</html>", "does not speak this API"),
    ] {
        front.next(2, Manner::Says(status, body));
        for outcome in [bucket.put("x", b"x").await, bucket.get("x").await.map(drop)] {
            let Err(BucketError::Rejected(text)) = &outcome else { panic!("{outcome:?}") };
            assert!(text.starts_with("BUCKET_URL: ") && text.contains(said), "{text}");
        }
    }
    front.next(1, Manner::Says(403, ""));
    let head = bucket.head("x").await;
    assert!(
        matches!(&head, Err(BucketError::Rejected(text)) if text.contains("the credentials are refused")),
        "{head:?}"
    );
}

/// The answer to a HEAD says no more than 404.
#[tokio::test]
async fn the_bucket_of_a_missing_object_is_looked_for_once() {
    let (front, bucket) = behind_a_front().await;
    front.after(1, 1, Manner::Says(500, ""));
    let head = bucket.head("x").await;
    assert!(matches!(head, Err(BucketError::Unavailable(_))), "{head:?}");
    front.take_requests();
    for requests in [2, 1, 1] {
        assert_eq!(bucket.head("x").await, Ok(None));
        assert_eq!(front.take_requests().len(), requests);
    }
    // Who may not look at the bucket has one.
    let bucket = open_with("somebucket", &front.endpoint, "");
    front.after(1, 1, Manner::Says(403, ""));
    assert_eq!(bucket.head("x").await, Ok(None));
}

#[tokio::test]
async fn the_time_of_an_earlier_answer_is_none() {
    let (front, bucket) = behind_a_front().await;
    bucket.put("x", b"x").await.unwrap();
    front.next(1, Manner::Cuts);
    let time = bucket.time().await;
    assert!(matches!(&time, Err(text) if text.starts_with("BUCKET_URL: ")), "{time:?}");
    assert!(bucket.time().await.unwrap().is_some());
}

#[tokio::test]
async fn what_may_pass_is_unavailable() {
    for (endpoint, said) in [
        ("http://nonexistent.invalid", "the host `nonexistent.invalid` is not known (DNS)"),
        ("http://127.0.0.1:1", "nobody listens at http://127.0.0.1:1 (connection refused)"),
    ] {
        let outcome = open_with("somebucket", endpoint, "").put("x", b"x").await;
        let Err(BucketError::Unavailable(text)) = &outcome else { panic!("{outcome:?}") };
        assert!(text.starts_with("BUCKET_URL: ") && text.contains(said), "{text}");
    }
    let (front, bucket) = behind_a_front().await;
    front.next(1, Manner::Cuts);
    let outcome = bucket.put("cut", b"x").await;
    assert!(matches!(outcome, Err(BucketError::Unavailable(_))), "{outcome:?}");
    assert_eq!(bucket.get("cut").await.unwrap().unwrap(), b"x", "it was done all the same");
    front.next(2, Manner::Says(503, "<Error><Code>SlowDown</Code></Error>"));
    bucket.put("slow", b"x").await.unwrap();
    // Another write of the same object is under way.
    for code in ["OperationAborted", "ConcurrentModification", "ConditionalRequestConflict"] {
        let conflict = Manner::Says(409, format!("<Error><Code>{code}</Code></Error>").leak());
        front.next(2, conflict);
        bucket.put("raced", b"x").await.unwrap();
        // It looks for versions first.
        front.after(1, 2, conflict);
        bucket.delete("raced").await.unwrap();
        assert_eq!(bucket.get("raced").await, Ok(None));
    }
    let conflict = Manner::Says(409, "<Error><Code>OperationAborted</Code></Error>");
    let large = vec![7; 17 * 1024 * 1024];
    // It begins, sends three parts, and completes.
    for request in [0, 2, 4] {
        front.after(request, 1, conflict);
        bucket.put("large", &large).await.unwrap();
    }
    front.next(1, Manner::Says(400, "<Error><Code>RequestTimeout</Code></Error>"));
    let outcome = bucket.put("late", b"x").await;
    assert!(matches!(&outcome, Err(BucketError::Unavailable(text)) if text.contains("RequestTimeout")), "{outcome:?}");
    front.next(99, Manner::Says(503, "<Error><Code>SlowDown</Code></Error>"));
    let outcome = bucket.put("slower", b"x").await;
    assert!(matches!(&outcome, Err(BucketError::Unavailable(text)) if text.contains("is busy")), "{outcome:?}");
}

#[tokio::test]
async fn a_good_store_is_found_good_and_left_clean() {
    let (_, bucket) = fresh("&sse=AES256&checksum=when_supported").await;
    let findings = bucket.findings().await;
    for check in
        ["bucket", "conditional create", "racing creates", "conditional replace", "checksum mode", "encryption"]
    {
        assert_eq!(found(&findings, check).verdict, Verdict::Good, "{:?}", found(&findings, check));
    }
    assert!(findings.iter().all(|finding| finding.verdict != Verdict::Unfit), "{findings:?}");
    assert!(bucket.list("", None, 10).await.unwrap().is_empty());
    assert!(bucket.time().await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_that_ignores_conditions_holds_objects_but_no_table() {
    let (front, bucket) = behind_a_front().await;
    front.next(usize::MAX, Manner::Deaf);
    let findings = bucket.findings().await;
    let race = found(&findings, "racing creates");
    assert_eq!(race.verdict, Verdict::Lacks);
    assert_eq!(race.seen, "16 of 16 racing creates won: this store ignores `If-None-Match`");
    assert_eq!(race.mend, "it can hold objects, but no table: keep TABLE_URL on postgres: or dynamodb:");
    assert!(findings.iter().all(|finding| finding.verdict != Verdict::Unfit), "{findings:?}");
    let name = fresh_name("rows");
    let table = S3Table::open("TABLE_URL", &format!("s3://{name}?endpoint={}", front.endpoint)).unwrap();
    table.create().await.unwrap();
    let findings = table.findings().await;
    for check in ["conditional create", "racing creates", "conditional replace"] {
        assert_eq!(found(&findings, check).verdict, Verdict::Unfit, "{findings:?}");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_one_finding() {
    let findings = open_with("somebucket", "http://127.0.0.1:1", "").findings().await;
    assert_eq!((findings.len(), findings[0].verdict), (1, Verdict::Unfit));
    assert!(findings[0].seen.contains("nobody listens at http://127.0.0.1:1"), "{findings:?}");
    assert!(open_with("somebucket", "http://127.0.0.1:1", "").time().await.is_err());
}

/// The bucket in the name of the host; how addresses are made is tested in the adapter.
#[tokio::test]
async fn both_styles_of_addresses_are_spoken() {
    let (name, bucket) = fresh("").await;
    bucket.put("x", b"x").await.unwrap();
    let endpoint = stores::server("DEZKY_TEST_S3").replace("127.0.0.1", "localhost");
    let by_host = open_with(&name, &endpoint, "&style=vhost");
    match by_host.get("x").await {
        Ok(found) => assert_eq!(found.unwrap(), b"x"),
        // Not every machine knows names below `localhost`; then this is at least how it was addressed.
        Err(error) => assert!(error.to_string().contains("is not known (DNS)"), "{error}"),
    }
}
