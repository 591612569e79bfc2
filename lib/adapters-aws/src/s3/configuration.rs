//! What a bucket says about itself when it is asked.

use super::Store;
use super::probe::Use;
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockEnabled};
use domain::time::Timestamp;
use ports::{Finding, Verdict};

impl Store {
    pub(super) async fn versioning(&self, used_for: Use) -> Finding {
        const CHECK: &str = "versioning";
        let on = match self.client.get_bucket_versioning().bucket(&self.bucket).send().await {
            Ok(answer) => answer.status == Some(BucketVersioningStatus::Enabled),
            Err(error) => return Finding::lacks(CHECK, format!("not looked at: {}", self.failure(&error)), ""),
        };
        match (used_for, on) {
            (Use::Objects, true) => Finding::good(CHECK, "it is on: what is deleted by mistake can be brought back"),
            (Use::Objects, false) => {
                Finding::lacks(CHECK, "it is off: what is deleted by mistake is gone", "switch it on")
            }
            (Use::Rows, true) => Finding::lacks(
                CHECK,
                "it is on: every write of a row leaves its old version behind",
                "let a lifecycle rule expire old versions under this prefix",
            ),
            (Use::Rows, false) => Finding::good(CHECK, "it is off: a row is one object"),
        }
    }

    pub(super) async fn object_lock(&self) -> Finding {
        const CHECK: &str = "object lock";
        const MEND: &str =
            "a bucket has to be made with object lock: name another one, and make it with `dezky migrate`";
        let answer = self.client.get_object_lock_configuration().bucket(&self.bucket).send().await;
        let on = match answer {
            Ok(answer) => {
                let configured = answer.object_lock_configuration.and_then(|c| c.object_lock_enabled);
                Ok(configured == Some(ObjectLockEnabled::Enabled))
            }
            Err(error) => {
                let failure = self.failure(&error);
                // Stores that have none say so in many words; who may not look at it knows nothing.
                if failure.code.starts_with("AccessDenied") { Err(failure) } else { Ok(false) }
            }
        };
        let name = self.place.names.lock;
        match (on, &self.settings.lock) {
            (Ok(true), Some(lock)) => {
                Finding::good(CHECK, format!("objects are put in {} mode for {} days", lock.mode.as_str(), lock.days))
            }
            (Ok(true), None) => Finding::good(CHECK, format!("the bucket has it; {name} asks for none")),
            (Ok(false), Some(_)) => {
                Finding::unfit(CHECK, format!("{name} is set, and the bucket has no object lock"), MEND)
            }
            (Ok(false), None) => {
                Finding::lacks(CHECK, "the bucket has none: whoever may delete can delete the log", MEND)
            }
            (Err(failure), _) => Finding::lacks(CHECK, format!("not looked at: {failure}"), ""),
        }
    }

    /// Whether a bucket that somebody made has the lock that is asked for.
    pub(super) async fn lock_is_there(&self) -> Result<(), String> {
        if self.settings.lock.is_none() {
            return Ok(());
        }
        match self.object_lock().await {
            Finding { verdict: Verdict::Unfit, seen, mend, .. } => {
                Err(self.line(&format!("the bucket `{}` is there: {seen}; {mend}", self.bucket)))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn server_time(&self) -> Result<Option<Timestamp>, String> {
        self.time.of(self.list(&self.object("_probe/"), None, 1)).await
    }
}
