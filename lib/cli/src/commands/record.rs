//! `dezky record`: from a file through the queue into the chain.

use crate::failure::Failure;
use domain::json::{Limits, Object, Value, parse};
use domain::names::Source;
use services::Context;
use services::append::Appender;
use services::record::RecordError;
use std::path::PathBuf;
use std::process::ExitCode;

/// Sources that whoever owns the data directory may speak for.
const SOURCES: [&str; 4] = ["platform-api", "authentik", "ocis", "stalwart"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One JSON event, an array of them, or one per line; without it, only what waits in the queue is
    /// chained
    #[arg(long, value_name = "EVENTS")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(cx: &Context, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let path = arguments.file.clone().unwrap_or_default();
    let events = match &arguments.file {
        Some(path) => read_events(&std::fs::read(path).map_err(|error| Failure::file(path, &error))?, path)?,
        None => Vec::new(),
    };
    let sources = SOURCES.map(|name| Source::new(name).expect("each is a source"));
    let mut ids = Vec::new();
    let mut first = 1;
    for batch in events.chunks(services::record::MAX_EVENTS) {
        let recorded = services::record::record(cx, batch.to_vec(), &sources).await;
        ids.extend(recorded.map_err(|error| explain(error, &path, first))?);
        first += batch.len();
    }
    let appender = Appender::new(cx.clone());
    while services::drain::append_events(cx, &appender).await? > 0 {}
    services::derive::derive(cx, services::layout::rows::SCHEMA, u64::MAX).await?;
    if json {
        let ids = ids.iter().map(|id| id.as_str().into()).collect();
        super::print_json(&Object::of([("ids", Value::Array(ids))]).into());
    } else {
        ids.iter().for_each(|id| say!("{id}"));
        let head = services::blocks::find_head(cx, 0).await?.seq;
        eprintln!("accepted {} events; chain {} ends at event {head} now", ids.len(), cx.chain);
    }
    Ok(ExitCode::SUCCESS)
}

/// An array, one object, or a document per line.
fn read_events(bytes: &[u8], path: &std::path::Path) -> Result<Vec<Value>, Failure> {
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

fn explain(error: RecordError, path: &std::path::Path, first: usize) -> Failure {
    match error {
        RecordError::Refused(refused) => {
            let each = refused.iter().map(|(i, refusal)| format!("{}, event {}: {refusal}", path.display(), first + i));
            Failure::new(format!("nothing of this batch was recorded\n{}", each.collect::<Vec<_>>().join("\n")))
        }
        RecordError::Conflict { index, id } => Failure::new(format!(
            "{}, event {}: the id {id} is taken by an event with other members; give it another id",
            path.display(),
            first + index
        )),
        other => other.into(),
    }
}
