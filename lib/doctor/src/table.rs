//! What is asked of a table, on two connections.

use futures_util::future::join_all;
use ports::{Condition, Finding, Key, KeyRange, MAX_ROW_BYTES, Order, Table, TableError, Version};

/// How many write at once.
const RACERS: usize = 16;

/// Where a table goes that cannot decide.
const NO_TABLE: &str = "the log would fork: it commits by this write and nothing else. Choose another TABLE_URL: \
                        postgres:, dynamodb:, sqlite:, or an S3 store that `dezky doctor` finds good";

/// Everything. `token` names this run.
pub async fn table(first: &dyn Table, second: &dyn Table, token: &str) -> Vec<Finding> {
    let mut findings = match round_trip(first, token).await {
        Ok(finding) => vec![finding],
        // Each further check would say the same.
        Err(error) => return vec![no_answer("write and read", &error)],
    };
    match races(first, second, token).await {
        Ok(raced) => findings.extend(raced),
        Err(error) => findings.push(no_answer("create, raced by 16", &error)),
    }
    findings.push(answered("reads after writes", reads_after_writes(first, second, token).await));
    findings.push(answered("order", order(first, token).await));
    findings.push(answered("large rows", large_row(first, token).await));
    findings
}

/// The part without which no log is kept here: exactly one of many wins, twice, and a stale write never.
///
/// # Errors
/// The table did not answer, so that nothing is known.
pub async fn races(first: &dyn Table, second: &dyn Table, token: &str) -> Result<Vec<Finding>, TableError> {
    let key = Key::new(partition(token), "race");
    let raced = raced(first, second, &key).await;
    remove(first, &key).await;
    raced
}

async fn raced(first: &dyn Table, second: &dyn Table, key: &Key) -> Result<Vec<Finding>, TableError> {
    let created = race(first, second, key, &Condition::Absent).await;
    let mut findings = vec![won("create, raced by 16", "creates of one row", &created)?];
    let Some(row) = first.get(key).await? else {
        findings.push(Finding::unfit("replace, raced by 16", "the row that was created is not there", NO_TABLE));
        return Ok(findings);
    };
    let replaced = race(first, second, key, &Condition::Unchanged(row.version.clone())).await;
    findings.push(won("replace, raced by 16", "replacements of one version", &replaced)?);
    let stale = second.put(key, b"stale".to_vec(), Condition::Unchanged(row.version.clone())).await;
    findings.push(refused("stale replace", "a write over a version that is gone", stale.map(drop))?);
    let stale = second.delete(key, &row.version).await;
    findings.push(refused("stale delete", "a delete of a version that is gone", stale)?);
    Ok(findings)
}

fn partition(token: &str) -> String {
    format!("_probe#{token}")
}

async fn race(
    first: &dyn Table,
    second: &dyn Table,
    key: &Key,
    condition: &Condition,
) -> Vec<Result<Version, TableError>> {
    let racer = |i: usize| {
        let table = if i.is_multiple_of(2) { first } else { second };
        table.put(key, format!("racer {i}").into_bytes(), condition.clone())
    };
    join_all((0..RACERS).map(racer)).await
}

fn won(check: &'static str, what: &str, outcomes: &[Result<Version, TableError>]) -> Result<Finding, TableError> {
    let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let unanswered = |outcome: &Result<_, TableError>| match outcome {
        Err(error) if !matches!(error, TableError::Conflict(_)) => Some(error.clone()),
        _ => None,
    };
    // Two winners are a verdict, whatever became of the others.
    match (winners, outcomes.iter().find_map(unanswered)) {
        (0 | 1, Some(error)) => Err(error),
        (1, None) => Ok(Finding::good(check, format!("exactly one of {RACERS} {what} at once won"))),
        (0, None) => Ok(Finding::unfit(check, format!("none of {RACERS} {what} at once won"), NO_TABLE)),
        (n, _) => {
            let seen = format!("{n} of {RACERS} {what} at once won: this store ignores conditions");
            Ok(Finding::unfit(check, seen, NO_TABLE))
        }
    }
}

fn refused(check: &'static str, what: &str, outcome: Result<(), TableError>) -> Result<Finding, TableError> {
    match outcome {
        Err(TableError::Conflict(_)) => Ok(Finding::good(check, format!("{what} is refused"))),
        Ok(()) => Ok(Finding::unfit(check, format!("{what} was done: this store ignores conditions"), NO_TABLE)),
        Err(error) => Err(error),
    }
}

