//! `dezky list`: the newest events first.

use crate::failure::Failure;
use domain::event::Event;
use domain::json::{Limits, Value, parse};
use domain::time::Timestamp;
use services::Context;
use services::list::{MAX_LIMIT, Query, list};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Only events that happened before this RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    before: Option<Timestamp>,
}

pub(crate) async fn run(cx: &Context, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let mut left = arguments.limit;
    let mut query = Query { limit: 1, before: arguments.before, cursor: None, caller: "cli".to_owned() };
    while left > 0 {
        query.limit = left.min(MAX_LIMIT);
        let page = list(cx, &query).await?;
        page.lines.iter().for_each(|line| print(line, json));
        left -= page.lines.len();
        match page.cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => break,
        }
    }
    Ok(ExitCode::SUCCESS)
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
