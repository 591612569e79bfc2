//! What a [`Table`] promises.

use crate::{Condition, Key, KeyRange, MAX_ROW_BYTES, MAX_SORT_BYTES, Order, Table, TableError};
use futures_util::future::join_all;

/// Runs every check. `scope` keeps two runs on one store apart.
pub async fn check_all(table: &dyn Table, scope: &str) {
    let p = |name: &str| format!("{scope}-{name}");
    a_row_is_read_as_it_was_written(table, &p("read")).await;
    absent_creates_once(table, &p("absent")).await;
    unchanged_writes_over_that_write_only(table, &p("unchanged")).await;
    any_writes_always(table, &p("any")).await;
    versions_are_never_used_again(table, &p("versions")).await;
    delete_takes_the_version_it_knows(table, &p("delete")).await;
    rows_come_in_the_order_of_their_bytes(table, &p("order")).await;
    ranges_leave_out_their_ends(table, &p("ranges")).await;
    pages_join_without_gap(table, &p("pages")).await;
    partitions_are_apart(table, &p("partitions")).await;
    get_many_keeps_order_and_holes(table, &p("many")).await;
    put_many_writes_all(table, &p("putmany")).await;
    delete_many_takes_the_versions_it_knows(table, &p("deletemany")).await;
    limits_are_refused(table, &p("limits")).await;
    odd_keys_and_values_survive(table, &p("odd")).await;
    one_of_many_racing_creates_wins(table, &p("race")).await;
    racing_updates_lose_nothing(table, &p("cas")).await;
}

async fn put(table: &dyn Table, key: &Key, value: &str, condition: Condition) -> Result<crate::Version, TableError> {
    table.put(key, value.as_bytes().to_vec(), condition).await
}

pub async fn a_row_is_read_as_it_was_written(table: &dyn Table, partition: &str) {
    let key = Key::new(partition, "a");
    assert_eq!(table.get(&key).await, Ok(None));
    let version = put(table, &key, "value", Condition::Absent).await.unwrap();
    let row = table.get(&key).await.unwrap().unwrap();
    assert_eq!((row.key, row.version, row.value), (key, version, b"value".to_vec()));
}

pub async fn absent_creates_once(table: &dyn Table, partition: &str) {
    let key = Key::new(partition, "a");
    put(table, &key, "first", Condition::Absent).await.unwrap();
    let second = put(table, &key, "second", Condition::Absent).await;
    assert!(matches!(second, Err(TableError::Conflict(_))), "{second:?}");
    assert_eq!(table.get(&key).await.unwrap().unwrap().value, b"first");
}

pub async fn unchanged_writes_over_that_write_only(table: &dyn Table, partition: &str) {
    let key = Key::new(partition, "a");
    let missing = put(table, &key, "x", Condition::Unchanged(crate::Version("none".into()))).await;
    assert!(matches!(missing, Err(TableError::Conflict(_))), "{missing:?}");
    let first = put(table, &key, "1", Condition::Absent).await.unwrap();
    let second = put(table, &key, "2", Condition::Unchanged(first.clone())).await.unwrap();
    let stale = put(table, &key, "3", Condition::Unchanged(first)).await;
    assert!(matches!(stale, Err(TableError::Conflict(_))), "{stale:?}");
    let row = table.get(&key).await.unwrap().unwrap();
    assert_eq!((row.version, row.value), (second, b"2".to_vec()));
}

pub async fn any_writes_always(table: &dyn Table, partition: &str) {
    let key = Key::new(partition, "a");
    put(table, &key, "1", Condition::Any).await.unwrap();
    put(table, &key, "2", Condition::Any).await.unwrap();
    assert_eq!(table.get(&key).await.unwrap().unwrap().value, b"2");
}

pub async fn versions_are_never_used_again(table: &dyn Table, partition: &str) {
    let key = Key::new(partition, "a");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let version = put(table, &key, "same", Condition::Absent).await.unwrap();
        assert!(seen.insert(version.0.clone()), "a row created again has an old version");
        let next = put(table, &key, "same", Condition::Unchanged(version)).await.unwrap();
        assert!(seen.insert(next.0.clone()), "the same value written again has an old version");
        table.delete(&key, &next).await.unwrap();
    }
}

pub async fn delete_takes_the_version_it_knows(table: &dyn Table, partition: &str) {
    let key = Key::new(partition, "a");
    let first = put(table, &key, "1", Condition::Absent).await.unwrap();
    let second = put(table, &key, "2", Condition::Unchanged(first.clone())).await.unwrap();
    assert!(matches!(table.delete(&key, &first).await, Err(TableError::Conflict(_))));
    table.delete(&key, &second).await.unwrap();
    assert_eq!(table.get(&key).await, Ok(None));
    assert!(matches!(table.delete(&key, &second).await, Err(TableError::Conflict(_))));
}

