//! What the spaces are called: only three kinds of line say so, all others have the id alone.

use super::draft::cut;
use domain::json::Value;
use std::collections::HashMap;

/// How many names are remembered.
const MAX_NAMES: usize = 1000;

/// Greatest length of an id and of a name, in bytes. Names are cut there; a longer id is none.
const MAX_BYTES: usize = 256;

/// Bytes of all that is remembered, as JSON: it is stored in one row beside other things, and a
/// character may take six bytes there.
const MAX_TOTAL_BYTES: usize = 128 * 1024;

/// The names of spaces by their ids, as the log has told them so far.
///
/// A name outlives its space: lines are not in the order of their events, and the deletion of a
/// space is followed by what happened inside. The number is bounded instead; what was told longest
/// ago leaves first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpaceNames {
    names: HashMap<String, Told>,
    /// Counts what was told, to know which is oldest.
    told: u64,
    /// Length of all of them as JSON.
    bytes: usize,
}

/// Length of `["id","name"],`.
fn json_bytes(id: &str, name: &str) -> usize {
    Value::Array(vec![id.into(), name.into()]).canonical().len() + 1
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    name: String,
    when: u64,
}

impl SpaceNames {
    /// The name of a space.
    pub fn get(&self, space_id: &str) -> Option<&str> {
        self.names.get(space_id).map(|told| told.name.as_str())
    }

    /// Ids and names, from the one told longest ago to the newest.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut all: Vec<_> = self.names.iter().collect();
        all.sort_by_key(|(_, told)| told.when);
        all.into_iter().map(|(id, told)| (id.as_str(), told.name.as_str()))
    }

    /// Remembers the name of a space. Empty names say nothing.
    pub(super) fn learn(&mut self, space_id: &str, name: &str) {
        if space_id.is_empty() || space_id.len() > MAX_BYTES || name.is_empty() {
            return;
        }
        self.told += 1;
        let told = Told { name: cut(name, MAX_BYTES).to_owned(), when: self.told };
        self.bytes += json_bytes(space_id, &told.name);
        if let Some(before) = self.names.insert(space_id.to_owned(), told) {
            self.bytes -= json_bytes(space_id, &before.name);
        }
        while self.names.len() > MAX_NAMES || self.bytes > MAX_TOTAL_BYTES {
            let oldest = self.names.iter().min_by_key(|(_, told)| told.when).map(|(id, _)| id.clone());
            let Some(id) = oldest else { break };
            if let Some(told) = self.names.remove(&id) {
                self.bytes -= json_bytes(&id, &told.name);
            }
        }
    }

    /// The names as JSON, to be stored beside the place up to which the log was read.
    pub fn to_value(&self) -> Value {
        Value::Array(self.iter().map(|(id, name)| Value::Array(vec![id.into(), name.into()])).collect())
    }

    /// Reads what [`SpaceNames::to_value`] wrote; `None` for anything else.
    pub fn from_value(value: &Value) -> Option<Self> {
        let mut out = Self::default();
        for pair in value.as_array()? {
            let [id, name] = pair.as_array()? else { return None };
            out.learn(id.as_str()?, name.as_str()?);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_bytes_stay_within_their_row() {
        let mut names = SpaceNames::default();
        for i in 0..2 * MAX_NAMES {
            names.learn(&format!("space-{i}"), &"\u{1}".repeat(300));
            assert!(names.to_value().canonical().len() <= MAX_TOTAL_BYTES + 2);
        }
        assert!(names.iter().count() > 50);
        let again = SpaceNames::from_value(&names.to_value()).unwrap();
        assert_eq!((again.bytes, again.iter().count()), (names.bytes, names.iter().count()));
    }

    #[test]
    fn the_name_told_longest_ago_leaves_first() {
        let mut names = SpaceNames::default();
        for i in 0..MAX_NAMES {
            names.learn(&format!("space-{i}"), &format!("name {i}"));
        }
        names.learn("space-0", "told again");
        names.learn("one more", "x");
        assert_eq!(names.iter().count(), MAX_NAMES);
        assert_eq!(names.get("space-0"), Some("told again"));
        assert_eq!(names.get("space-1"), None);
        assert_eq!(names.iter().next(), Some(("space-2", "name 2")));
        let again = SpaceNames::from_value(&names.to_value()).unwrap();
        assert!(again.iter().eq(names.iter()));
        assert_eq!(again.to_value(), names.to_value());
    }

    #[test]
    fn ids_and_names_are_bounded() {
        let mut names = SpaceNames::default();
        names.learn("a", &"ä".repeat(200));
        names.learn("b", "");
        names.learn("", "c");
        names.learn(&"d".repeat(257), "d");
        assert_eq!(names.iter().collect::<Vec<_>>(), [("a", "ä".repeat(128).as_str())]);
    }

    #[test]
    fn only_what_was_written_is_read_back() {
        for bad in ["{}", "[1]", r#"[["a"]]"#, r#"[["a","b","c"]]"#, r#"[["a",1]]"#, "null"] {
            let value = domain::json::parse(bad.as_bytes(), domain::json::Limits::ADMISSION).unwrap();
            assert_eq!(SpaceNames::from_value(&value), None, "{bad}");
        }
    }
}
