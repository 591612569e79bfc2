use crate::access::{Access, Scope};
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::Example;
use services::verify::{Request, report_value, verify_tiers};

/// Verifies the log.
pub struct VerifyChain;

impl HttpFunction for VerifyChain {
    const NAME: &'static str = "verify-chain";
    const SUMMARY: &'static str = "Verifies every event and checkpoint, and names the first break";
    const ROUTE: Route = Route::get("/audit/verify");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::BucketRead];
    const ANSWERS: &'static [Answer] = &[Answer::json::<api::Verification>(200, "What was found, good or bad")];

    fn example() -> Example {
        Example { path: "/audit/verify", query: &[], body: None }
    }

    async fn handle(hub: &Hub, _: Call) -> Result<Reply, Fault> {
        let verification = verify_tiers(&hub.cx, Request::with_threads(hub.cx.threads), |_, _| ()).await?;
        Ok(Reply::json(200, report_value(&verification).canonical()))
    }
}
