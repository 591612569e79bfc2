use crate::access::{Access, Scope};
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply, cut_short};
use crate::request::{Example, Kind, MAX_SEQ, Parameter, Place};
use api::ProblemCode;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use services::export::Export;

/// Exports a range of the log: its lines, or the companion that describes them.
pub struct ExportEvents;

impl HttpFunction for ExportEvents {
    const NAME: &'static str = "export-events";
    const SUMMARY: &'static str = "Exports a range of the log as plain lines, or the companion that describes them";
    const ROUTE: Route = Route::get("/audit/export");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::ColdRead];
    const PARAMETERS: &'static [Parameter] = &[
        Parameter {
            name: "from",
            place: Place::Query,
            kind: Kind::Integer(1, MAX_SEQ),
            description: "First event; default 1",
        },
        Parameter {
            name: "to",
            place: Place::Query,
            kind: Kind::Integer(1, MAX_SEQ),
            description: "Last event; default the newest",
        },
        Parameter {
            name: "as",
            place: Place::Query,
            kind: Kind::Word(&["lines", "companion"]),
            description: "`lines` (default), or `companion`: one JSON document with the range, its hashes, the SHA-256 \
                          of the lines and a checkpoint. Ask for both with the same `from` and `to`",
        },
    ];
    const ANSWERS: &'static [Answer] = &[
        Answer::lines::<api::Event>(200, "Stored lines in ascending order, each ended by LF; or the companion"),
        Answer::json::<api::Companion>(200, "Stored lines in ascending order, each ended by LF; or the companion"),
    ];

    fn example() -> Example {
        Example { path: "/audit/export", query: &[("from", "1"), ("to", "1")], body: None }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let from = call.given.integer("from").unwrap_or(1);
        if let Some(to) = call.given.integer("to").filter(|to| *to < from) {
            let detail = format!("the range ends before it starts: from {from} to {to}");
            return Err(Fault::new(ProblemCode::InvalidParameter, detail));
        }
        let mut export = Export::start(&hub.cx, from, call.given.integer("to")).await?;
        if call.given.text("as") == Some("companion") {
            while export.next().await?.is_some() {}
            return Ok(Reply::json(200, export.companion().await?.canonical()));
        }
        // The first block before the status is sent: most of what can go wrong still gets a problem.
        let first = export.next().await?;
        let rest = try_unfold(export, |mut export| async move {
            let lines = export.next().await.map_err(|error| cut_short(Self::NAME, &error))?;
            Ok(lines.map(|lines| (Bytes::from(lines), export)))
        });
        let first = futures_util::stream::iter(first.map(|lines| Ok(Bytes::from(lines))));
        Ok(Reply::lines(first.chain(rest).boxed()))
    }
}
