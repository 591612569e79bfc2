//! What is asked of a bucket, on two connections. Nothing is decided by a bucket, so that a store
//! without conditional writes is good enough.

use ports::{Bucket, BucketError, Finding};

/// Bytes of the object: small, since where objects are locked it stays.
const SIZE: usize = 4_000;

/// What is asked of whom.
#[derive(Clone, Copy)]
pub struct BucketSubject<'b> {
    /// The setting that names it.
    pub setting: &'static str,
    /// One connection to it.
    pub first: &'b dyn Bucket,
    /// Another one.
    pub second: &'b dyn Bucket,
    /// The setting that has objects locked, where they are: then a delete has to be refused.
    pub lock: Option<&'static str>,
}

/// Everything. `token` names this run.
pub async fn bucket(subject: BucketSubject<'_>, token: &str) -> Vec<Finding> {
    let prefix = format!("_probe/{token}");
    match trip(subject, &prefix).await {
        Ok(findings) => findings,
        Err((check, error)) => vec![Finding::unfit(check, error.to_string(), "mend that, and ask again")],
    }
}

type Trip<T> = Result<T, (&'static str, BucketError)>;

async fn trip(subject: BucketSubject<'_>, prefix: &str) -> Trip<Vec<Finding>> {
    let BucketSubject { setting, first, second, lock } = subject;
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
    let mut refused = None;
    for name in ["a-1", "b"] {
        match first.delete(&key(name)).await {
            Err(BucketError::Rejected(why)) => refused = Some(why),
            outcome => outcome.map_err(at("delete"))?,
        }
    }
    let left = second.get(&key("b")).await.map_err(at("delete"))?;
    let missing = second.head(&key("none")).await.map_err(at("head"))?;
    let keys = |listed: &[ports::ObjectMeta]| listed.iter().map(|meta| meta.key.clone()).collect::<Vec<_>>();
    let deleting = match (lock, refused) {
        (None, None) => judge(setting, "delete", left.is_none(), "a deleted object is gone at once"),
        // The bucket may lock by itself; all that is ever deleted are archives that have expired.
        (None, Some(why)) => {
            let mend = "right where the bucket locks by itself; else let this program delete what it puts";
            Finding::lacks("delete", why, mend)
        }
        (Some(_), Some(_)) if left.is_some() => {
            Finding::good("locked", "an object that is locked is not deleted, and stays readable")
        }
        (Some(lock), _) => Finding::unfit(
            "locked",
            "an object was deleted that should be locked: this store takes a lock and does not keep it",
            format!("choose another {setting}, or take {lock} off and trust in who may delete"),
        ),
    };
    let mut findings: Vec<Finding> = [
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
    ]
    .map(|(check, right, sentence)| judge(setting, check, right, sentence))
    .into();
    findings.push(deleting);
    Ok(findings)
}

fn judge(setting: &str, check: &'static str, right: bool, sentence: &str) -> Finding {
    if right {
        Finding::good(check, sentence)
    } else {
        let mend = format!("this store is not what the S3 API promises: choose another {setting}");
        Finding::unfit(check, format!("it does not hold that {sentence}"), mend)
    }
}
