//! What is asked of a bucket, on two connections. Nothing is decided by a bucket, so that a store
//! without conditional writes is good enough.

use ports::{Bucket, BucketError, Finding};

/// Bytes of the object: small, since where objects are locked it stays.
const SIZE: usize = 4_000;

/// Everything. `token` names this run.
pub async fn bucket(first: &dyn Bucket, second: &dyn Bucket, token: &str) -> Vec<Finding> {
    let prefix = format!("_probe/{token}");
    match trip(first, second, &prefix).await {
        Ok(findings) => findings,
        Err((check, error)) => vec![Finding::unfit(check, error.to_string(), "mend that, and ask again")],
    }
}

type Trip<T> = Result<T, (&'static str, BucketError)>;

async fn trip(first: &dyn Bucket, second: &dyn Bucket, prefix: &str) -> Trip<Vec<Finding>> {
    let at = |check: &'static str| move |error| (check, error);
    let key = |name: &str| format!("{prefix}/{name}");
    let bytes: Vec<u8> = (0..=255).cycle().take(SIZE).collect();
    first.put(&key("b"), &bytes).await.map_err(at("put"))?;
    first.put(&key("b"), &bytes).await.map_err(at("put"))?;
    first.put(&key("a-1"), b"1").await.map_err(at("put"))?;
    let whole = second.get(&key("b")).await.map_err(at("get"))?;
    let range = second.get_range(&key("b"), 256, 512).await.map_err(at("range"))?;
    let head = second.head(&key("b")).await.map_err(at("head"))?;
    let listed = second.list(&key(""), None, 10).await.map_err(at("list"))?;
    let behind = second.list(&key(""), Some(&key("a-1")), 10).await.map_err(at("list"))?;
    for name in ["a-1", "b"] {
        first.delete(&key(name)).await.map_err(at("delete"))?;
    }
    let gone = second.get(&key("b")).await.map_err(at("delete"))?;
    let missing = second.head(&key("none")).await.map_err(at("head"))?;
    let keys = |listed: &[ports::ObjectMeta]| listed.iter().map(|meta| meta.key.clone()).collect::<Vec<_>>();
    Ok([
        (
            "put and get",
            whole.as_deref() == Some(&bytes[..]),
            "an object is read as it was put, by a second connection",
        ),
        ("range", range.as_deref() == Some(&bytes[256..768]), "a part of an object is read alone"),
        (
            "head",
            head.is_some_and(|meta| meta.size == SIZE as u64) && missing.is_none(),
            "an object's length is known, and none is no error",
        ),
        (
            "list",
            keys(&listed) == [key("a-1"), key("b")] && keys(&behind) == [key("b")],
            "objects are listed in order, and from a place on",
        ),
        ("delete", gone.is_none(), "a deleted object is gone at once"),
    ]
    .map(|(check, right, sentence)| judge(check, right, sentence))
    .into())
}

fn judge(check: &'static str, right: bool, sentence: &str) -> Finding {
    if right {
        Finding::good(check, sentence)
    } else {
        let mend = "this store is not what the S3 API promises: choose another BUCKET_URL";
        Finding::unfit(check, format!("it does not hold that {sentence}"), mend)
    }
}
