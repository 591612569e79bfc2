//! What the last scheduled verification found, kept where every function sees it.

use crate::Context;
use crate::layout::rows;
use domain::json::{Limits, Object, Value, parse};
use domain::time::Timestamp;
use ports::{Condition, TableError};

/// A verification, and when it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// When.
    pub at: Timestamp,
    /// The body of GET /audit/verify.
    pub report: Value,
}

/// Keeps this body of GET /audit/verify. If two end at once, either is kept.
///
/// # Errors
/// The table.
pub async fn keep(cx: &Context, report: &Value) -> Result<(), TableError> {
    let key = rows::verified(&cx.chain);
    let condition = match cx.table.get(&key).await? {
        Some(row) => Condition::Unchanged(row.version),
        None => Condition::Absent,
    };
    let value = Object::of([("at", cx.clock.now().to_string().into()), ("report", report.clone())]);
    match cx.table.put(&key, value.canonical(), condition).await {
        Ok(_) | Err(TableError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The report that was kept last.
///
/// # Errors
/// The table.
pub async fn load(cx: &Context) -> Result<Option<Verified>, TableError> {
    let Some(row) = cx.table.get(&rows::verified(&cx.chain)).await? else { return Ok(None) };
    let read = || {
        let value = parse(&row.value, Limits::FORMAT).ok()?;
        let object = value.as_object()?;
        let at = Timestamp::parse(object.get("at")?.as_str()?).ok()?;
        Some(Verified { at, report: object.get("report")?.clone() })
    };
    Ok(read())
}
