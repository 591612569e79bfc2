//! The daily run: whether it is due, and that it was done.

use super::{ArchiveError, Request, Run, archive};
use crate::Context;
use crate::append::Appender;
use crate::layout::archives::last_run;
use domain::time::Timestamp;
use ports::{Condition, TableError};

const MILLIS_PER_HOUR: i64 = 3_600_000;
const MILLIS_PER_DAY: i64 = 24 * MILLIS_PER_HOUR;

/// When the schedule archives, and what.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Whether it does at all.
    pub enabled: bool,
    /// From this hour of the day on (UTC, 0 to 23).
    pub hour: u32,
    /// Blocks that were recorded so many days ago.
    pub hot_retention_days: u32,
    /// Whether this is the run of the day: not if it was asked for another age.
    pub counts: bool,
}

/// Why the schedule does nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// It is off.
    Disabled,
    /// It is too early in the day.
    BeforeHour(u32),
    /// It was done today.
    DoneToday,
}

impl NotNow {
    /// For a person.
    pub fn reason(self) -> String {
        match self {
            Self::Disabled => "ARCHIVE_ENABLED is not true".to_owned(),
            Self::BeforeHour(hour) => format!("ARCHIVE_RUN_HOUR_UTC is {hour}, and it is earlier"),
            Self::DoneToday => "the run of this UTC day is done".to_owned(),
        }
    }
}

/// The moment so many days ago.
pub fn days_before(now: Timestamp, days: u32) -> Timestamp {
    now.plus_millis(-i64::from(days) * MILLIS_PER_DAY)
}

/// Archives if it is due today. The day is marked as done only when nothing is left to do, so that a run
/// that was cut short is gone on with at the next tick.
///
/// # Errors
/// See [`ArchiveError`].
pub async fn daily(
    cx: &Context,
    appender: &Appender,
    plan: Plan,
    by: Option<String>,
    until: Option<Timestamp>,
) -> Result<Result<Run, NotNow>, ArchiveError> {
    let now = cx.clock.now();
    let day = now.unix_millis().div_euclid(MILLIS_PER_DAY);
    let hour = now.unix_millis().rem_euclid(MILLIS_PER_DAY) / MILLIS_PER_HOUR;
    if !plan.enabled {
        return Ok(Err(NotNow::Disabled));
    }
    if hour < i64::from(plan.hour) {
        return Ok(Err(NotNow::BeforeHour(plan.hour)));
    }
    let key = last_run(&cx.chain);
    let row = cx.table.get(&key).await?;
    let last = row.as_ref().and_then(|row| std::str::from_utf8(&row.value).ok()?.parse::<i64>().ok());
    if last == Some(day) {
        return Ok(Err(NotNow::DoneToday));
    }
    let request = Request { cutoff: days_before(now, plan.hot_retention_days), by, until };
    let run = archive(cx, appender, &request).await?;
    if run.complete && plan.counts {
        let condition = row.map_or(Condition::Absent, |row| Condition::Unchanged(row.version));
        match cx.table.put(&key, day.to_string().into_bytes(), condition).await {
            // Somebody else did today's run as well.
            Ok(_) | Err(TableError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ok(run))
}
