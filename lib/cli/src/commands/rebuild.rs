//! `dezky rebuild`: the derived rows anew, while others go on.

use crate::failure::Failure;
use domain::json::{Object, Value};
use services::Context;
use std::process::ExitCode;

pub(crate) async fn run(cx: &Context, json: bool) -> Result<ExitCode, Failure> {
    let blocks = services::index::rebuild(cx).await?;
    if json {
        super::print_json(&Object::of([("blocks", Value::integer(blocks).unwrap_or(Value::Null))]).into());
    } else {
        eprintln!("derived rows of {blocks} blocks are right");
    }
    Ok(ExitCode::SUCCESS)
}
