//! `dezky migrate`: makes what the stores need, and brings it to this program's layout.

use crate::failure::Failure;
use crate::target;
use domain::json::{Object, Value};
use installation::migrate;
use std::process::ExitCode;

pub(crate) async fn run(target: &target::Which, json: bool) -> Result<ExitCode, Failure> {
    if target.url.is_some() {
        return Err(Failure::usage(
            "`migrate` works on the stores themselves: it takes --data and settings, not --url",
        ));
    }
    let done = migrate(&target.settings()?).await?;
    if json {
        let done = done.into_iter().map(Value::from).collect();
        super::print_json(&Object::of([("done", Value::Array(done))]).into());
    } else {
        done.iter().for_each(|line| say!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}
