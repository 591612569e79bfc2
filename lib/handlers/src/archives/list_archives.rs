use crate::access::{Access, Scope};
use crate::answers::archives;
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::{Example, Kind, MAX_SEQ, Parameter, Place};
use services::archive::claims;
use services::layout::archives::Claim;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 500;

/// Lists archives, newest first.
pub struct ListArchives;

impl HttpFunction for ListArchives {
    const NAME: &'static str = "list-archives";
    const SUMMARY: &'static str = "Lists archives, newest first";
    const ROUTE: Route = Route::get("/audit/archives");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead];
    const PARAMETERS: &'static [Parameter] = &[
        Parameter {
            name: "limit",
            place: Place::Query,
            kind: Kind::Integer(1, MAX_LIMIT),
            description: "Archives of a page; default 100",
        },
        Parameter {
            name: "before",
            place: Place::Query,
            kind: Kind::Integer(1, MAX_SEQ),
            description: "Only archives that start before this event: `startSeq` of the last one of the page before",
        },
    ];
    const ANSWERS: &'static [Answer] =
        &[Answer::json::<Vec<api::Archive>>(200, "Archives. Link leads to the next page where there is one")];

    fn example() -> Example {
        Example { path: "/audit/archives", query: &[("limit", "20")], body: None }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let limit = call.given.integer("limit").unwrap_or(DEFAULT_LIMIT);
        let most = usize::try_from(limit).unwrap_or_default();
        let stored = claims::before(&hub.cx, call.given.integer("before"), most + 1).await?;
        let more = stored.len() > most;
        let page: Vec<Claim> = stored.into_iter().take(most).map(|stored| stored.claim).collect();
        let reply = Reply::document(200, &archives(&hub.cx, &page).await?);
        Ok(match page.last().filter(|_| more) {
            Some(last) => {
                let start = last.range.start;
                reply.header("link", format!("</audit/archives?limit={limit}&before={start}>; rel=\"next\""))
            }
            None => reply,
        })
    }
}