fn answered(check: &'static str, found: Result<Finding, TableError>) -> Finding {
    found.unwrap_or_else(|error| no_answer(check, &error))
}

fn no_answer(check: &'static str, error: &TableError) -> Finding {
    Finding::unfit(check, error.to_string(), "mend that, and ask again")
}

async fn round_trip(table: &dyn Table, token: &str) -> Result<Finding, TableError> {
    let key = Key::new(partition(token), "trip");
    let version = table.put(&key, b"written".to_vec(), Condition::Absent).await?;
    let row = table.get(&key).await?;
    table.delete(&key, &version).await?;
    let gone = table.get(&key).await?;
    Ok(match (row, gone) {
        (Some(row), None) if row.value == b"written" && row.version == version => {
            Finding::good("write and read", "a row was written, read and deleted")
        }
        _ => Finding::unfit("write and read", "a row was not read as it was written, or not deleted", NO_TABLE),
    })
}

/// What one connection wrote the other must read at once, whichever way it asks.
async fn reads_after_writes(first: &dyn Table, second: &dyn Table, token: &str) -> Result<Finding, TableError> {
    const CHECK: &str = "reads after writes";
    const ROUNDS: usize = 10;
    for round in 0..ROUNDS {
        let key = Key::new(partition(token), format!("read-{round}"));
        let (writer, reader) = if round.is_multiple_of(2) { (first, second) } else { (second, first) };
        let version = writer.put(&key, b"here".to_vec(), Condition::Absent).await?;
        let got = reader.get(&key).await?.is_some();
        let many = reader.get_many(vec![key.clone()]).await?.iter().all(Option::is_some);
        let last = reader.query(&key.partition, &KeyRange::all(), Order::Descending, 1).await?;
        let queried = last.first().is_some_and(|row| row.key == key);
        writer.delete(&key, &version).await?;
        if !(got && many && queried) {
            let seen =
                "a second connection did not read what the first had written: this reads a copy that lags behind";
            return Ok(Finding::unfit(CHECK, seen, "name the primary in TABLE_URL, no replica and no cache"));
        }
    }
    Ok(Finding::good(CHECK, format!("{ROUNDS} of {ROUNDS} rows were there at once on a second connection")))
}

async fn order(table: &dyn Table, token: &str) -> Result<Finding, TableError> {
    let partition = format!("{}-order", partition(token));
    let sorts = ["!", "0", "A", "Z", "a", "~", "\u{e9}"];
    let mut keys = Vec::new();
    for sort in sorts.iter().rev() {
        let key = Key::new(&partition, *sort);
        keys.push((table.put(&key, vec![1], Condition::Absent).await?, key));
    }
    let ascending = table.query(&partition, &KeyRange::all(), Order::Ascending, 100).await?;
    let descending = table.query(&partition, &KeyRange::all(), Order::Descending, 100).await?;
    for (version, key) in &keys {
        table.delete(key, version).await?;
    }
    let right = ascending.iter().map(|row| row.key.sort.as_str()).eq(sorts)
        && descending.iter().rev().map(|row| row.key.sort.as_str()).eq(sorts);
    Ok(if right {
        Finding::good("order", "rows come in the order of their bytes, both ways")
    } else {
        Finding::unfit(
            "order",
            "rows do not come in the order of their bytes",
            "this is no table for a log: choose another TABLE_URL",
        )
    })
}

async fn large_row(table: &dyn Table, token: &str) -> Result<Finding, TableError> {
    let key = Key::new(partition(token), "large");
    let version = table.put(&key, vec![7; MAX_ROW_BYTES], Condition::Absent).await?;
    let whole = table.get(&key).await?.is_some_and(|row| row.value.len() == MAX_ROW_BYTES);
    table.delete(&key, &version).await?;
    Ok(if whole {
        Finding::good("large rows", format!("a row of {MAX_ROW_BYTES} bytes was written and read"))
    } else {
        Finding::unfit(
            "large rows",
            format!("a row of {MAX_ROW_BYTES} bytes was cut"),
            "this is no table for a log: choose another TABLE_URL",
        )
    })
}

/// Best effort: what stays behind is small, and under a name of its own.
async fn remove(table: &dyn Table, key: &Key) {
    if let Ok(Some(row)) = table.get(key).await {
        let _ = table.delete(key, &row.version).await;
    }
}
