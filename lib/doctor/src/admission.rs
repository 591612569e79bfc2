//! What stands before every table: one that cannot decide gets no log.

use crate::{clock, races};
use async_trait::async_trait;
use domain::hash::hex;
use domain::time::Timestamp;
use ports::{Clock, Condition, Finding, Ids, Key, KeyRange, Order, Probe, Row, Table, TableError, Verdict, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OnceCell;

/// For how long a table that was found fit is not asked again by programs that start often, in
/// milliseconds: a day.
const GOOD_FOR_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A table that lets nobody at its store before the store has passed the races and its clock was compared.
/// One that fails refuses every call; one that does not answer is asked again with the next call.
pub struct Admission {
    table: Arc<dyn Table>,
    probe: Option<Arc<dyn Probe>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    passed: OnceCell<Result<(), String>>,
    /// Set where this process may read and may not write: then it was not asked, and reads only.
    reads_only: AtomicBool,
}

impl Admission {
    /// Asks nothing yet.
    pub fn new(table: Arc<dyn Table>, probe: Option<Arc<dyn Probe>>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { table, probe, clock, ids, passed: OnceCell::new(), reads_only: AtomicBool::new(false) }
    }

    /// Admits the table as a program does that starts for a single request: where it was found fit within
    /// a day, one read is all.
    ///
    /// # Errors
    /// [`TableError::Rejected`] for a table that is not fit or may not be written, or whatever it answered
    /// instead of an answer.
    pub async fn admit(&self) -> Result<(), TableError> {
        let asked = self.passed.get_or_try_init(|| async {
            if self.was_fit().await? {
                return Ok(Ok(()));
            }
            let may = Key::new(format!("_probe#{}", hex(&self.ids.nonce())), "may");
            let version = self.table.put(&may, vec![1], Condition::Absent).await?;
            // Left behind it harms nobody.
            let _ = self.table.delete(&may, &version).await;
            self.ask().await
        });
        asked.await?.clone().map_err(TableError::Rejected)
    }

    /// The same for who reads: who may not write cannot ask, and can do no harm.
    ///
    /// # Errors
    /// As [`Admission::admit`], but for a table that may not be written.
    pub async fn admit_reader(&self) -> Result<(), TableError> {
        if self.reads_only.load(Ordering::Relaxed) && !self.passed.initialized() {
            return Ok(());
        }
        let refused = match self.admit().await {
            Err(refused @ TableError::Rejected(_)) if !self.passed.initialized() => refused,
            admitted => return admitted,
        };
        // It is the write that was refused, and not everything.
        self.table.get(&word()).await.map_err(|_| refused)?;
        self.reads_only.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The same, asking anew whatever was found before.
    ///
    /// # Errors
    /// As [`Admission::admit`].
    pub async fn admit_anew(&self) -> Result<(), TableError> {
        let asked = self.passed.get_or_try_init(|| async {
            // Whoever reads nothing hears here what is wrong with its credentials, and in which setting.
            self.table.get(&word()).await?;
            self.ask().await
        });
        asked.await?.clone().map_err(TableError::Rejected)
    }

    async fn was_fit(&self) -> Result<bool, TableError> {
        let Some(row) = self.table.get(&word()).await? else { return Ok(false) };
        let Some(at) = std::str::from_utf8(&row.value).ok().and_then(|text| Timestamp::parse(text).ok()) else {
            return Ok(false);
        };
        let age = self.clock.now().unix_millis() - at.unix_millis();
        Ok((0..GOOD_FOR_MILLIS).contains(&age))
    }

    /// Whether it is fit, and if not why; an error where it could not be found out.
    async fn ask(&self) -> Result<Result<(), String>, TableError> {
        let mut findings = Vec::new();
        if let Some(probe) = &self.probe {
            let compared = clock(probe.as_ref(), self.clock.as_ref()).await.map_err(TableError::Unavailable)?;
            findings.extend(compared);
        }
        let token = hex(&self.ids.nonce());
        findings.extend(races(self.table.as_ref(), self.table.as_ref(), &token).await?);
        if let Some(unfit) = findings.into_iter().find(|finding| finding.verdict == Verdict::Unfit) {
            let Finding { check, seen, mend, .. } = unfit;
            return Ok(Err(format!(
                "TABLE_URL is refused by the check `{check}`: {seen}; {mend}. `dezky doctor` shows every check"
            )));
        }
        // Whoever cannot leave word asks again next time.
        let _ = self.table.put(&word(), self.clock.now().to_string().into_bytes(), Condition::Any).await;
        Ok(Ok(()))
    }
}

fn word() -> Key {
    Key::new("_probe#fit", "at")
}

#[async_trait]
impl Table for Admission {
    async fn get(&self, key: &Key) -> Result<Option<Row>, TableError> {
        self.admit_reader().await?;
        self.table.get(key).await
    }

    async fn put(&self, key: &Key, value: Vec<u8>, condition: Condition) -> Result<Version, TableError> {
        self.admit().await?;
        self.table.put(key, value, condition).await
    }

    async fn delete(&self, key: &Key, version: &Version) -> Result<(), TableError> {
        self.admit().await?;
        self.table.delete(key, version).await
    }

    async fn query(
        &self,
        partition: &str,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        self.admit_reader().await?;
        self.table.query(partition, range, order, limit).await
    }

    async fn get_many(&self, keys: Vec<Key>) -> Result<Vec<Option<Row>>, TableError> {
        self.admit_reader().await?;
        self.table.get_many(keys).await
    }

    async fn put_many(&self, rows: Vec<(Key, Vec<u8>)>) -> Result<(), TableError> {
        self.admit().await?;
        self.table.put_many(rows).await
    }

    async fn delete_many(&self, rows: Vec<(Key, Version)>) -> Result<(), TableError> {
        self.admit().await?;
        self.table.delete_many(rows).await
    }
}
