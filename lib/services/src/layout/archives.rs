//! Rows of archives: the claim of each batch, its manifest, what was restored, what was verified.

use super::rows::number;
use domain::archive::Range;
use domain::hash::Hash;
use domain::json::{Limits, Object, Value, parse};
use domain::names::ChainName;
use domain::time::Timestamp;
use ports::{Key, Row, TableError, Version};

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// On its way: its blocks may still be hot.
    Claimed,
    /// Its blocks are stubs, its lines in the cold store.
    Done,
    /// Its time is over; whether it is held is being looked at.
    Expiring(Timestamp),
    /// Its lines are being deleted.
    Deleting(Timestamp),
    /// Its lines are gone; manifest and stubs stay.
    Expired(Timestamp),
}

/// What is known of a batch once its manifest is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// SHA-256 of the manifest's bytes.
    pub manifest: Hash,
    /// Least `at` of its events.
    pub first_at: Timestamp,
    /// Greatest `at` of its events.
    pub last_at: Timestamp,
    /// Greatest `at` of its events and of all batches before: what is newer is complete without them.
    pub complete_after: Timestamp,
    /// Bytes of its object.
    pub bytes: u64,
    /// Bytes of its lines.
    pub bytes_uncompressed: u64,
    /// In how many places it is.
    pub copies: u64,
    /// Mode and end of the lock that the store was asked for.
    pub lock: Option<(String, Timestamp)>,
}

/// A batch of blocks that is archived together. Making its row is what decides who archives what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its events.
    pub range: Range,
    /// Its first block.
    pub first_block: u64,
    /// Its last block.
    pub last_block: u64,
    /// When it was claimed.
    pub archived_at: Timestamp,
    /// When its newest event was recorded.
    pub recorded_at: Timestamp,
    /// Who asked for it; `None` for the schedule.
    pub by: Option<String>,
    /// How far it is.
    pub state: State,
    /// Once its manifest is signed.
    pub signed: Option<Signed>,
    /// Once it is being deleted: SHA-256 of the object that holds what is kept.
    pub kept: Option<Hash>,
}

impl Claim {
    /// Whether another batch may follow it.
    pub fn is_finished(&self) -> bool {
        self.state != State::Claimed
    }

    /// The value of the row.
    pub fn to_value(&self) -> Vec<u8> {
        let number = |n| Value::integer(n).expect("no chain and no object reaches 2^53");
        let (state, since) = match self.state {
            State::Claimed => ("claimed", None),
            State::Done => ("done", None),
            State::Expiring(since) => ("expiring", Some(since)),
            State::Deleting(since) => ("deleting", Some(since)),
            State::Expired(since) => ("expired", Some(since)),
        };
        let signed = |s: &Signed| {
            let lock = |(mode, until): &(String, Timestamp)| {
                Value::from(Object::of([("mode", mode.as_str().into()), ("until", until.to_string().into())]))
            };
            Value::from(Object::of([
                ("manifestSha256", s.manifest.to_hex().into()),
                ("firstAt", s.first_at.to_string().into()),
                ("lastAt", s.last_at.to_string().into()),
                ("completeAfter", s.complete_after.to_string().into()),
                ("bytes", number(s.bytes)),
                ("bytesUncompressed", number(s.bytes_uncompressed)),
                ("copies", number(s.copies)),
                ("lock", s.lock.as_ref().map_or(Value::Null, lock)),
            ]))
        };
        Object::of([
            ("startSeq", number(self.range.start)),
            ("endSeq", number(self.range.end)),
            ("firstBlock", number(self.first_block)),
            ("lastBlock", number(self.last_block)),
            ("archivedAt", self.archived_at.to_string().into()),
            ("recordedAt", self.recorded_at.to_string().into()),
            ("by", self.by.as_deref().map_or(Value::Null, Value::from)),
            ("state", state.into()),
            ("since", since.map_or(Value::Null, |since| since.to_string().into())),
            ("signed", self.signed.as_ref().map_or(Value::Null, signed)),
            ("kept", self.kept.map_or(Value::Null, |kept| kept.to_hex().into())),
        ])
        .canonical()
    }

