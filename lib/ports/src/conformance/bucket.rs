//! What a [`Bucket`] promises.

use crate::{Bucket, BucketError, MAX_KEY_BYTES};

/// Runs every check below `scope`, a prefix of its own.
pub async fn check_all(bucket: &dyn Bucket, scope: &str) {
    check_all_but_delete(bucket, scope).await;
    deleting_twice_is_no_error(bucket, &format!("{scope}/delete")).await;
}

/// The same of a bucket that locks what is put into it.
pub async fn check_locked(bucket: &dyn Bucket, scope: &str) {
    check_all_but_delete(bucket, scope).await;
    what_is_locked_stays(bucket, &format!("{scope}/locked")).await;
}

async fn check_all_but_delete(bucket: &dyn Bucket, scope: &str) {
    let p = |name: &str| format!("{scope}/{name}");
    an_object_is_read_as_it_was_put(bucket, &p("read")).await;
    the_same_bytes_may_be_put_again(bucket, &p("again")).await;
    ranges_end_where_the_object_ends(bucket, &p("range")).await;
    listings_are_ordered_and_page(bucket, &p("list")).await;
    bad_keys_are_refused(bucket, &p("keys")).await;
}

pub async fn an_object_is_read_as_it_was_put(bucket: &dyn Bucket, prefix: &str) {
    for (name, bytes) in [("empty", Vec::new()), ("small", b"abc".to_vec()), ("large", vec![5; 3 * 1024 * 1024])] {
        let key = format!("{prefix}/{name}.bin");
        assert_eq!(bucket.get(&key).await, Ok(None));
        assert_eq!(bucket.head(&key).await, Ok(None));
        bucket.put(&key, &bytes).await.unwrap();
        assert_eq!(bucket.get(&key).await.unwrap().unwrap(), bytes);
        let meta = bucket.head(&key).await.unwrap().unwrap();
        assert_eq!((meta.key, meta.size), (key, bytes.len() as u64));
    }
}

pub async fn the_same_bytes_may_be_put_again(bucket: &dyn Bucket, prefix: &str) {
    let key = format!("{prefix}/x");
    for _ in 0..3 {
        bucket.put(&key, b"same").await.unwrap();
    }
    assert_eq!(bucket.get(&key).await.unwrap().unwrap(), b"same");
    assert_eq!(bucket.list(prefix, None, 10).await.unwrap().len(), 1);
}

pub async fn ranges_end_where_the_object_ends(bucket: &dyn Bucket, prefix: &str) {
    let key = format!("{prefix}/x");
    bucket.put(&key, b"0123456789").await.unwrap();
    for (offset, length, wanted) in [(0, 3, "012"), (3, 4, "3456"), (8, 10, "89"), (10, 1, ""), (12, 5, ""), (2, 0, "")]
    {
        let range = bucket.get_range(&key, offset, length).await.unwrap().unwrap();
        assert_eq!(String::from_utf8(range).unwrap(), wanted, "{offset}+{length}");
    }
    assert_eq!(bucket.get_range(&format!("{prefix}/none"), 0, 1).await, Ok(None));
}

pub async fn listings_are_ordered_and_page(bucket: &dyn Bucket, prefix: &str) {
    // Byte order, in which `/` and `.` and `-` stand before letters; a directory walk would differ.
    let names = ["a-b/1", "a.b", "a/1", "a/10", "a/2", "a0", "aa/x/y", "b"];
    for name in names.iter().rev() {
        bucket.put(&format!("{prefix}/{name}"), name.as_bytes()).await.unwrap();
    }
    bucket.put(&format!("{prefix}x"), b"a neighbour").await.unwrap();
    let all = bucket.list(&format!("{prefix}/"), None, 100).await.unwrap();
    let wanted: Vec<String> = names.iter().map(|n| format!("{prefix}/{n}")).collect();
    assert_eq!(all.iter().map(|m| m.key.clone()).collect::<Vec<_>>(), wanted);
    assert!(all.iter().zip(names).all(|(meta, name)| meta.size == name.len() as u64));
    let mut paged = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = bucket.list(&format!("{prefix}/"), after.as_deref(), 3).await.unwrap();
        paged.extend(page.iter().map(|m| m.key.clone()));
        if page.len() < 3 {
            break;
        }
        after = page.last().map(|m| m.key.clone());
    }
    assert_eq!(paged, wanted);
    let within: Vec<_> = bucket.list(&format!("{prefix}/a/1"), None, 9).await.unwrap();
    assert_eq!(within.len(), 2, "a prefix need not end at a slash");
    assert!(bucket.list(&format!("{prefix}/none/"), None, 9).await.unwrap().is_empty());
}

pub async fn deleting_twice_is_no_error(bucket: &dyn Bucket, prefix: &str) {
    let key = format!("{prefix}/deep/x");
    bucket.put(&key, b"x").await.unwrap();
    bucket.delete(&key).await.unwrap();
    bucket.delete(&key).await.unwrap();
    assert_eq!(bucket.get(&key).await, Ok(None));
    assert!(bucket.list(prefix, None, 9).await.unwrap().is_empty());
}

pub async fn what_is_locked_stays(bucket: &dyn Bucket, prefix: &str) {
    let key = format!("{prefix}/x");
    bucket.put(&key, b"x").await.unwrap();
    for _ in 0..2 {
        let refused = bucket.delete(&key).await;
        assert!(matches!(refused, Err(BucketError::Rejected(_))), "{refused:?}");
        assert_eq!(bucket.get(&key).await.unwrap().unwrap(), b"x");
    }
    assert_eq!(bucket.delete(&format!("{prefix}/none")).await, Ok(()));
}

pub async fn bad_keys_are_refused(bucket: &dyn Bucket, prefix: &str) {
    for bad in ["", "/", "a//b", "../x", "a/../b", "a/.", "/etc/passwd", "a/", "a b", "é", "a\\b", "a\u{0}"] {
        let refused = bucket.put(bad, b"x").await;
        assert!(matches!(refused, Err(BucketError::Rejected(_))), "{bad:?}: {refused:?}");
    }
    let long = format!("{prefix}/{}", "x".repeat(MAX_KEY_BYTES));
    assert!(matches!(bucket.put(&long, b"x").await, Err(BucketError::Rejected(_))));
}
