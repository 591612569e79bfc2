//! A row as an item: `partition`, `sort`, `version`, `body`.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use ports::{Key, Row, Version};
use std::collections::HashMap;

/// Where the row is kept.
pub(super) const PARTITION: &str = "partition";
/// Its order within.
pub(super) const SORT: &str = "sort";
/// The write that made it.
pub(super) const VERSION: &str = "version";
/// Its value.
pub(super) const BODY: &str = "body";

pub(super) type Item = HashMap<String, AttributeValue>;

/// Random, since writers know nothing of each other; long enough that none is ever drawn twice.
pub(super) fn fresh_version() -> Version {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    Version(format!("{:032x}", u128::from_be_bytes(bytes)))
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn key(key: &Key) -> Item {
    HashMap::from([(PARTITION.to_owned(), text(&key.partition)), (SORT.to_owned(), text(&key.sort))])
}

pub(super) fn item(at: &Key, version: &Version, value: Vec<u8>) -> Item {
    let mut item = key(at);
    item.insert(VERSION.to_owned(), text(&version.0));
    item.insert(BODY.to_owned(), AttributeValue::B(Blob::new(value)));
    item
}

pub(super) fn row(key: Key, mut item: Item) -> Row {
    let version = Version(text_of(item.get(VERSION)));
    // Whoever writes to the table by hand may leave any type there; what it holds is judged by others.
    let value = match item.remove(BODY) {
        Some(AttributeValue::B(body)) => body.into_inner(),
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.into_bytes(),
        _ => Vec::new(),
    };
    Row { key, version, value }
}

pub(super) fn key_of(item: &Item) -> Key {
    Key::new(text_of(item.get(PARTITION)), text_of(item.get(SORT)))
}

pub(super) fn text_of(value: Option<&AttributeValue>) -> String {
    value.and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_from_its_item() {
        let (key, version) = (Key::new("p", "s"), fresh_version());
        let made = item(&key, &version, vec![0, 255]);
        assert_eq!(key_of(&made), key);
        assert_eq!(row(key.clone(), made), Row { key, version, value: vec![0, 255] });
    }

    #[test]
    fn versions_are_of_one_length_and_fresh() {
        let versions: std::collections::BTreeSet<_> = (0..1000).map(|_| fresh_version().0).collect();
        assert!(versions.len() == 1000 && versions.iter().all(|v| v.len() == 32));
    }

    #[test]
    fn what_was_written_by_hand_is_a_row_too() {
        let key = Key::new("p", "s");
        for (body, value) in [
            (text("by hand"), b"by hand".to_vec()),
            (AttributeValue::N("12".to_owned()), b"12".to_vec()),
            (AttributeValue::Bool(true), Vec::new()),
        ] {
            let item = HashMap::from([(BODY.to_owned(), body)]);
            assert_eq!(row(key.clone(), item), Row { key: key.clone(), version: Version(String::new()), value });
        }
    }
}
