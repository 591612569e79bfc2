use crate::access::{Access, Scope};
use crate::answers::link;
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::{Example, Kind, Parameter, Place};
use services::list::{MAX_LIMIT, Query, list};

const DEFAULT_LIMIT: u64 = 100;

/// Lists events, newest first.
pub struct ListEvents;

impl HttpFunction for ListEvents {
    const NAME: &'static str = "list-events";
    const SUMMARY: &'static str = "Lists events, newest first by the time they happened";
    const ROUTE: Route = Route::get("/audit");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::ColdRead];
    const PARAMETERS: &'static [Parameter] = &[
        Parameter {
            name: "limit",
            place: Place::Query,
            kind: Kind::Integer(1, MAX_LIMIT as u64),
            description: "Events of a page; default 100",
        },
        Parameter {
            name: "before",
            place: Place::Query,
            kind: Kind::Time,
            description: "Only events that happened before this RFC 3339 time",
        },
        Parameter {
            name: "cursor",
            place: Place::Query,
            kind: Kind::Text,
            description: "The header Dezky-Cursor of the page before, with the same other parameters. A walk by \
                          cursors skips nothing, doubles nothing, and does not see events that came after its start",
        },
    ];
    const ANSWERS: &'static [Answer] = &[Answer::json::<Vec<api::Event>>(
        200,
        "Stored lines, byte for byte. Dezky-Cursor and Link lead to the next page where there is one; \
         Dezky-Truncated says that this page ended early because it had read enough; Dezky-Cold, after which time \
         the page is complete where archived events may be missing on it, and Link, in which archives they are; \
         Dezky-Restored, of which restored archives it holds events",
    )];

    fn example() -> Example {
        Example { path: "/audit", query: &[("limit", "20")], body: None }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let limit = call.given.integer("limit").unwrap_or(DEFAULT_LIMIT);
        let before = call.given.text("before");
        let query = Query {
            limit: usize::try_from(limit).unwrap_or(MAX_LIMIT),
            before: call.given.time("before"),
            cursor: call.given.text("cursor").map(str::to_owned),
            caller: call.caller.map(|caller| caller.subject).unwrap_or_default(),
        };
        let page = list(&hub.cx, &query).await?;
        let mut body = b"[".to_vec();
        body.extend(page.lines.join(&b','));
        body.push(b']');
        let mut reply = Reply::json(200, body);
        let mut links = Vec::new();
        if let Some(cursor) = page.cursor {
            let before = before.map(|before| format!("&before={}", escape(before))).unwrap_or_default();
            links.push(format!("</audit?limit={limit}{before}&cursor={cursor}>; rel=\"next\""));
            reply = reply.header("dezky-cursor", cursor);
        }
        if let Some(cold) = page.cold {
            reply = reply.header("dezky-cold", format!("complete-after=\"{}\"", cold.complete_after));
            links.extend(cold.archives.into_iter().map(link));
        }
        if !links.is_empty() {
            reply = reply.header("link", links.join(", "));
        }
        if !page.restored.is_empty() {
            let ranges: Vec<String> = page.restored.iter().map(ToString::to_string).collect();
            reply = reply.header("dezky-restored", ranges.join(", "));
        }
        if page.stopped_early {
            reply = reply.header("dezky-truncated", "true".to_owned());
        }
        Ok(reply)
    }
}

fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
