//! `dezky restore`: an archive comes back for reading.

use crate::failure::Failure;
use crate::target::Target;
use api::{NewRestore, Restore, RestoreState};
use handlers::answers;
use reqwest::{Method, StatusCode};
use services::restore::restore;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// First event of the archive, as `dezky archives` lists it
    #[arg(value_name = "START_SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    start: u64,
    /// For how long [default: 7]; a restore that is there stays longer by it, never shorter
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=365))]
    days: Option<u32>,
    /// Who asks. With --url the token says it
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let restored = match target {
        Target::Here(installation) => {
            let by = arguments.operator.as_deref().unwrap_or("cli");
            answers::restored(restore(&installation.hub.cx, arguments.start, arguments.days, by).await?)
        }
        Target::There(remote) => {
            super::no_operator(arguments.operator.as_deref())?;
            let path = format!("/audit/archives/{}/restore", arguments.start);
            let body = serde_json::to_vec(&NewRestore { days: arguments.days })?;
            loop {
                // Each call does a part of the work, so asking again is no idle turn.
                let answer = remote.ask(Method::POST, &path, Some(body.clone())).await?;
                let status = answer.status();
                let restored: Restore = serde_json::from_slice(&answer.bytes().await?)?;
                if restored.state == RestoreState::Ready || status != StatusCode::ACCEPTED {
                    break restored;
                }
            }
        }
    };
    if json {
        say!("{}", serde_json::to_string(&restored)?);
    } else {
        let Restore { start_seq, end_seq, expires_at, .. } = &restored;
        eprintln!("events {start_seq}-{end_seq} are restored: lists include them until {expires_at}");
    }
    Ok(ExitCode::SUCCESS)
}
