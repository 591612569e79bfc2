use crate::access::{Access, Scope};
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::Example;

/// Gets the newest checkpoint.
pub struct LatestCheckpoint;

impl HttpFunction for LatestCheckpoint {
    const NAME: &'static str = "latest-checkpoint";
    const SUMMARY: &'static str = "Gets the newest checkpoint; keep a copy elsewhere";
    const ROUTE: Route = Route::get("/audit/checkpoint/latest");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead];
    const ANSWERS: &'static [Answer] =
        &[Answer::json::<Option<api::Checkpoint>>(200, "The newest checkpoint; `null` when there is none")];

    fn example() -> Example {
        Example { path: "/audit/checkpoint/latest", query: &[], body: None }
    }

    async fn handle(hub: &Hub, _: Call) -> Result<Reply, Fault> {
        Ok(Reply::json(200, services::checkpoints::latest_line(&hub.cx).await?))
    }
}