async fn sorts(table: &dyn Table, partition: &str, range: KeyRange, order: Order, limit: usize) -> Vec<String> {
    let rows = table.query(partition, &range, order, limit).await.unwrap();
    assert!(rows.iter().all(|row| row.key.partition == partition && row.value == row.key.sort.as_bytes()));
    rows.into_iter().map(|row| row.key.sort).collect()
}

async fn fill(table: &dyn Table, partition: &str, sorts: &[&str]) {
    for sort in sorts {
        put(table, &Key::new(partition, *sort), sort, Condition::Absent).await.unwrap();
    }
}

pub async fn rows_come_in_the_order_of_their_bytes(table: &dyn Table, partition: &str) {
    let ordered =
        ["!", "0", "00", "01", "1", "10", "2", "A", "Z", "a", "a#", "aa", "b", "~", "é", "\u{fb33}", "\u{1f600}"];
    let mut shuffled = ordered;
    shuffled.reverse();
    shuffled.swap(2, 9);
    fill(table, partition, &shuffled).await;
    assert_eq!(sorts(table, partition, KeyRange::all(), Order::Ascending, 100).await, ordered);
    let mut reversed = ordered;
    reversed.reverse();
    assert_eq!(sorts(table, partition, KeyRange::all(), Order::Descending, 100).await, reversed);
}

pub async fn ranges_leave_out_their_ends(table: &dyn Table, partition: &str) {
    fill(table, partition, &["a", "b", "c", "d"]).await;
    let between = KeyRange { after: Some("a".into()), before: Some("d".into()) };
    assert_eq!(sorts(table, partition, between.clone(), Order::Ascending, 9).await, ["b", "c"]);
    assert_eq!(sorts(table, partition, between, Order::Descending, 9).await, ["c", "b"]);
    assert_eq!(sorts(table, partition, KeyRange::after("b"), Order::Ascending, 9).await, ["c", "d"]);
    assert_eq!(sorts(table, partition, KeyRange::before("b"), Order::Descending, 9).await, ["a"]);
    assert_eq!(sorts(table, partition, KeyRange::after("aa"), Order::Ascending, 1).await, ["b"]);
    let nothing = KeyRange { after: Some("d".into()), before: Some("a".into()) };
    assert!(sorts(table, partition, nothing, Order::Ascending, 9).await.is_empty());
    assert!(sorts(table, partition, KeyRange::all(), Order::Ascending, 0).await.is_empty());
}

pub async fn pages_join_without_gap(table: &dyn Table, partition: &str) {
    // Large values, so that a store that pages by bytes has to go on by itself.
    let value = vec![7; 100 * 1024];
    let names: Vec<String> = (0..25).map(|i| format!("{i:03}")).collect();
    for name in &names {
        table.put(&Key::new(partition, name), value.clone(), Condition::Absent).await.unwrap();
    }
    let all = table.query(partition, &KeyRange::all(), Order::Ascending, 100).await.unwrap();
    assert_eq!(all.iter().map(|r| r.key.sort.clone()).collect::<Vec<_>>(), names);
    let mut seen = Vec::new();
    let mut range = KeyRange::all();
    loop {
        let page = table.query(partition, &range, Order::Ascending, 4).await.unwrap();
        seen.extend(page.iter().map(|r| r.key.sort.clone()));
        if page.len() < 4 {
            break;
        }
        range = KeyRange::after(page.last().unwrap().key.sort.clone());
    }
    assert_eq!(seen, names);
}

pub async fn partitions_are_apart(table: &dyn Table, partition: &str) {
    for other in ["", "x", "#", "/a"] {
        put(table, &Key::new(format!("{partition}{other}"), "a"), "a", Condition::Absent).await.unwrap();
    }
    assert_eq!(sorts(table, partition, KeyRange::all(), Order::Ascending, 9).await, ["a"]);
    assert!(table.query(&format!("{partition}-none"), &KeyRange::all(), Order::Ascending, 9).await.unwrap().is_empty());
}

pub async fn get_many_keeps_order_and_holes(table: &dyn Table, partition: &str) {
    let key = |i: usize| Key::new(format!("{partition}{}", i % 3), format!("{i:04}"));
    let rows = (0..250).filter(|i| i % 5 != 0).map(|i| (key(i), i.to_string().into_bytes())).collect();
    table.put_many(rows).await.unwrap();
    let asked: Vec<usize> = (0..250).rev().chain([1, 1]).collect();
    let found = table.get_many(asked.iter().map(|i| key(*i)).collect()).await.unwrap();
    assert_eq!(found.len(), asked.len());
    for (i, row) in asked.iter().zip(found) {
        match row {
            None => assert_eq!(i % 5, 0),
            Some(row) => assert_eq!((row.key, row.value), (key(*i), i.to_string().into_bytes())),
        }
    }
    assert!(table.get_many(Vec::new()).await.unwrap().is_empty());
}

