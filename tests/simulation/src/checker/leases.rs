//! What was restored: the rows of blocks as they were, under a lease that ends before they go.

use super::Checker;
use domain::time::Timestamp;
use ports::Key;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How far clocks are from each other, and how long a process takes between two looks at its own.
const TOLERANCE_MILLIS: i64 = 200_000;

/// What is known of leases.
#[derive(Default)]
pub(super) struct Leases {
    /// The lease of each batch, by its first event.
    current: BTreeMap<u64, Lease>,
    /// Rows under each lease: of blocks, and all.
    rows: BTreeMap<(u64, String), (BTreeSet<u64>, BTreeSet<Key>)>,
}

struct Lease {
    id: String,
    state: String,
    expires_at: i64,
}

/// The batch and the lease that a partition belongs to.
fn owner(partition: &str) -> Option<(u64, String)> {
    let mut parts = partition.split('#').skip(2);
    Some((parts.next()?.parse().ok()?, parts.next()?.to_owned()))
}

impl Checker {
    pub(super) fn restored_row(&mut self, key: &Key, after: Option<&[u8]>) -> Result<(), String> {
        let Some(owner) = owner(&key.partition) else { return self.lease(key, after) };
        let lease = self.leases.current.get(&owner.0).filter(|lease| lease.id == owner.1);
        let rows = self.leases.rows.entry(owner.clone()).or_default();
        let block: Option<u64> = key.partition.starts_with("restored#").then(|| key.sort.parse().ok()).flatten();
        let Some(row) = after else {
            if let Some(lease) = lease.filter(|lease| lease.state != "swept") {
                return Err(format!("{key} was deleted while its lease is {}", lease.state));
            }
            rows.1.remove(key);
            block.map(|n| rows.0.remove(&n));
            return Ok(());
        };
        rows.1.insert(key.clone());
        let Some(n) = block else { return Ok(()) };
        rows.0.insert(n);
        match self.block_row(n) == Some(row) {
            true => Ok(()),
            false => Err(format!("block {n} was restored as another")),
        }
    }

    fn lease(&mut self, key: &Key, after: Option<&[u8]>) -> Result<(), String> {
        let start: u64 = key.sort.parse().map_err(|_| format!("a lease has the key {key}"))?;
        let before = self.leases.current.remove(&start);
        let Some(row) = after else {
            let live = before.is_some_and(|lease| lease.state != "swept");
            return if live { Err(format!("the lease of batch {start} was forgotten")) } else { Ok(()) };
        };
        let row: Value = serde_json::from_slice(row).map_err(|error| error.to_string())?;
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let expires_at = Timestamp::parse(&text("expiresAt")).map_err(|error| error.to_string())?.unix_millis();
        let lease = Lease { id: text("lease"), state: text("state"), expires_at };
        let claim = self.claim(start).ok_or(format!("what was never archived is restored: {start}"))?;
        let is_over = before.as_ref().is_none_or(|before| before.state == "swept");
        if before.as_ref().is_some_and(|before| before.id != lease.id) && !is_over {
            return Err(format!("the lease of batch {start} was taken from another"));
        }
        if lease.state == "swept" && !is_over && !claim.is_ending() && expires_at > self.now + TOLERANCE_MILLIS {
            return Err(format!("the lease of batch {start} was ended before its time"));
        }
        let rows = self.leases.rows.get(&(start, lease.id.clone()));
        let whole = rows.is_some_and(|rows| (claim.blocks.0..=claim.blocks.1).all(|n| rows.0.contains(&n)));
        if lease.state == "ready" && !whole {
            return Err(format!("the lease of batch {start} counts before its rows are there"));
        }
        self.leases.current.insert(start, lease);
        Ok(())
    }

    /// Whether there are rows of a lease that is over.
    pub(crate) fn has_overdue_rows(&self, now: i64) -> bool {
        let live = |(start, id): &(u64, String)| {
            let lease = self.leases.current.get(start).filter(|lease| lease.id == *id);
            lease.is_some_and(|lease| lease.state != "swept" && lease.expires_at > now)
        };
        self.leases.rows.iter().any(|(owner, rows)| !rows.1.is_empty() && !live(owner))
    }
}
