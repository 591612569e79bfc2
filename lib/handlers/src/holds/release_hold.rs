use super::USES;
use crate::access::Access;
use crate::answers::{hold, subject};
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::{Example, Kind, MAX_SEQ, Parameter, Place};

/// Releases a hold.
pub struct ReleaseHold;

impl HttpFunction for ReleaseHold {
    const NAME: &'static str = "release-hold";
    const SUMMARY: &'static str = "Releases a hold; once more does nothing";
    const ROUTE: Route = Route::post("/audit/holds/{seq}/release");
    const ACCESS: Access = Access::Operator;
    const USES: &'static [Grant] = USES;
    const PARAMETERS: &'static [Parameter] = &[Parameter {
        name: "seq",
        place: Place::Path,
        kind: Kind::Integer(1, MAX_SEQ),
        description: "The hold: `seq` of the event that placed it",
    }];
    const ANSWERS: &'static [Answer] = &[Answer::json::<api::Hold>(200, "The hold, released")];

    fn example() -> Example {
        Example { path: "/audit/holds/2/release", query: &[], body: None }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let seq = call.given.integer("seq").unwrap_or_default();
        let released = services::hold::release(&hub.cx, hub.appender(), seq, &subject(&call)).await?;
        Ok(Reply::document(200, &hold(released)))
    }
}
