//! Where a log file was left, and the proof that it is still that file.

use crate::Context;
use crate::planted::{Bug, planted};
use domain::hash::{Hash, hex};
use domain::json::{Limits, Object, Value, parse};
use ports::{Condition, Key, TableError, Version};
use sources::ocis::SpaceNames;

/// Most bytes that are compared before a file is read on: at its start, and before the place.
pub(super) const WINDOW: usize = 1024;

/// Bytes that name a file's life.
const GENERATION_BYTES: usize = 8;

/// A place in a log file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileCursor {
    /// Name of the file's life in external ids: 16 hex digits, made at random. A file that was cut or
    /// replaced starts another life.
    pub generation: String,
    /// The file's id.
    pub file: String,
    /// Where the next line starts, in bytes.
    pub offset: u64,
    /// What the file starts with, as far as it was read.
    pub(super) head: Window,
    /// What stands right before the place: the end of what was read last.
    pub(super) tail: Window,
    /// Whether the place is within a line that is too long.
    pub(super) in_long_line: bool,
    /// What was read so far, in all lives.
    pub counts: Counts,
    /// Names of spaces that lines told.
    pub names: SpaceNames,
}

/// Some bytes of a file, by their number and SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) bytes: usize,
    pub(super) hash: Hash,
}

impl Window {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), hash: Hash::of(bytes) }
    }
}

/// What became of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Complete lines.
    pub lines: u64,
    /// Became events.
    pub events: u64,
    /// Are of no interest.
    pub skipped: u64,
    /// Cannot be used and were kept aside.
    pub kept: u64,
}

impl FileCursor {
    /// The start of a new life of this log.
    pub(super) fn start(before: Option<&Self>, file: &str, nonce: [u8; 16]) -> Self {
        Self {
            generation: hex(&Hash::of(&nonce).0[..GENERATION_BYTES]),
            file: file.to_owned(),
            offset: 0,
            head: Window::of(b""),
            tail: Window::of(b""),
            in_long_line: false,
            counts: before.map(|before| before.counts).unwrap_or_default(),
            names: before.map(|before| before.names.clone()).unwrap_or_default(),
        }
    }

    /// Moves over bytes that were dealt with.
    pub(super) fn move_over(&mut self, read: &[u8]) {
        if self.offset == 0 {
            self.head = Window::of(&read[..read.len().min(WINDOW)]);
        }
        self.offset += read.len() as u64;
        self.tail = Window::of(&read[read.len() - read.len().min(WINDOW)..]);
    }

    /// Reads the row of a log.
    pub(super) async fn load(cx: &Context, key: &Key) -> Result<Option<(Self, Version)>, TableError> {
        let Some(row) = cx.table.get(key).await? else { return Ok(None) };
        let cursor = Self::from_value(&row.value).ok_or_else(|| {
            let advice = "the row does not hold a place in a log; restore it from a backup. \
                          Without it the whole log would be recorded once more";
            TableError::Rejected(format!("{advice}. key=`{key}`"))
        })?;
        Ok(Some((cursor, row.version)))
    }

    /// Writes the row; a conflict means that somebody else reads the same log and is further.
    pub(super) async fn save(&self, cx: &Context, key: &Key, version: Option<Version>) -> Result<Version, TableError> {
        let condition = match version.map_or(Condition::Absent, Condition::Unchanged) {
            _ if planted(Bug::PlaceIsOverwritten) => Condition::Any,
            condition => condition,
        };
        cx.table.put(key, self.to_value(), condition).await
    }

    /// The value of a log's row.
    pub fn to_value(&self) -> Vec<u8> {
        let number = |n: u64| Value::integer(n).unwrap_or(Value::Null);
        let window = |window: &Window| {
            Object::of([("bytes", number(window.bytes as u64)), ("sha256", window.hash.to_hex().into())]).into()
        };
        let counts = Object::of([
            ("lines", number(self.counts.lines)),
            ("events", number(self.counts.events)),
            ("skipped", number(self.counts.skipped)),
            ("kept", number(self.counts.kept)),
        ]);
        Object::of([
            ("counts", counts.into()),
            ("file", self.file.as_str().into()),
            ("generation", self.generation.as_str().into()),
            ("head", window(&self.head)),
            ("inLongLine", self.in_long_line.into()),
            ("offset", number(self.offset)),
            ("spaceNames", self.names.to_value()),
            ("tail", window(&self.tail)),
            ("v", 1u32.into()),
        ])
        .canonical()
    }

    /// Reads the value of a log's row; `None` for what no reader of a log could have left.
    pub fn from_value(bytes: &[u8]) -> Option<Self> {
        let value = parse(bytes, Limits::FORMAT).ok()?;
        let object = value.as_object()?;
        let text = |name| object.get(name).and_then(Value::as_str);
        let number = |name| object.get(name).and_then(Value::as_u64);
        let window = |name| {
            let window = object.get(name)?.as_object()?;
            let bytes = usize::try_from(window.get("bytes")?.as_u64()?).ok().filter(|bytes| *bytes <= WINDOW)?;
            Some(Window { bytes, hash: Hash::from_hex(window.get("sha256")?.as_str()?.as_bytes())? })
        };
        let counts = object.get("counts")?.as_object()?;
        let count = |name| counts.get(name).and_then(Value::as_u64);
        (number("v")? == 1).then_some(())?;
        let generation = text("generation")?;
        let hex = generation.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        // It stands in keys and in external ids, where nothing but hex digits may.
        (generation.len() == 2 * GENERATION_BYTES && hex).then_some(())?;
        let cursor = Self {
            generation: generation.to_owned(),
            file: text("file")?.to_owned(),
            offset: number("offset")?,
            head: window("head")?,
            tail: window("tail")?,
            in_long_line: match object.get("inLongLine")? {
                Value::Bool(within) => *within,
                _ => return None,
            },
            counts: Counts {
                lines: count("lines")?,
                events: count("events")?,
                skipped: count("skipped")?,
                kept: count("kept")?,
            },
            names: SpaceNames::from_value(object.get("spaceNames")?)?,
        };
        let windows = u64::try_from(cursor.head.bytes.max(cursor.tail.bytes)).ok()?;
        (windows <= cursor.offset).then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_reader_left_is_taken() {
        let mut cursor = FileCursor::start(None, "17-4", [7; 16]);
        cursor.move_over(b"a line\n");
        let row = String::from_utf8(cursor.to_value()).expect("JSON");
        assert_eq!(FileCursor::from_value(row.as_bytes()), Some(cursor.clone()));
        let generation = cursor.generation.as_str();
        for (from, to) in [
            (generation, ""),
            (generation, "../other#key"),
            (generation, "00112233445566FF"),
            ("\"inLongLine\":false", "\"inLongLine\":null"),
            ("\"offset\":7", "\"offset\":6"),
            ("\"offset\":7", "\"offset\":-7"),
            ("\"offset\":7", "\"offset\":7.5"),
            ("\"bytes\":7", "\"bytes\":1025"),
            ("\"spaceNames\":[]", "\"spaceNames\":[[]]"),
            ("\"v\":1", "\"v\":2"),
            ("\"v\":1", "\"v\":1,\"v\":1"),
        ] {
            let changed = row.replacen(from, to, 1);
            assert_ne!(changed, row, "{from}");
            assert_eq!(FileCursor::from_value(changed.as_bytes()), None, "{to}");
        }
    }
}
