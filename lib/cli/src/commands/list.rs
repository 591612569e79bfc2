//! `dezky list`: the newest events first.

use crate::failure::Failure;
use crate::remote::Remote;
use crate::target::Target;
use domain::event::Event;
use domain::json::{Limits, Value, parse};
use domain::time::Timestamp;
use reqwest::Method;
use services::list::{MAX_LIMIT, Query, list};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many
    #[arg(long, default_value_t = 20, value_parser = at_least_one)]
    limit: usize,
    /// Only events that happened before this RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    before: Option<Timestamp>,
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let mut left = arguments.limit;
    let mut query = Query { limit: 1, before: arguments.before, cursor: None, caller: "cli".to_owned() };
    while left > 0 {
        query.limit = left.min(MAX_LIMIT);
        let (lines, cursor) = match target {
            Target::Here(installation) => {
                let page = list(&installation.hub.cx, &query).await?;
                (page.lines, page.cursor)
            }
            Target::There(remote) => page_of(remote, &query).await?,
        };
        lines.iter().for_each(|line| print(line, json));
        left = left.saturating_sub(lines.len());
        match cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => break,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| "a whole number from 1 belongs here".to_owned())
}

async fn page_of(remote: &Remote, query: &Query) -> Result<(Vec<Vec<u8>>, Option<String>), Failure> {
    let mut path = format!("/audit?limit={}", query.limit);
    if let Some(before) = query.before {
        path += &format!("&before={before}");
    }
    if let Some(cursor) = &query.cursor {
        path += &format!("&cursor={cursor}");
    }
    let response = remote.ask(Method::GET, &path, None).await?;
    let cursor = response.headers().get("dezky-cursor").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let bytes = response.bytes().await?;
    let Value::Array(events) = parse(&bytes, Limits::FORMAT)? else {
        return Err(Failure::new("the hub answered something else than a list"));
    };
    // Stored lines are canonical: written anew they are the same bytes.
    Ok((events.iter().map(Value::canonical).collect(), cursor))
}

fn print(line: &[u8], json: bool) {
    if json {
        say!("{}", String::from_utf8_lossy(line));
        return;
    }
    let Ok(event) = Event::from_line(line) else {
        say!("(this event is not what was recorded; run `dezky verify`)");
        return;
    };
    let value = parse(&event.draft.canonical(), Limits::FORMAT).unwrap_or(Value::Null);
    // Escaped, so that no event can write control characters to the terminal.
    let text = |name| match value.as_object().and_then(|o| o.get(name)) {
        Some(Value::String(text)) => text.escape_debug().to_string(),
        _ => "-".to_owned(),
    };
    let actor = match (text("actorEmail"), text("actorId")) {
        (email, id) if email == "-" => id,
        (email, _) => email,
    };
    say!(
        "{:>8}  {}  {:<28} {:<8} {:<28} {} {}  {}",
        event.seq,
        event.draft.at(),
        text("action"),
        text("outcome"),
        actor,
        text("resourceType"),
        text("resourceId"),
        text("tenantSlug")
    );
}
