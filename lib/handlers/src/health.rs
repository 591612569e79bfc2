use crate::access::Access;
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::Example;
use api::{HealthStatus, LastVerification, VerificationStatus};
use services::verified::Verified;

/// Says whether the hub works, and whether its log holds.
pub struct Health;

impl HttpFunction for Health {
    const NAME: &'static str = "health";
    const SUMMARY: &'static str = "Says whether events are taken, and what the last scheduled verification found";
    const ROUTE: Route = Route::get("/health");
    const ACCESS: Access = Access::Public;
    const USES: &'static [Grant] = &[Grant::TableRead];
    const ANSWERS: &'static [Answer] = &[Answer::json::<api::Health>(200, "Events are taken")];

    fn example() -> Example {
        Example { path: "/health", query: &[], body: None }
    }

    async fn handle(hub: &Hub, _: Call) -> Result<Reply, Fault> {
        let last_verification = services::verified::load(&hub.cx).await?.and_then(last);
        let status = match last_verification.as_ref().map(|last| last.status) {
            None | Some(VerificationStatus::Intact) => HealthStatus::Ok,
            Some(VerificationStatus::Incomplete) => HealthStatus::Unverified,
            Some(VerificationStatus::Broken) => HealthStatus::Broken,
        };
        let health = api::Health {
            status,
            service: "dezky-platform-api".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            last_verification,
        };
        Ok(Reply::json(200, serde_json::to_vec(&health).unwrap_or_default()))
    }
}

fn last(verified: Verified) -> Option<LastVerification> {
    let report = verified.report.as_object()?;
    let status = match report.get("status")?.as_str()? {
        "intact" => VerificationStatus::Intact,
        "broken" => VerificationStatus::Broken,
        _ => VerificationStatus::Incomplete,
    };
    let kind = report.get("break").and_then(|found| found.as_object()?.get("kind")?.as_str());
    Some(LastVerification { at: verified.at.to_string(), status, break_kind: kind.map(str::to_owned) })
}
