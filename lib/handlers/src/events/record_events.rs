use crate::access::{Access, Scope};
use crate::function::{Call, HttpFunction, Route, TakesBody};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::{Fault, from_record};
use crate::reply::{Answer, Reply, schema};
use crate::request::Example;
use domain::json::{Object, Value};
use serde_json::json;

/// Accepts events for the log. The answer does not wait for the chain.
pub struct RecordEvents;

impl HttpFunction for RecordEvents {
    const NAME: &'static str = "record-events";
    const SUMMARY: &'static str = "Accepts events for the log and answers with their ids";
    const ROUTE: Route = Route::post("/audit/events");
    const ACCESS: Access = Access::Service(Scope::Record);
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::EventsSend];
    const BODY: Option<TakesBody> = Some(TakesBody {
        description: "One event, or an array of 1 to 1,000",
        optional: false,
        schema: schema::<api::NewEvents>,
    });
    const ANSWERS: &'static [Answer] =
        &[Answer::json::<api::RecordedIds>(202, "Accepted and safely queued; the ids in the order of the events")];

    fn example() -> Example {
        let body = json!([{
            "action": "tenant.suspended",
            "actorEmail": "anna@nordhavn.example",
            "at": "2026-11-02T08:15:00Z",
            "externalId": "change-4711",
            "metadata": {"reason": "invoice overdue"},
            "resourceId": "t-7",
            "resourceType": "tenant",
            "tenantSlug": "nordhavn",
        }]);
        Example { path: "/audit/events", query: &[], body: Some(body) }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let sources = call.caller.map(|caller| caller.sources()).unwrap_or_default();
        let (events, alone) = match call.body {
            Value::Array(events) => (events, false),
            one => (vec![one], true),
        };
        let ids = services::record::record(&hub.cx, events, &sources).await.map_err(|e| from_record(e, alone))?;
        let ids = ids.iter().map(|id| id.as_str().into()).collect();
        Ok(Reply::json(202, Object::of([("ids", Value::Array(ids))]).canonical()))
    }
}
