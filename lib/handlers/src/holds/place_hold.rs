use super::USES;
use crate::access::Access;
use crate::answers::{hold, subject};
use crate::function::{Call, HttpFunction, Route, TakesBody};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::members::Members;
use crate::problem::Fault;
use crate::reply::{Answer, Reply, schema};
use crate::request::{Example, MAX_SEQ};
use domain::archive::Range;
use serde_json::json;

/// Holds events, whatever their retention.
pub struct PlaceHold;

impl HttpFunction for PlaceHold {
    const NAME: &'static str = "place-hold";
    const SUMMARY: &'static str = "Holds events: their archives do not expire until it is released";
    const ROUTE: Route = Route::post("/audit/holds");
    const ACCESS: Access = Access::Operator;
    const USES: &'static [Grant] = USES;
    const BODY: Option<TakesBody> =
        Some(TakesBody { description: "Which events, and why", optional: false, schema: schema::<api::NewHold> });
    const ANSWERS: &'static [Answer] =
        &[Answer::json::<api::PlacedHold>(201, "The hold, and the archives for which it came too late")];

    fn example() -> Example {
        let body = json!({"fromSeq": 1, "toSeq": 1, "reason": "dispute 4711 with Nordhavn"});
        Example { path: "/audit/holds", query: &[], body: Some(body) }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let mut members = Members::of(&call.body);
        let from = members.number("fromSeq", 1, MAX_SEQ);
        let from = members.required("fromSeq", from);
        let to = members.number("toSeq", 1, MAX_SEQ);
        let to = members.required("toSeq", to);
        let reason = members.text("reason");
        let reason = members.required("reason", reason);
        members.finish()?;
        let range = Range { start: from.unwrap_or_default(), end: to.unwrap_or_default() };
        let reason = reason.unwrap_or_default();
        let placed = services::hold::place(&hub.cx, hub.appender(), range, reason, &subject(&call)).await?;
        let late = placed.too_late.iter().map(|range| api::SeqRange { start_seq: range.start, end_seq: range.end });
        Ok(Reply::document(201, &api::PlacedHold { hold: hold(placed.hold), too_late: late.collect() }))
    }
}
