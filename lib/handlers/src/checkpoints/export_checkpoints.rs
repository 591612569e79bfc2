use crate::access::{Access, Scope};
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply, cut_short};
use crate::request::Example;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;

/// Exports all checkpoints.
pub struct ExportCheckpoints;

impl HttpFunction for ExportCheckpoints {
    const NAME: &'static str = "export-checkpoints";
    const SUMMARY: &'static str = "Exports all checkpoints as plain lines";
    const ROUTE: Route = Route::get("/audit/checkpoints");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead];
    const ANSWERS: &'static [Answer] =
        &[Answer::lines::<api::Checkpoint>(200, "Stored lines in ascending order, each ended by LF")];

    fn example() -> Example {
        Example { path: "/audit/checkpoints", query: &[], body: None }
    }

    async fn handle(hub: &Hub, _: Call) -> Result<Reply, Fault> {
        let first = services::checkpoints::lines_after(&hub.cx, "").await?;
        let state = (hub.cx.clone(), Some(first));
        let pages = try_unfold(state, |(cx, page)| async move {
            let Some(page) = page else { return Ok(None) };
            let Some((newest, _)) = page.last() else { return Ok(None) };
            let next = services::checkpoints::lines_after(&cx, newest).await;
            let next = next.map_err(|error| cut_short(Self::NAME, &error))?;
            let lines: Vec<u8> = page.iter().flat_map(|(_, line)| [&line[..], b"\n"].concat()).collect();
            Ok::<_, std::io::Error>(Some((Bytes::from(lines), (cx, Some(next)))))
        });
        Ok(Reply::lines(pages.boxed()))
    }
}
