use crate::access::{Access, Scope};
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::{Fault, parameter};
use crate::reply::{Answer, Reply};
use crate::request::{self, Example, Kind, Parameter};
use services::verify::{Place, Request, Tiers, report_value, verify_tiers};

/// No archive is begun after this: a gateway waits 29 s for the answer.
const MILLIS: i64 = 20_000;

/// Verifies the log.
pub struct VerifyChain;

impl HttpFunction for VerifyChain {
    const NAME: &'static str = "verify-chain";
    const SUMMARY: &'static str = "Verifies every event and checkpoint, and names the first break";
    const ROUTE: Route = Route::get("/audit/verify");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::BucketRead, Grant::ColdRead];
    const PARAMETERS: &'static [Parameter] = &[
        Parameter {
            name: "tiers",
            place: request::Place::Query,
            kind: Kind::Word(&["hot", "all"]),
            description: "`hot` (default): the table, with the headers of what is archived; `all`: archives, too",
        },
        Parameter {
            name: "cursor",
            place: request::Place::Query,
            kind: Kind::Text,
            description: "With `tiers=all`, the header Dezky-Cursor of an answer that did not reach the end: goes on \
                          from there. Each answer speaks of its own part",
        },
    ];
    const ANSWERS: &'static [Answer] = &[Answer::json::<api::Verification>(
        200,
        "What was found, good or bad. Where the time was over before the end, Dezky-Truncated says so, `status` is \
         at best `incomplete`, and Dezky-Cursor and Link lead on",
    )];

    fn example() -> Example {
        Example { path: "/audit/verify", query: &[], body: None }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let cx = &hub.cx;
        let mut request = Request::with_threads(cx.threads);
        if call.given.text("tiers") == Some("all") {
            request.tiers = Tiers::All;
            request.until = Some(cx.clock.now().plus_millis(MILLIS));
        }
        if let Some(cursor) = call.given.text("cursor") {
            if request.tiers != Tiers::All {
                return Err(parameter("cursor", "a cursor goes with the tiers=all that it was given for".to_owned()));
            }
            let place = Place::open(cursor, &cx.cursor_key).map_err(|error| parameter("cursor", error.to_string()))?;
            request.from = Some(place);
        }
        let verification = verify_tiers(cx, request, |_, _| ()).await?;
        let reply = Reply::json(200, report_value(&verification).canonical());
        Ok(match verification.stopped {
            None => reply,
            Some(place) => {
                let cursor = place.seal(&cx.cursor_key);
                let next = format!("</audit/verify?tiers=all&cursor={cursor}>; rel=\"next\"");
                reply.header("dezky-truncated", "true".to_owned()).header("link", next).header("dezky-cursor", cursor)
            }
        })
    }
}
