use crate::access::{Access, Scope};
use crate::answers::archives;
use crate::function::{Call, HttpFunction, Route};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::{Example, Kind, MAX_SEQ, Parameter, Place};
use api::ProblemCode;
use services::archive::claims;

/// Gets one archive and its manifest.
pub struct GetArchive;

impl HttpFunction for GetArchive {
    const NAME: &'static str = "get-archive";
    const SUMMARY: &'static str = "Gets one archive and its manifest, by its first event";
    const ROUTE: Route = Route::get("/audit/archives/{startSeq}");
    const ACCESS: Access = Access::OperatorOr(Scope::Read);
    const USES: &'static [Grant] = &[Grant::TableRead];
    const PARAMETERS: &'static [Parameter] = &[Parameter {
        name: "startSeq",
        place: Place::Path,
        kind: Kind::Integer(1, MAX_SEQ),
        description: "First event of the archive",
    }];
    const ANSWERS: &'static [Answer] =
        &[Answer::json::<api::ArchiveWithManifest>(200, "The archive; its manifest stands in it byte for byte")];

    fn example() -> Example {
        Example { path: "/audit/archives/1", query: &[], body: None }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let start = call.given.integer("startSeq").unwrap_or_default();
        let nothing = || {
            let detail = format!("no archive starts with event {start}; GET /audit/archives lists them");
            Fault::new(ProblemCode::NotFound, detail)
        };
        let claim = claims::get(&hub.cx, start).await?.ok_or_else(nothing)?.claim;
        let manifest = claims::manifest_bytes(&hub.cx, &claim).await?;
        let record = archives(&hub.cx, &[claim]).await?.pop().ok_or_else(nothing)?;
        let mut body = serde_json::to_vec(&record).unwrap_or_default();
        // Byte for byte, so that its hash and its signature can be checked.
        body.pop();
        body.extend_from_slice(b",\"manifest\":");
        body.extend_from_slice(manifest.as_deref().unwrap_or(b"null"));
        body.push(b'}');
        Ok(Reply::json(200, body))
    }
}
