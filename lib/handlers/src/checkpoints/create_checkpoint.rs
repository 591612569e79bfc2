use crate::access::Access;
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::Example;
use domain::checkpoint::Reason;

/// Signs everything so far.
pub struct CreateCheckpoint;

impl HttpFunction for CreateCheckpoint {
    const NAME: &'static str = "create-checkpoint";
    const SUMMARY: &'static str = "Signs a checkpoint of the newest event";
    const ROUTE: Route = Route::post("/audit/checkpoint");
    const ACCESS: Access = Access::Operator;
    const USES: &'static [Grant] =
        &[Grant::TableRead, Grant::TableWrite, Grant::BucketRead, Grant::BucketWrite, Grant::ColdRead, Grant::Sign];
    const ANSWERS: &'static [Answer] = &[
        Answer::json::<api::Checkpoint>(201, "The new checkpoint"),
        Answer::json::<Option<api::Checkpoint>>(
            200,
            "The newest one, when nothing moved since; `null` in an empty log",
        ),
    ];

    fn example() -> Example {
        Example { path: "/audit/checkpoint", query: &[], body: None }
    }

    async fn handle(hub: &Hub, _: Call) -> Result<Reply, Fault> {
        if let Some(checkpoint) = services::sign::sign(&hub.cx, Reason::Manual).await? {
            return Ok(Reply::json(201, checkpoint.line()));
        }
        Ok(Reply::json(200, services::checkpoints::latest_line(&hub.cx).await?))
    }
}
