//! Where a log file was left, and the proof that it is still that file.

use crate::Context;
use crate::layout::rows;
use domain::hash::{Hash, hex};
use domain::json::{Limits, Object, Value, parse};
use ports::{Condition, TableError, Version};
use sources::ocis::SpaceNames;

/// Bytes that are compared before a file is read on: at its start, and before the place it was left.
pub(super) const WINDOW: usize = 1024;

/// A place in a log file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileCursor {
    /// Name of the file's life in external ids: 16 hex digits.
    pub generation: String,
    /// Which life this is, from 1: a file that was cut or replaced starts another.
    pub ordinal: u64,
    /// The file's id.
    pub file: String,
    /// Where the next line starts, in bytes.
    pub offset: u64,
    /// Length of the file's start that is compared, in bytes.
    pub head_bytes: usize,
    /// Its SHA-256.
    pub head_hash: Hash,
    /// SHA-256 of the last bytes, up to a window, before `offset`.
    pub tail_hash: Hash,
    /// What was read so far.
    pub counts: Counts,
    /// Names of spaces that lines told.
    pub names: SpaceNames,
}

/// What became of the lines, since the source is read.
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
    /// The start of a new life. Its name depends on the life's number, so that no later life has it.
    pub(super) fn start(before: Option<&Self>, file: &str, head: &[u8]) -> Self {
        let ordinal = before.map_or(1, |before| before.ordinal + 1);
        let head_hash = Hash::of(head);
        let name = format!("{file}\n{head_hash}\n{ordinal}");
        Self {
            generation: hex(&Hash::of(name.as_bytes()).0[..8]),
            ordinal,
            file: file.to_owned(),
            offset: 0,
            head_bytes: head.len(),
            head_hash,
            tail_hash: Hash::of(b""),
            counts: before.map(|before| before.counts).unwrap_or_default(),
            names: before.map(|before| before.names.clone()).unwrap_or_default(),
        }
    }

    /// Reads the row of this source.
    pub(super) async fn load(cx: &Context, source: &str) -> Result<Option<(Self, Version)>, TableError> {
        let key = rows::ingest_cursor(&cx.chain, source);
        let Some(row) = cx.table.get(&key).await? else { return Ok(None) };
        let cursor = Self::from_value(&row.value).ok_or_else(|| {
            let advice = "the row does not hold a place in a log; delete it, and the log is read anew without doubles";
            TableError::Rejected(format!("{advice}. key=`{key}`"))
        })?;
        Ok(Some((cursor, row.version)))
    }

    /// Writes the row; a conflict means that somebody else reads the same log and is further.
    pub(super) async fn save(
        &self,
        cx: &Context,
        source: &str,
        version: Option<Version>,
    ) -> Result<Version, TableError> {
        let condition = version.map_or(Condition::Absent, Condition::Unchanged);
        cx.table.put(&rows::ingest_cursor(&cx.chain, source), self.to_value(), condition).await
    }

    fn to_value(&self) -> Vec<u8> {
        let number = |n: u64| Value::integer(n).unwrap_or(Value::Null);
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
            ("headBytes", number(self.head_bytes as u64)),
            ("headHash", self.head_hash.to_hex().into()),
            ("offset", number(self.offset)),
            ("ordinal", number(self.ordinal)),
            ("spaceNames", self.names.to_value()),
            ("tailHash", self.tail_hash.to_hex().into()),
            ("v", 1u32.into()),
        ])
        .canonical()
    }

    fn from_value(bytes: &[u8]) -> Option<Self> {
        let value = parse(bytes, Limits::FORMAT).ok()?;
        let object = value.as_object()?;
        let text = |name| object.get(name).and_then(Value::as_str);
        let number = |name| object.get(name).and_then(Value::as_u64);
        let counts = object.get("counts")?.as_object()?;
        let count = |name| counts.get(name).and_then(Value::as_u64);
        (number("v")? == 1).then_some(())?;
        Some(Self {
            generation: text("generation")?.to_owned(),
            ordinal: number("ordinal")?,
            file: text("file")?.to_owned(),
            offset: number("offset")?,
            head_bytes: usize::try_from(number("headBytes")?).ok().filter(|bytes| *bytes <= WINDOW)?,
            head_hash: Hash::from_hex(text("headHash")?.as_bytes())?,
            tail_hash: Hash::from_hex(text("tailHash")?.as_bytes())?,
            counts: Counts {
                lines: count("lines")?,
                events: count("events")?,
                skipped: count("skipped")?,
                kept: count("kept")?,
            },
            names: SpaceNames::from_value(object.get("spaceNames")?)?,
        })
    }
}
