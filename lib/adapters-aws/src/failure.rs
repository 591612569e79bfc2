//! What an answer that is none means, once for all services.

mod codes;

use crate::place::Place;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
#[cfg(any(feature = "dynamodb", feature = "s3"))]
use ports::TableError;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

#[cfg(feature = "sqs")]
pub(crate) use codes::is_busy;

/// What can be said of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was not done: the service is busy.
    Busy,
    /// It may have been done, or the service could not be reached; either way, another time it may work.
    Unknown,
    /// What it names is not there.
    Missing,
    /// It was not done and never will be, until somebody mends the setting, the credentials or this program.
    Refused,
}

/// A request that failed: what became of it, and one line for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What to do about it.
    pub(crate) kind: Kind,
    /// The service's own word for it; empty where the service said none.
    pub(crate) code: String,
    /// The setting, what happened and where, what to do.
    pub(crate) text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A failure about something that is known not to be there.
#[cfg(feature = "s3")]
pub(crate) fn missing(place: &Place, thing: &str, mend: &str) -> Failure {
    let text = format!("{}: {}", place.setting, codes::not_there(place, thing, mend));
    Failure { kind: Kind::Missing, code: String::new(), text }
}

/// What a table says of it.
#[cfg(any(feature = "dynamodb", feature = "s3"))]
pub(crate) fn table_error(failure: Failure) -> TableError {
    match failure.kind {
        Kind::Busy => TableError::Throttled(failure.text),
        Kind::Unknown => TableError::Unavailable(failure.text),
        Kind::Missing | Kind::Refused => TableError::Rejected(failure.text),
    }
}

/// What a failed request means. `thing` is what it named, for a person: "the table `x`"; `mend` says what
/// to do where that is not there.
pub(crate) fn failure<E>(place: &Place, thing: &str, mend: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let line = |kind, code: &str, text: String| Failure {
        kind,
        code: code.to_owned(),
        text: format!("{}: {text}", place.setting),
    };
    let service = place.service();
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or_default();
            let (kind, text) = codes::meaning(place, thing, mend, answer.raw().status().as_u16(), code);
            // The service's own words say which table, which action, which limit.
            let said = answer.err().message().map(one_line).filter(|said| !said.is_empty());
            line(kind, code, said.map_or(text.clone(), |said| format!("{text} ({said})")))
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            line(Kind::Unknown, "", no_answer_of_ours(&service, status))
        }
        SdkError::TimeoutError(_) => line(Kind::Unknown, "", format!("{thing}: no answer in time {service}")),
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
            let (kind, text) = not_answered(place, error);
            line(kind, "", text)
        }
        other => line(Kind::Unknown, "", format!("{thing}: {}", deepest(other))),
    }
}

fn no_answer_of_ours(service: &str, status: u16) -> String {
    format!("the answer {service} (HTTP {status}) is not one of this API, or was cut off; check that the URL is right")
}

/// No answer, perhaps not even a request.
fn not_answered(place: &Place, error: &(dyn Error + 'static)) -> (Kind, String) {
    let service = place.service();
    if let Some(credentials) = causes(error).find_map(|error| error.downcast_ref::<CredentialsError>()) {
        return match credentials {
            CredentialsError::CredentialsNotLoaded(_) => {
                let text = "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where \
                            there are some (profile, container, instance)";
                (Kind::Refused, text.to_owned())
            }
            CredentialsError::InvalidConfiguration(_) => {
                (Kind::Refused, format!("the credentials cannot be used: {}", deepest(credentials)))
            }
            _ => (Kind::Unknown, format!("the credentials could not be fetched: {}", deepest(credentials))),
        };
    }
    let says = |start: &str| causes(error).any(|error| error.to_string().starts_with(start));
    let io = causes(error).find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
    let text = if says("dns error") {
        let host = match &place.endpoint {
            Some(endpoint) => endpoint.split("://").last().unwrap_or(endpoint).to_owned(),
            None => format!("of the region {}", place.region),
        };
        format!("the host `{host}` is not known (DNS); check the name, and that this machine has a network")
    } else if io == Some(io::ErrorKind::ConnectionRefused) {
        format!("nobody listens {service} (connection refused); check the address, and that the service runs")
    } else if says("received corrupt message of type InvalidContentType") {
        format!("what answers {service} does not speak TLS; use http:// if it is meant to be without")
    } else if says("client error (Connect)") || says("HTTP connect timeout") {
        format!("no connection {service}: {}", deepest(error))
    } else {
        format!("the connection was lost {service}: {}", deepest(error))
    };
    (Kind::Unknown, text)
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| Error::source(*error))
}

pub(crate) fn deepest(error: &(dyn Error + 'static)) -> String {
    one_line(&causes(error).last().unwrap_or(error).to_string())
}

/// The longest answer that is repeated to a person.
const SAID: usize = 300;

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID).collect()
}

/// How often something is asked for at most.
pub(crate) const ATTEMPTS: u32 = 6;
const FIRST_WAIT_MILLIS: u64 = 40;

/// Asks again, a few times over about two seconds, while the service says that it is busy.
pub(crate) async fn while_busy<T, Answer>(mut ask: impl FnMut() -> Answer) -> Result<T, Failure>
where
    Answer: Future<Output = Result<T, Failure>>,
{
    let mut attempt = 1;
    loop {
        match ask().await {
            Err(failure) if failure.kind == Kind::Busy && attempt < ATTEMPTS => back_off(attempt).await,
            answer => return answer,
        }
        attempt += 1;
    }
}

/// Waits longer each time, and never as long as others who were refused in the same moment.
pub(crate) async fn back_off(attempt: u32) {
    let mut chance = [0; 2];
    // Without chance it waits the longest; that is no reason to fail.
    let _ = getrandom::fill(&mut chance);
    let most = FIRST_WAIT_MILLIS << attempt.min(ATTEMPTS);
    let less = most / 2 * u64::from(u16::from_be_bytes(chance)) / u64::from(u16::MAX);
    tokio::time::sleep(Duration::from_millis(most - less)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_stays_one_short_line() {
        assert_eq!(one_line(" a\n  b\t c "), "a b c");
        assert_eq!(one_line(&"ä".repeat(1000)).chars().count(), SAID);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_busy_is_asked_again_but_not_for_ever() {
        let busy = || Failure { kind: Kind::Busy, code: String::new(), text: String::new() };
        for (refusals, calls, done) in [(0, 1, true), (3, 4, true), (99, ATTEMPTS, false)] {
            let mut asked = 0;
            let answer = while_busy(|| {
                asked += 1;
                std::future::ready(if asked > refusals { Ok(()) } else { Err(busy()) })
            });
            assert_eq!(answer.await.is_ok(), done);
            assert_eq!(asked, calls);
        }
    }
}
