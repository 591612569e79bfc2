//! What a queue of an SQS API says about itself, and how it is made.

use super::{DEAD_LETTERS, SqsQueue};
use crate::failure::{Failure, Kind};
use async_trait::async_trait;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use domain::time::Timestamp;
use ports::{Finding, MAX_BODY_BYTES, Probe, QueueSettings};
use std::collections::HashMap;

/// As long as SQS keeps anything.
const RETENTION_SECONDS: u32 = 14 * 24 * 60 * 60;
/// A shorter retention loses what arrives while somebody mends the consumer.
const LEAST_RETENTION_SECONDS: u32 = 4 * 24 * 60 * 60;
/// The work on a batch takes up to half a minute.
const LEAST_VISIBILITY_SECONDS: u32 = 30;
/// The largest body, if all of it has to be escaped.
const LARGEST: usize = MAX_BODY_BYTES / 3 * 4;

type Attributes = HashMap<Attribute, String>;

impl SqsQueue {
    /// Makes the queue of this name, its dead letters, and the policy that leads from one to the other:
    /// whatever is not there. What is there is left as it is.
    ///
    /// # Errors
    /// Why not, in one line that names the setting.
    pub async fn create(setting: &'static str, url: &str, name: &str, settings: QueueSettings) -> Result<(), String> {
        let queue = Self::open(setting, url, name).map_err(|error| error.to_string())?;
        let dead_letters = queue.dead_letters();
        let seconds = settings.visibility_millis.max(0).unsigned_abs().div_ceil(1000);
        let common = HashMap::from([
            (Attribute::VisibilityTimeout, seconds.to_string()),
            (Attribute::MessageRetentionPeriod, RETENTION_SECONDS.to_string()),
        ]);
        let there = dead_letters.make(common.clone()).await.map_err(|failure| failure.text)?;
        let Some(target) = there.get(&Attribute::QueueArn) else {
            return Err(format!("{setting}: the queue `{}` does not say its ARN", dead_letters.url()));
        };
        let count = settings.max_deliveries;
        let redrive = format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":"{count}"}}"#);
        let mut attributes = common;
        attributes.insert(Attribute::RedrivePolicy, redrive.clone());
        let there = queue.make(attributes).await.map_err(|failure| failure.text)?;
        if there.get(&Attribute::RedrivePolicy).is_none_or(String::is_empty) {
            let set = queue.client.set_queue_attributes().queue_url(queue.url());
            let set = set.attributes(Attribute::RedrivePolicy, redrive).send().await;
            set.map_err(|error| queue.failure(&error).text)?;
        }
        Ok(())
    }

    /// The queue's attributes, after making it if it is not there.
    async fn make(&self, attributes: Attributes) -> Result<Attributes, Failure> {
        match self.attributes().await {
            Err(failure) if failure.kind == Kind::Missing => {}
            answer => return answer,
        }
        let url = self.url();
        let name = url.rsplit('/').next().unwrap_or(&url);
        let made = self.client.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await;
        let made = made.map_err(|error| self.failure(&error))?.queue_url.unwrap_or_default();
        self.attributes().await.map_err(|mut failure| {
            if failure.kind == Kind::Missing {
                let setting = self.place.setting;
                failure.text = format!("{setting}: the queue was made as `{made}`, not as `{url}`; mend the URL");
            }
            failure
        })
    }

    async fn attributes(&self) -> Result<Attributes, Failure> {
        let request = self.client.get_queue_attributes().queue_url(self.url()).attribute_names(Attribute::All);
        Ok(request.send().await.map_err(|error| self.failure(&error))?.attributes.unwrap_or_default())
    }

    async fn redrive(&self, attributes: &Attributes) -> Finding {
        const CHECK: &str = "dead letters";
        const MEND: &str = "set its redrive policy; `dezky migrate` does so where there is none";
        let dead_letters = self.dead_letters();
        let url = dead_letters.url();
        // The name is the last part of the ARN that the policy names.
        let name = url.rsplit('/').next().unwrap_or(&url);
        match attributes.get(&Attribute::RedrivePolicy).filter(|policy| !policy.is_empty()) {
            None => {
                Finding::unfit(CHECK, "there is no redrive policy: what cannot be handled comes back for ever", MEND)
            }
            Some(policy) if !policy.contains(&format!(":{name}\"")) => {
                Finding::unfit(CHECK, format!("the redrive policy does not lead to `{name}`: {policy}"), MEND)
            }
            Some(policy) => match dead_letters.attributes().await {
                Ok(_) => Finding::good(CHECK, format!("`{name}`, by the policy {policy}")),
                Err(failure) if failure.kind == Kind::Missing => Finding::unfit(CHECK, failure.text, ""),
                Err(failure) => Finding::lacks(CHECK, format!("not looked at: {failure}"), ""),
            },
        }
    }
}

fn seconds(attributes: &Attributes, name: &Attribute, check: &'static str, least: u32, mend: &'static str) -> Finding {
    match attributes.get(name).and_then(|value| value.parse::<u32>().ok()) {
        Some(seconds) if seconds >= least => Finding::good(check, format!("{seconds} seconds")),
        Some(seconds) => Finding::lacks(check, format!("{seconds} seconds, less than {least}"), mend),
        None => Finding::lacks(check, "the service does not say", ""),
    }
}

fn size(attributes: &Attributes) -> Finding {
    const CHECK: &str = "largest message";
    match attributes.get(&Attribute::MaximumMessageSize).and_then(|value| value.parse::<usize>().ok()) {
        Some(bytes) if bytes >= LARGEST => Finding::good(CHECK, format!("{bytes} bytes")),
        Some(bytes) => Finding::unfit(
            CHECK,
            format!("{bytes} bytes, less than {LARGEST}"),
            format!("set MaximumMessageSize to {LARGEST} or more"),
        ),
        None => Finding::lacks(CHECK, "the service does not say", ""),
    }
}

#[async_trait]
impl Probe for SqsQueue {
    async fn findings(&self) -> Vec<Finding> {
        const CHECK: &str = "queue";
        let attributes = match self.attributes().await {
            Ok(attributes) => attributes,
            // Whoever only sends and receives may not look at it, and need not.
            Err(failure) if failure.code.contains("AccessDenied") => {
                return vec![Finding::lacks(CHECK, format!("not looked at: {failure}"), "")];
            }
            Err(failure) => return vec![Finding::unfit(CHECK, failure.text, "")],
        };
        let mut findings = vec![Finding::good(CHECK, format!("`{}` is there", self.url()))];
        if !self.name.ends_with(DEAD_LETTERS) {
            findings.push(self.redrive(&attributes).await);
        }
        let visibility = "while a batch is worked on, it is delivered again; raise VisibilityTimeout";
        let retention = "what nobody fetches for so long is lost; raise MessageRetentionPeriod";
        findings.extend([
            seconds(&attributes, &Attribute::VisibilityTimeout, "redelivery", LEAST_VISIBILITY_SECONDS, visibility),
            seconds(&attributes, &Attribute::MessageRetentionPeriod, "retention", LEAST_RETENTION_SECONDS, retention),
            size(&attributes),
        ]);
        findings
    }

    async fn time(&self) -> Result<Option<Timestamp>, String> {
        // Any answer will do.
        self.time.of(self.attributes()).await
    }
}
