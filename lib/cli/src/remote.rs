//! A hub that answers over HTTP.

use crate::failure::Failure;
use api::Problem;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, Response, StatusCode};
use std::time::Duration;

/// A hub at an address, and a token for it.
pub(crate) struct Remote {
    client: Client,
    url: String,
    token: String,
}

impl Remote {
    pub(crate) fn new(url: &str, token: String) -> Result<Self, Failure> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::usage(format!("--url starts with http:// or https://. url=`{url}`")));
        }
        Ok(Self { client: client()?, url: url.trim_end_matches('/').to_owned(), token })
    }

    /// A request with this path (and query); a problem becomes a failure in its own words.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Response, Failure> {
        let url = format!("{}{path}", self.url);
        let mut request = self.client.request(method, &url).header(AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| unreachable_hub(&self.url, &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = response.bytes().await?;
        Err(explain(&url, status, &bytes))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.ask(Method::GET, path, None).await?.bytes().await?.to_vec())
    }
}

/// A client without a limit on the whole: verifying a large log takes as long as it takes.
pub(crate) fn client() -> Result<Client, Failure> {
    // Fails where another part of the process was first; there is only one to install.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().connect_timeout(Duration::from_secs(10)).build()?)
}

fn unreachable_hub(url: &str, error: &reqwest::Error) -> Failure {
    let causes = handlers::with_causes(error);
    if error.is_connect() {
        return Failure::new(format!("no hub answers at {url}: {causes}; is `dezky up` running there?"));
    }
    Failure::new(format!("{url}: {causes}"))
}

fn explain(url: &str, status: StatusCode, bytes: &[u8]) -> Failure {
    let Ok(problem) = serde_json::from_slice::<Problem>(bytes) else {
        return Failure::new(format!("{url} answers {status}, and not as a Dezky hub does; check --url"));
    };
    let mut text = format!("{} ({}, request {})", problem.detail, problem.code.as_str(), problem.request_id);
    for error in &problem.errors {
        text += &format!("\n  {} {}: {}", error.pointer, error.code, error.detail);
    }
    Failure::new(text)
}
