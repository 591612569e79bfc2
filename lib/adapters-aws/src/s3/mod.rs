//! Objects, and a table made of objects, on an S3 API.
//!
//! Only what all who speak it have: put, get, head and delete of one object, listings after a name, multipart
//! uploads. The table needs conditional writes besides (`If-None-Match: *` and `If-Match`), which some accept and
//! ignore; [`ports::Probe`] finds out.

mod backwards;
mod bucket;
mod conditions;
mod configuration;
mod fraction;
mod names;
mod probe;
mod read;
mod refused;
mod row;
mod settings;
mod table;
mod upload;

pub use bucket::S3Bucket;
pub use settings::{Access, StaticKeys};
pub use table::S3Table;

use crate::client::{self, ServerTime};
use crate::failure::{self, Failure, while_busy};
use crate::place::{Place, UrlError};
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use settings::Settings;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A bucket, or the part of it whose names start with a prefix.
#[derive(Debug, Clone)]
struct Store {
    client: Client,
    bucket: String,
    /// Empty, or ends with a slash.
    prefix: String,
    settings: Settings,
    place: Place,
    time: ServerTime,
    /// Set once the bucket was seen to be there.
    there: Arc<OnceCell<()>>,
}

impl Store {
    fn open(setting: &'static str, url: &str, known: &[&str]) -> Result<Self, UrlError> {
        Self::open_with(setting, url, known, &Access::default())
    }

    fn open_with(setting: &'static str, url: &str, known: &[&str], access: &Access) -> Result<Self, UrlError> {
        let mut place = Place::parse(setting, "s3", url, known)?;
        place.names = access.names;
        let (bucket, prefix) = settings::bucket_and_prefix(&place)?;
        let settings = Settings::of(&place)?;
        let time = ServerTime::default();
        let (request, response) = if settings.checksum_where_supported {
            (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported)
        } else {
            (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired)
        };
        let mut config = Builder::from(&client::config(&place));
        if let Some(StaticKeys { access_key, secret_key }) = &access.keys {
            config = config.credentials_provider(Credentials::new(access_key, secret_key, None, None, "settings"));
        }
        let config = config
            .force_path_style(settings.path_style)
            .request_checksum_calculation(request)
            .response_checksum_validation(response)
            .interceptor(time.clone())
            .build();
        Ok(Self { client: Client::from_conf(config), bucket, prefix, settings, place, time, there: Arc::default() })
    }

    /// The name of the object that a key stands for.
    fn object(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        failure::failure(&self.place, &self.thing(), MEND, error)
    }

    fn thing(&self) -> String {
        format!("the bucket `{}`", self.bucket)
    }

    /// An answer to HEAD has no body that tells a missing object from a missing bucket, so after the first
    /// 404 the bucket is looked for.
    async fn bucket_is_there(&self) -> Result<(), Failure> {
        let look = while_busy(async || {
            let Err(error) = self.client.head_bucket().bucket(&self.bucket).send().await else { return Ok(()) };
            match status(&error) {
                // Whoever may not look at the bucket as a whole is told that there is one.
                Some(403) => Ok(()),
                Some(404) => Err(failure::missing(&self.place, &self.thing(), MEND)),
                _ => Err(self.failure(&error)),
            }
        });
        self.there.get_or_try_init(|| look).await.copied()
    }

    /// A line about an answer that cannot be used.
    fn line(&self, text: &str) -> String {
        format!("{}: {text} {}", self.place.setting, self.place.service())
    }

    /// Takes an object away, whatever it is.
    async fn delete(&self, name: &str) -> Result<(), Failure> {
        let deleted = while_busy(async || {
            let request = self.client.delete_object().bucket(&self.bucket).key(name);
            request.send().await.map(drop).map_err(|error| self.failure(&error))
        });
        match deleted.await {
            // Most stores answer as if it had been there.
            Err(failure) if failure.code == "NoSuchKey" => Ok(()),
            outcome => outcome,
        }
    }

    /// Makes the bucket where it is not there; with object lock where that is asked for, since many stores
    /// cannot switch it on later.
    async fn create(&self) -> Result<(), String> {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        // The region that has no name in this API.
        let elsewhere = (self.place.region != "us-east-1").then(|| {
            let region = BucketLocationConstraint::from(self.place.region.as_str());
            CreateBucketConfiguration::builder().location_constraint(region).build()
        });
        let request = self
            .client
            .create_bucket()
            .bucket(&self.bucket)
            .set_create_bucket_configuration(elsewhere)
            .set_object_lock_enabled_for_bucket(self.settings.lock.is_some().then_some(true));
        if let Err(error) = request.send().await {
            let failure = self.failure(&error);
            // Who may use a bucket need not be allowed to make one.
            let there = failure.code == "BucketAlreadyOwnedByYou"
                || self.client.head_bucket().bucket(&self.bucket).send().await.is_ok();
            if !there {
                return Err(failure.text);
            }
        }
        // Some answer to who has one already as if they had made it.
        self.lock_is_there().await
    }
}

/// What to do where there is no bucket.
const MEND: &str = "make it with `dezky migrate`, or mend the name";

/// The status of an answer that is a refusal.
fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::presigning::PresigningConfig;
    use std::time::Duration;

    /// Where a request for the key `k` would go, query and all left away.
    async fn address(url: &str) -> String {
        let store = Store::open("BUCKET_URL", url, &settings::PARAMETERS).unwrap();
        let somebody = Credentials::new("a", "b", None, None, "test");
        let client = Client::from_conf(store.client.config().to_builder().credentials_provider(somebody).build());
        let signed = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
        let request = client.get_object().bucket(&store.bucket).key(store.object("k")).presigned(signed).await.unwrap();
        request.uri().split('?').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn buckets_are_addressed_by_host_or_by_path() {
        for (url, wanted) in [
            ("s3://abc/p?region=eu-central-1", "https://abc.s3.eu-central-1.amazonaws.com/p/k"),
            ("s3://abc?region=eu-central-1&style=path", "https://s3.eu-central-1.amazonaws.com/abc/k"),
            ("s3://abc/p?endpoint=http://localhost:4566", "http://localhost:4566/abc/p/k"),
            ("s3://abc?region=fr-par&endpoint=https://s3.x.cloud&style=vhost", "https://abc.s3.x.cloud/k"),
        ] {
            assert_eq!(address(url).await, wanted, "{url}");
        }
    }
}
