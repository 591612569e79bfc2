use super::{USES, plan};
use crate::access::Access;
use crate::answers::{archives, subject};
use crate::function::{Call, HttpFunction, Route, TakesBody};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::members::Members;
use crate::problem::Fault;
use crate::reply::{Answer, Reply, schema};
use crate::request::Example;
use serde_json::json;
use services::archive::schedule::{Plan, daily, days_before};
use services::archive::{Request, archive};

/// No batch is begun after this: a gateway waits 29 s for the answer.
const MILLIS: i64 = 20_000;
/// A hundred years.
const MAX_DAYS: u64 = 36_500;

/// Archives on request.
pub struct RunArchive;

impl HttpFunction for RunArchive {
    const NAME: &'static str = "run-archive";
    const SUMMARY: &'static str = "Archives now what is due, or what is older than it is told";
    const ROUTE: Route = Route::post("/audit/archive/run");
    const ACCESS: Access = Access::Operator;
    const USES: &'static [Grant] = USES;
    const BODY: Option<TakesBody> = Some(TakesBody {
        description: "Whether to bypass what guards the daily run, and from which age on to archive; may be left out",
        optional: true,
        schema: schema::<api::NewArchiveRun>,
    });
    const ANSWERS: &'static [Answer] = &[Answer::json::<api::ArchiveRun>(200, "What was archived, or why nothing was")];
    // A batch that was begun is finished, even where the gateway has given up; the claim says how far it is.
    const TIMEOUT_SECONDS: u32 = 120;

    fn example() -> Example {
        let body = json!({"override": true, "olderThanDays": 0});
        Example { path: "/audit/archive/run", query: &[], body: Some(body) }
    }

    async fn handle(hub: &Hub, call: Call) -> Result<Reply, Fault> {
        let mut members = Members::of(&call.body);
        let bypass = members.flag("override").unwrap_or(false);
        let older = members.number("olderThanDays", 0, MAX_DAYS);
        members.finish()?;
        let (cx, by) = (&hub.cx, Some(subject(&call)));
        let now = cx.clock.now();
        let until = Some(now.plus_millis(MILLIS));
        let days = older.unwrap_or(hub.archiving.hot_retention_days);
        let run = match bypass {
            true => archive(cx, hub.appender(), &Request { cutoff: days_before(now, days), by, until }).await?,
            false => {
                let plan = Plan { hot_retention_days: days, counts: older.is_none(), ..plan(&hub.archiving) };
                match daily(cx, hub.appender(), plan, by, until).await? {
                    Ok(run) => run,
                    Err(not_now) => {
                        let why = format!("{}; send {{\"override\": true}} to archive all the same", not_now.reason());
                        let (complete, batches) = (None, Vec::new());
                        let run = api::ArchiveRun { ok: true, complete, batches, skipped: Some(why) };
                        return Ok(Reply::document(200, &run));
                    }
                }
            }
        };
        let batches = archives(cx, &run.batches).await?;
        let run = api::ArchiveRun { ok: true, complete: Some(run.complete), batches, skipped: None };
        Ok(Reply::document(200, &run))
    }
}
