//! What all clients have in common: how they connect, who they are, when they give up.

#[cfg(any(feature = "dynamodb", feature = "s3", feature = "sqs"))]
mod server_time;

use crate::place::Place;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, imds};
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, SharedCredentialsProvider, future};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

#[cfg(any(feature = "dynamodb", feature = "s3", feature = "sqs"))]
pub(crate) use server_time::ServerTime;

const CONNECT: Duration = Duration::from_secs(5);
/// Longer than the longest poll of a queue, twenty seconds.
const ANSWER: Duration = Duration::from_secs(30);
/// Off AWS nobody is at the address of the instance metadata; whoever forgot the credentials is told so soon.
const METADATA: Duration = Duration::from_secs(1);
/// Shorter than servers and gateways keep idle connections, so that no write meets one that is being closed.
const IDLE: Duration = Duration::from_secs(15);

/// The configuration that a client of any of the services is made from. Nothing is read or connected here.
pub(crate) fn config(place: &Place) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(IDLE)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    config_on(place, http)
}

/// The same on another HTTP client, such as one that plays back what was recorded.
pub(crate) fn config_on(place: &Place, http: SharedHttpClient) -> SdkConfig {
    let region = Region::new(place.region.clone());
    let credentials = Credentials { region: region.clone(), http: http.clone(), chain: Arc::default() };
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER).build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .http_client(http)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // A write that is sent twice conflicts with itself. What to do about an unknown outcome is the services' to say.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    config.set_endpoint_url(place.endpoint.clone());
    config.build()
}

/// The default chain of AWS tools, built at first use: building it may read files.
#[derive(Debug)]
struct Credentials {
    region: Region,
    http: SharedHttpClient,
    chain: Arc<OnceCell<DefaultCredentialsChain>>,
}

impl Credentials {
    async fn build(&self) -> DefaultCredentialsChain {
        let provider = ProviderConfig::without_region()
            .with_region(Some(self.region.clone()))
            .with_http_client(self.http.clone())
            .with_behavior_version(Some(BehaviorVersion::latest()));
        let metadata = imds::Client::builder()
            .configure(&provider)
            .max_attempts(1)
            .connect_timeout(METADATA)
            .read_timeout(METADATA)
            .operation_timeout(METADATA)
            .build();
        DefaultCredentialsChain::builder()
            .region(self.region.clone())
            .configure(provider)
            .imds_client(metadata)
            .build()
            .await
    }

    async fn provide(&self) -> Provided {
        self.chain.get_or_init(|| self.build()).await.provide_credentials().await
    }
}

impl ProvideCredentials for Credentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_made_without_asking_anybody() {
        let place = Place::parse("X_URL", "x", "x://t?region=eu-central-1", &["region"]).unwrap();
        let config = config(&place);
        assert_eq!(config.region().map(|r| r.as_ref()), Some("eu-central-1"));
        assert_eq!((config.endpoint_url(), config.retry_config().map(RetryConfig::max_attempts)), (None, Some(1)));
    }
}