    /// Reads the value of a row.
    pub fn from_value(value: &[u8]) -> Option<Self> {
        let value = parse(value, Limits::FORMAT).ok()?;
        let object = value.as_object()?;
        let since = || time(object, "since");
        let state = match object.get("state")?.as_str()? {
            "claimed" => State::Claimed,
            "done" => State::Done,
            "expiring" => State::Expiring(since()?),
            "deleting" => State::Deleting(since()?),
            "expired" => State::Expired(since()?),
            _ => return None,
        };
        let signed = match object.get("signed")? {
            Value::Null => None,
            signed => Some(Signed::of(signed.as_object()?)?),
        };
        Some(Self {
            range: Range { start: integer(object, "startSeq")?, end: integer(object, "endSeq")? },
            first_block: integer(object, "firstBlock")?,
            last_block: integer(object, "lastBlock")?,
            archived_at: time(object, "archivedAt")?,
            recorded_at: time(object, "recordedAt")?,
            by: object.get("by")?.as_str().map(str::to_owned),
            state,
            signed,
            kept: match object.get("kept")? {
                Value::Null => None,
                kept => Some(Hash::from_hex(kept.as_str()?.as_bytes())?),
            },
        })
    }
}

impl Signed {
    fn of(object: &Object) -> Option<Self> {
        let lock = match object.get("lock")? {
            Value::Null => None,
            lock => {
                let lock = lock.as_object()?;
                Some((lock.get("mode")?.as_str()?.to_owned(), time(lock, "until")?))
            }
        };
        Some(Self {
            manifest: Hash::from_hex(object.get("manifestSha256")?.as_str()?.as_bytes())?,
            first_at: time(object, "firstAt")?,
            last_at: time(object, "lastAt")?,
            complete_after: time(object, "completeAfter")?,
            bytes: integer(object, "bytes")?,
            bytes_uncompressed: integer(object, "bytesUncompressed")?,
            copies: integer(object, "copies")?,
            lock,
        })
    }
}

pub(crate) fn time(object: &Object, name: &str) -> Option<Timestamp> {
    Timestamp::parse(object.get(name)?.as_str()?).ok()
}

pub(crate) fn integer(object: &Object, name: &str) -> Option<u64> {
    object.get(name)?.as_u64()
}

/// A claim as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The claim.
    pub claim: Claim,
    /// Of its row.
    pub version: Version,
}

impl Stored {
    /// Reads a row.
    ///
    /// # Errors
    /// A row that holds no claim.
    pub fn of_row(row: Row) -> Result<Self, TableError> {
        let claim = Claim::from_value(&row.value).ok_or_else(|| {
            TableError::Rejected(format!("the row holds no archive's record; run `verify`. key=`{}`", row.key))
        })?;
        Ok(Self { claim, version: row.version })
    }
}

/// Partition of the claims.
pub fn claim_partition(chain: &ChainName) -> String {
    format!("archive#{chain}")
}

/// The claim of the batch that starts with this event.
pub fn claim(chain: &ChainName, start: u64) -> Key {
    Key::new(claim_partition(chain), number(start))
}

/// The bytes of a manifest, by their hash: which one counts is for the claim to say.
pub fn manifest(chain: &ChainName, start: u64, sha256: &Hash) -> Key {
    Key::new(format!("manifest#{chain}"), format!("{}-{sha256}", number(start)))
}

/// The day of the last scheduled run.
pub fn last_run(chain: &ChainName) -> Key {
    Key::new(format!("archive-run#{chain}"), "day")
}

/// When a batch was last read as a whole, and what was found.
pub fn verified(chain: &ChainName, start: u64) -> Key {
    Key::new(verified_partition(chain), number(start))
}

/// Partition of these.
pub fn verified_partition(chain: &ChainName) -> String {
    format!("archive-verified#{chain}")
}

/// Partition of the leases of what was restored.
pub fn lease_partition(chain: &ChainName) -> String {
    format!("restored#{chain}")
}

/// The lease of a restored batch.
pub fn lease(chain: &ChainName, start: u64) -> Key {
    Key::new(lease_partition(chain), number(start))
}

/// Partition of the blocks of a restored batch, under this lease only.
pub fn restored_partition(chain: &ChainName, start: u64, lease: &str) -> String {
    format!("restored#{chain}#{start}#{lease}")
}

/// Partition of their entries.
pub fn restored_entry_partition(chain: &ChainName, start: u64, lease: &str) -> String {
    format!("restored-entry#{chain}#{start}#{lease}")
}
