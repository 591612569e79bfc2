//! `dezky accept-break`: an operator's word, recorded for ever.

use crate::failure::Failure;
use domain::json::{Object, Value};
use services::Context;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Who accepts it; recorded in the event
    #[arg(long, value_name = "NAME")]
    operator: String,
}

pub(crate) async fn run(cx: &Context, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    if arguments.operator.trim().is_empty() {
        return Err(Failure::usage("--operator says who accepts the break: give a name"));
    }
    let seq = services::accept_break::accept_break(cx, &arguments.operator).await?;
    if json {
        super::print_json(&Object::of([("seq", Value::integer(seq).unwrap_or(Value::Null))]).into());
    } else {
        eprintln!("recorded as event {seq}; writers go on, and the break stays reported");
    }
    Ok(ExitCode::SUCCESS)
}
