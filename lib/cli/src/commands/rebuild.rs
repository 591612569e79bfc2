//! `dezky rebuild`: the derived rows anew, while others go on; or a lost table anew, from archives.

use crate::failure::Failure;
use crate::target::{Which, not_there};
use adapters_local::DataDirectory;
use domain::json::{Object, Value};
use installation::{Makes, Settings, archived_chains, open};
use services::Context;
use services::archive::rebuild::{Rebuilt, rebuild};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make a table that is lost anew, from archives, their manifests and checkpoints
    #[arg(long)]
    from_archives: bool,
}

pub(crate) async fn run(target: &Which, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    if arguments.from_archives {
        return from_archives(target, json).await;
    }
    let target = target.open(Makes::Nothing).await?;
    derived_rows(target.here("rebuild")?, json).await
}

async fn derived_rows(cx: &Context, json: bool) -> Result<ExitCode, Failure> {
    let blocks = services::index::rebuild(cx).await?;
    if json {
        super::print_json(&Object::of([("blocks", Value::integer(blocks).unwrap_or(Value::Null))]).into());
    } else {
        eprintln!("derived rows of {blocks} blocks are right");
    }
    Ok(ExitCode::SUCCESS)
}

async fn from_archives(target: &Which, json: bool) -> Result<ExitCode, Failure> {
    let settings = target.settings()?;
    if target.elsewhere().is_some() {
        return Err(not_there("rebuild"));
    }
    let directory = settings.data.display().to_string();
    let given = settings.signing_key.is_some() || settings.data.join("keys/signing.hex").exists();
    if !given {
        return Err(Failure::usage(format!(
            "AUDIT_SIGNING_KEY: not set, and {directory}/keys holds none; archives are believed by the key that signed \
             them: set it, or restore {directory}/keys from a backup"
        )));
    }
    name_the_chain(&settings).await?;
    let installation = open(&settings, Makes::Log).await?;
    let mut progress = super::progress::Progress::new();
    let rebuilt = rebuild(&installation.hub.cx, |read, all| progress.at(read, all)).await?;
    progress.end();
    print(&rebuilt, json);
    Ok(ExitCode::SUCCESS)
}

/// A directory that knows no chain gets the name of the one that was archived.
async fn name_the_chain(settings: &Settings) -> Result<(), Failure> {
    if settings.chain.is_some() || settings.data.join("chain").exists() {
        return Ok(());
    }
    let (chains, place) = archived_chains(settings).await?;
    let mut names = chains.iter().map(ToString::to_string);
    match (names.next(), names.next()) {
        (Some(chain), None) => {
            let directory = DataDirectory::open(&settings.data)?;
            directory.bundled("", "chain", format!("{chain}\n").as_bytes())?;
            Ok(())
        }
        (None, _) => Err(Failure::usage(format!(
            "there are no archives in {place}; check AUDIT_COLD_BUCKET, BUCKET_URL and AUDIT_COLD_PREFIX"
        ))),
        _ => {
            let names: Vec<String> = chains.iter().map(ToString::to_string).collect();
            Err(Failure::usage(format!(
                "AUDIT_CHAIN: not set, and there are archives of several chains in {place}: {}; set it to one of them",
                names.join(", ")
            )))
        }
    }
}

fn print(rebuilt: &Rebuilt, json: bool) {
    let Rebuilt { archives, head_seq, checkpoints, vouched_seq } = *rebuilt;
    if json {
        let number = |n| Value::integer(n).unwrap_or(Value::Null);
        super::print_json(
            &Object::of([
                ("archives", number(archives)),
                ("headSeq", number(head_seq)),
                ("checkpoints", number(checkpoints)),
                ("vouchedSeq", number(vouched_seq)),
            ])
            .into(),
        );
        return;
    }
    say!("made anew from {archives} archives: events 1-{head_seq}, and {checkpoints} checkpoints");
    if vouched_seq > head_seq {
        say!("lost: events {}-{vouched_seq}, which were hot only; checkpoints vouch for them", head_seq + 1);
        say!("next: `dezky accept-break --operator NAME`, then `dezky archive`");
    } else {
        say!("lost: whatever was chained behind event {head_seq}, if anything was; no checkpoint knows");
        say!("next: `dezky archive`");
    }
}
