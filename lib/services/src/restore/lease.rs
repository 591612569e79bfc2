//! A lease: what a restored batch is known by, and for how long.

use super::LEASES;
use crate::Context;
use crate::layout::archives::{integer, lease, lease_partition, time};
use domain::archive::Range;
use domain::json::{Limits, Object, Value, parse};
use domain::time::Timestamp;
use ports::{KeyRange, Order, Row, TableError, Version};

/// How far a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Its rows are being written.
    Restoring,
    /// Lists include it.
    Ready,
    /// Its rows are gone, or going, since then.
    Swept(Timestamp),
}

/// A restored batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its own name: no other restore writes under it.
    pub id: String,
    /// The events of the batch.
    pub range: Range,
    /// How far it is.
    pub progress: Progress,
    /// When its rows go.
    pub expires_at: Timestamp,
    /// When it was asked for.
    pub restored_at: Timestamp,
    /// Who asked.
    pub by: String,
    /// Leases of this batch that ended not long ago, and when: somebody may still write under them.
    pub former: Vec<(String, Timestamp)>,
}

impl Lease {
    /// Whether lists include it.
    pub fn is_readable(&self, now: Timestamp) -> bool {
        self.progress == Progress::Ready && self.expires_at > now
    }

    pub(super) fn is_under_way(&self, now: Timestamp) -> bool {
        !matches!(self.progress, Progress::Swept(_)) && self.expires_at > now
    }

    pub(super) fn to_value(&self) -> Vec<u8> {
        let number = |n| Value::integer(n).expect("a chain has fewer than 2^53 events");
        let former = |(id, since): &(String, Timestamp)| {
            Value::from(Object::of([("lease", id.as_str().into()), ("since", since.to_string().into())]))
        };
        let (state, since) = match self.progress {
            Progress::Restoring => ("restoring", Value::Null),
            Progress::Ready => ("ready", Value::Null),
            Progress::Swept(since) => ("swept", since.to_string().into()),
        };
        Object::of([
            ("lease", self.id.as_str().into()),
            ("startSeq", number(self.range.start)),
            ("endSeq", number(self.range.end)),
            ("state", state.into()),
            ("since", since),
            ("expiresAt", self.expires_at.to_string().into()),
            ("restoredAt", self.restored_at.to_string().into()),
            ("by", self.by.as_str().into()),
            ("former", Value::Array(self.former.iter().map(former).collect())),
        ])
        .canonical()
    }

    fn of_row(row: &Row) -> Option<Self> {
        let value = parse(&row.value, Limits::FORMAT).ok()?;
        let object = value.as_object()?;
        let progress = match object.get("state")?.as_str()? {
            "restoring" => Progress::Restoring,
            "ready" => Progress::Ready,
            "swept" => Progress::Swept(time(object, "since")?),
            _ => return None,
        };
        let former = |value: &Value| {
            let object = value.as_object()?;
            Some((object.get("lease")?.as_str()?.to_owned(), time(object, "since")?))
        };
        Some(Self {
            id: object.get("lease")?.as_str()?.to_owned(),
            range: Range { start: integer(object, "startSeq")?, end: integer(object, "endSeq")? },
            progress,
            expires_at: time(object, "expiresAt")?,
            restored_at: time(object, "restoredAt")?,
            by: object.get("by")?.as_str()?.to_owned(),
            former: object.get("former")?.as_array()?.iter().map(former).collect::<Option<_>>()?,
        })
    }
}

pub(super) async fn read(cx: &Context, start: u64) -> Result<Option<(Lease, Version)>, TableError> {
    let row = cx.table.get(&lease(&cx.chain, start)).await?;
    row.map(|row| stored(&row)).transpose()
}

fn stored(row: &Row) -> Result<(Lease, Version), TableError> {
    let lease = Lease::of_row(row)
        .ok_or_else(|| TableError::Rejected(format!("the row holds no restore; delete it. key=`{}`", row.key)))?;
    Ok((lease, row.version.clone()))
}

/// All leases, those that are over included.
///
/// # Errors
/// The table.
pub async fn leases(cx: &Context) -> Result<Vec<(Lease, Version)>, TableError> {
    let rows = cx.table.query(&lease_partition(&cx.chain), &KeyRange::all(), Order::Ascending, LEASES).await?;
    rows.iter().map(stored).collect()
}