pub async fn put_many_writes_all(table: &dyn Table, partition: &str) {
    let key = |i: usize| Key::new(partition, format!("{i:04}"));
    table.put_many((0..120).map(|i| (key(i), b"old".to_vec())).collect()).await.unwrap();
    table.put_many((60..180).map(|i| (key(i), b"new".to_vec())).collect()).await.unwrap();
    let rows = table.query(partition, &KeyRange::all(), Order::Ascending, 500).await.unwrap();
    assert_eq!(rows.len(), 180);
    assert!(rows.iter().enumerate().all(|(i, row)| row.value == if i < 60 { b"old" } else { b"new" }));
    table.put_many(Vec::new()).await.unwrap();
}

pub async fn delete_many_takes_the_versions_it_knows(table: &dyn Table, partition: &str) {
    let key = |i: usize| Key::new(partition, format!("{i:03}"));
    let mut rows = Vec::new();
    for i in 0..70 {
        rows.push((key(i), put(table, &key(i), "value", Condition::Absent).await.unwrap()));
    }
    put(table, &key(7), "newer", Condition::Any).await.unwrap();
    table.delete(&rows[8].0, &rows[8].1).await.unwrap();
    table.delete_many(rows[..60].to_vec()).await.unwrap();
    table.delete_many(rows[..60].to_vec()).await.unwrap();
    table.delete_many(Vec::new()).await.unwrap();
    let left = table.query(partition, &crate::KeyRange::all(), Order::Ascending, 100).await.unwrap();
    let left: Vec<Key> = left.into_iter().map(|row| row.key).collect();
    assert_eq!(left, [7].into_iter().chain(60..70).map(key).collect::<Vec<_>>());
}

pub async fn limits_are_refused(table: &dyn Table, partition: &str) {
    let largest = vec![1; MAX_ROW_BYTES];
    let key = Key::new(partition, "x".repeat(MAX_SORT_BYTES));
    table.put(&key, largest.clone(), Condition::Absent).await.unwrap();
    assert_eq!(table.get(&key).await.unwrap().unwrap().value, largest);
    for (key, value) in [
        (Key::new(partition, "big"), vec![1; MAX_ROW_BYTES + 1]),
        (Key::new(partition, ""), vec![1]),
        (Key::new("", "a"), vec![1]),
        (Key::new(partition, "x".repeat(MAX_SORT_BYTES + 1)), vec![1]),
    ] {
        let refused = table.put(&key, value.clone(), Condition::Absent).await;
        assert!(matches!(refused, Err(TableError::Rejected(_))), "{key}: {refused:?}");
        let refused = table.put_many(vec![(key.clone(), value)]).await;
        assert!(matches!(refused, Err(TableError::Rejected(_))), "{key}: {refused:?}");
    }
}

pub async fn odd_keys_and_values_survive(table: &dyn Table, partition: &str) {
    for (i, sort) in ["'; --", "%", "_", "*", "\"", "\\", " ", "a\u{0}b", "\u{1f600}", "-", "NULL"].iter().enumerate() {
        let key = Key::new(format!("{partition}'\"%"), *sort);
        let value: Vec<u8> = (0..=255).cycle().take(i * 300).collect();
        table.put(&key, value.clone(), Condition::Absent).await.unwrap();
        assert_eq!(table.get(&key).await.unwrap().unwrap().value, value, "{sort:?}");
    }
}

pub async fn one_of_many_racing_creates_wins(table: &dyn Table, partition: &str) {
    for round in 0..20 {
        let key = Key::new(partition, format!("{round:02}"));
        let names: Vec<String> = (0..16).map(|i| format!("writer {i}")).collect();
        let outcomes = join_all(names.iter().map(|name| put(table, &key, name, Condition::Absent))).await;
        let winners: Vec<_> = names.iter().zip(&outcomes).filter(|(_, o)| o.is_ok()).map(|(n, _)| n).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        assert!(outcomes.iter().all(|o| matches!(o, Ok(_) | Err(TableError::Conflict(_)))));
        assert_eq!(table.get(&key).await.unwrap().unwrap().value, winners[0].as_bytes());
    }
}

pub async fn racing_updates_lose_nothing(table: &dyn Table, partition: &str) {
    let key = Key::new(partition, "counter");
    put(table, &key, "0", Condition::Absent).await.unwrap();
    let add_one = || async {
        loop {
            let row = table.get(&key).await.unwrap().unwrap();
            let count: u32 = String::from_utf8(row.value).unwrap().parse().unwrap();
            match put(table, &key, &(count + 1).to_string(), Condition::Unchanged(row.version)).await {
                Ok(_) => return,
                Err(TableError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    join_all((0..40).map(|_| add_one())).await;
    assert_eq!(table.get(&key).await.unwrap().unwrap().value, b"40");
}
