use crate::access::{Access, Scope};
use crate::answers::link;
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::{Example, Kind, MAX_SEQ, Parameter, Place};
use api::ProblemCode;
use services::blocks::Found;

/// Gets one event.
pub struct GetEvent;

impl HttpFunction for GetEvent {
    const NAME: &'static str = "get-event";
    const SUMMARY: &'static str = "Gets one event by its position";
    const ROUTE: Route = Route::get("/audit/{seq}");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::ColdRead];
    const PARAMETERS: &'static [Parameter] = &[Parameter {
        name: "seq",
        place: Place::Path,
        kind: Kind::Integer(1, MAX_SEQ),
        description: "Position in the log, from 1",
    }];
    const ANSWERS: &'static [Answer] = &[Answer::json::<api::Event>(
        200,
        "The stored line, byte for byte. Dezky-Cold and Link name the archive that it was read from, if it is archived",
    )];

    fn example() -> Example {
        Example { path: "/audit/1", query: &[], body: None }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let seq = call.given.integer("seq").unwrap_or_default();
        match services::blocks::find_event(&hub.cx, seq).await? {
            Some(Found { line, archive: None }) => Ok(Reply::json(200, line)),
            Some(Found { line, archive: Some(archive) }) => {
                Ok(Reply::json(200, line).header("dezky-cold", archive.to_string()).header("link", link(archive)))
            }
            None => Err(Fault::new(ProblemCode::NotFound, format!("the log has no event {seq} yet"))),
        }
    }
}
