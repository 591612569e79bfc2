use crate::access::Access;
use crate::answers::{restored, subject};
use crate::function::{Call, HttpFunction, Route, TakesBody};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::members::Members;
use crate::problem::Fault;
use crate::reply::{Answer, Reply, schema};
use crate::request::{Example, Kind, MAX_SEQ, Parameter, Place};
use serde_json::json;
use services::restore::{MAX_DAYS, restore};

/// Brings an archive back for reading.
pub struct RestoreArchive;

impl HttpFunction for RestoreArchive {
    const NAME: &'static str = "restore-archive";
    const SUMMARY: &'static str = "Brings an archive back for reading, for some days";
    const ROUTE: Route = Route::post("/audit/archives/{startSeq}/restore");
    const ACCESS: Access = Access::Operator;
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::TableWrite, Grant::ColdRead];
    const PARAMETERS: &'static [Parameter] = &[Parameter {
        name: "startSeq",
        place: Place::Path,
        kind: Kind::Integer(1, MAX_SEQ),
        description: "First event of the archive",
    }];
    const BODY: Option<TakesBody> = Some(TakesBody {
        description: "For how long; may be left out",
        optional: true,
        schema: schema::<api::NewRestore>,
    });
    const ANSWERS: &'static [Answer] = &[
        Answer::json::<api::Restore>(202, "It is restored by this call, or one before that had not come to its end"),
        Answer::json::<api::Restore>(200, "It was restored before"),
    ];
    // It is done to its end, even where the gateway has given up; the next call says how far it is.
    const TIMEOUT_SECONDS: u32 = 300;

    fn example() -> Example {
        Example { path: "/audit/archives/1/restore", query: &[], body: Some(json!({"days": 7})) }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let mut members = Members::of(&call.body);
        let days = members.number("days", 1, u64::from(MAX_DAYS));
        members.finish()?;
        let start = call.given.integer("startSeq").unwrap_or_default();
        let done = restore(&hub.cx, start, days, &subject(&call)).await?;
        let status = if done.was_ready { 200 } else { 202 };
        Ok(Reply::document(status, &restored(done)))
    }
}
