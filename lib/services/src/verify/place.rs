//! Where a verification that stopped early goes on: a text that only this installation makes.

use crate::cursor::{self, CursorError};
use domain::hash::Hash;
use domain::json::{Object, Value};
use domain::merkle::Edge;

/// What a verification's cursor is authenticated as.
const QUERY: &str = "verify";

/// The end of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The next block.
    pub block: u64,
    /// Its first `seq`.
    pub seq: u64,
    /// Hash of the event before.
    pub prev_hash: Hash,
    /// The right edge of the tree there, where it is known.
    pub edge: Option<Edge>,
}

impl Place {
    /// As text.
    pub fn seal(&self, key: &[u8; 32]) -> String {
        let number = |n| Value::integer(n).unwrap_or(Value::Null);
        let roots = |edge: &Edge| Value::Array(edge.roots().iter().map(|root| root.to_hex().into()).collect());
        let body = Object::of([
            ("block", number(self.block)),
            ("seq", number(self.seq)),
            ("prevHash", self.prev_hash.to_hex().into()),
            ("edge", self.edge.as_ref().map_or(Value::Null, roots)),
        ]);
        cursor::seal(&body.canonical(), key, QUERY, "")
    }

    /// Reads one that [`Place::seal`] made.
    ///
    /// # Errors
    /// Any other text.
    pub fn open(text: &str, key: &[u8; 32]) -> Result<Self, CursorError> {
        let value = cursor::open(text, key, QUERY, "")?;
        let read = || {
            let object = value.as_object()?;
            let hash = |value: &Value| Hash::from_hex(value.as_str()?.as_bytes());
            let seq = object.get("seq")?.as_u64()?;
            let edge = match object.get("edge")? {
                Value::Null => None,
                roots => Edge::of(seq.checked_sub(1)?, roots.as_array()?.iter().map(hash).collect::<Option<_>>()?),
            };
            Some(Self { block: object.get("block")?.as_u64()?, seq, prev_hash: hash(object.get("prevHash")?)?, edge })
        };
        read().ok_or(CursorError)
    }
}
