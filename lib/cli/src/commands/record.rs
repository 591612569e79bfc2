//! `dezky record`: from a file through the queue into the chain.

use crate::failure::Failure;
use crate::remote::Remote;
use crate::target::Target;
use api::RecordedIds;
use domain::json::{Limits, Object, Value, parse};
use domain::names::Source;
use reqwest::Method;
use services::Context;
use services::append::Appender;
use services::record::RecordError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Sources that whoever owns the data directory may speak for.
const SOURCES: [&str; 4] = ["platform-api", "authentik", "ocis", "stalwart"];

/// Bytes of one request: a function platform takes 6 MB at most.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One JSON event, an array of them, or one per line; `-` is stdin. Without it, only what waits in the queue is
    /// chained
    #[arg(long, value_name = "EVENTS")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let path = arguments.file.clone().unwrap_or_default();
    let events = match &arguments.file {
        Some(path) => read_events(&read(path).map_err(|error| Failure::file(path, &error))?, path)?,
        None => Vec::new(),
    };
    let mut ids = Vec::new();
    let done = match target {
        Target::Here(installation) => here(&installation.hub.cx, events, &path, &mut ids).await,
        Target::There(_) if arguments.file.is_none() => return Err(Failure::usage("--url needs --file")),
        Target::There(remote) => there(remote, &events, &mut ids).await,
    };
    // Also when a later batch failed: these are accepted, and whoever tries again must know it.
    if json {
        let ids = ids.iter().map(|id| id.as_str().into()).collect();
        super::print_json(&Object::of([("ids", Value::Array(ids))]).into());
    } else {
        ids.iter().for_each(|id| say!("{id}"));
    }
    match done {
        Ok(then) if json => drop(then),
        Ok(then) => eprintln!("accepted {} events; {then}", ids.len()),
        Err(failure) if ids.is_empty() => return Err(failure),
        Err(failure) => {
            return Err(Failure::new(format!("the first {} events were accepted, then: {failure}", ids.len())));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
    Ok(bytes)
}

/// Through the queue into the chain, in this process.
async fn here(cx: &Context, events: Vec<Value>, path: &Path, ids: &mut Vec<String>) -> Result<String, Failure> {
    let sources = SOURCES.map(|name| Source::new(name).expect("each is a source"));
    let mut refused = None;
    for batch in events.chunks(services::record::MAX_EVENTS) {
        match services::record::record(cx, batch.to_vec(), &sources).await {
            Ok(recorded) => ids.extend(recorded.iter().map(|id| id.as_str().to_owned())),
            Err(error) => {
                refused = Some(explain(error, path, ids.len() + 1));
                break;
            }
        }
    }
    let appender = Appender::new(cx.clone());
    while services::drain::append_events(cx, &appender).await? > 0 {}
    services::derive::derive(cx, services::layout::rows::SCHEMA, u64::MAX).await?;
    let head = services::blocks::find_head(cx, 0).await?.seq;
    refused.map_or_else(|| Ok(format!("chain {} ends at event {head} now", cx.chain)), Err)
}

/// Posts arrays that every platform takes.
async fn there(remote: &Remote, events: &[Value], ids: &mut Vec<String>) -> Result<String, Failure> {
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    let mut events = events.iter().map(Value::canonical).peekable();
    while let Some(event) = events.next() {
        bytes += event.len() + 1;
        batch.push(event);
        let next = events.peek().map_or(usize::MAX, Vec::len);
        if batch.len() == services::record::MAX_EVENTS || bytes.saturating_add(next) > MAX_BATCH_BYTES {
            let body = [&b"["[..], &batch.join(&b','), b"]"].concat();
            let answer = remote.ask(Method::POST, "/audit/events", Some(body)).await?;
            let recorded: RecordedIds = serde_json::from_slice(&answer.bytes().await?)?;
            ids.extend(recorded.ids);
            (batch, bytes) = (Vec::new(), 0);
        }
    }
    Ok("the hub chains them now".to_owned())
}

/// An array, one object, or a document per line.
fn read_events(bytes: &[u8], path: &Path) -> Result<Vec<Value>, Failure> {
    let whole = match parse(bytes, Limits::BATCH) {
        Ok(Value::Array(events)) => return Ok(events),
        Ok(one) => return Ok(vec![one]),
        Err(refusal) => refusal,
    };
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let mut events = Vec::new();
    for (number, line) in (1..).zip(lines) {
        match parse(line, Limits::ADMISSION) {
            Ok(event) => events.push(event),
            // The first line decides what kind of file it is.
            Err(_) if number == 1 => return Err(Failure::new(format!("{}: {whole}", path.display()))),
            Err(refusal) => return Err(Failure::new(format!("{}, event {number}: {refusal}", path.display()))),
        }
    }
    Ok(events)
}

fn explain(error: RecordError, path: &Path, first: usize) -> Failure {
    match error {
        RecordError::Refused(refused) => {
            let each = refused.iter().map(|(i, refusal)| format!("{}, event {}: {refusal}", path.display(), first + i));
            Failure::new(format!("nothing was recorded from event {first} on\n{}", each.collect::<Vec<_>>().join("\n")))
        }
        RecordError::Conflict { index, id } => Failure::new(format!(
            "{}, event {}: the id {id} is taken by an event with other members; give it another id",
            path.display(),
            first + index
        )),
        other => other.into(),
    }
}
