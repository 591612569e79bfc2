//! What time it is where the service runs.

use crate::failure::Failure;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use domain::time::Timestamp;
use std::sync::{Arc, Mutex};

/// Remembers what time the service had at its last answer; errors say it, too.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerTime(Arc<Mutex<Option<Timestamp>>>);

impl ServerTime {
    /// The time that this answer says, be it a refusal.
    ///
    /// # Errors
    /// Why there was no answer.
    pub(crate) async fn of<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Option<Timestamp>, String> {
        // What an earlier answer has left behind is not the time any more.
        self.take();
        let answer = answer.await;
        match (self.take(), answer) {
            (None, Err(failure)) => Err(failure.text),
            (time, _) => Ok(time),
        }
    }

    fn take(&self) -> Option<Timestamp> {
        self.0.lock().expect("no holder panics").take()
    }
}

#[dyn_dispatch_hint]
impl Intercept for ServerTime {
    fn name(&self) -> &'static str {
        "ServerTime"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(time) = context.response().headers().get("date").and_then(parse_date) {
            *self.0.lock().expect("no holder panics") = Some(time);
        }
        Ok(())
    }
}

fn parse_date(header: &str) -> Option<Timestamp> {
    let date = DateTime::from_str(header, Format::HttpDate).ok()?;
    Timestamp::from_unix_millis(date.to_millis().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        let time = parse_date("Wed, 25 Nov 2026 12:00:01 GMT").unwrap();
        assert_eq!(time.to_string(), "2026-11-25T12:00:01.000Z");
        assert_eq!(parse_date("yesterday"), None);
    }
}
