use crate::access::{Access, Scope};
use crate::answers::hold;
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::Example;

/// Lists holds.
pub struct ListHolds;

impl HttpFunction for ListHolds {
    const NAME: &'static str = "list-holds";
    const SUMMARY: &'static str = "Lists legal holds, oldest first, those that were released included";
    const ROUTE: Route = Route::get("/audit/holds");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    // An event that placed a hold may be archived by now.
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::ColdRead];
    const ANSWERS: &'static [Answer] = &[Answer::json::<Vec<api::Hold>>(200, "All holds")];

    fn example() -> Example {
        Example { path: "/audit/holds", query: &[], body: None }
    }

    async fn handle(hub: &Hub, _: Call) -> Result<Reply, Fault> {
        let holds: Vec<api::Hold> = services::hold::list(&hub.cx).await?.into_iter().map(hold).collect();
        Ok(Reply::document(200, &holds))
    }
}
