//! The program `dezky`. stdout is data, stderr everything else.
//!
//! Exit codes: 0 done (for `verify`: intact), 10 broken, 11 incomplete, 2 usage, 1 anything else.
#![expect(clippy::print_stderr, reason = "the program talks to people there")]

mod commands;
mod failure;
mod hub;
mod settings;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

/// An append-only audit log that anybody can check.
#[derive(Parser)]
#[command(
    name = "dezky",
    version,
    after_help = "Settings also come from the environment: DEZKY_DATA, AUDIT_CHAIN, \
    AUDIT_SIGNING_KEY, AUDIT_SIGNING_ALG, AUDIT_VERIFY_KEYS, TABLE_URL, BUCKET_URL, QUEUE_URL. A flag beats it."
)]
struct Arguments {
    /// Data directory [default: ./.dezky]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Record events from a file and chain them; prints their ids. A retry doubles nothing if the events
    /// have an `id` or an `externalId`
    Record(commands::record::Arguments),
    /// Print events, newest first
    List(commands::list::Arguments),
    /// Write events as plain lines, with a companion and the checkpoints beside them
    Export(commands::export::Arguments),
    /// Sign a checkpoint of the newest event
    Checkpoint,
    /// Check the log, or an exported file with no data directory and no account
    Verify(commands::verify::Arguments),
    /// Make the derived rows anew
    Rebuild,
    /// Accept that the table lost events, so that work can go on; the break stays reported
    AcceptBreak(commands::accept_break::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("dezky: {failure}");
            failure.code()
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    // An auditor checks a file without any installation.
    if let Command::Verify(verify) = &arguments.command
        && verify.is_offline()
    {
        return commands::verify::offline(verify, arguments.json);
    }
    let settings = settings::Settings::read(arguments.data.as_deref())?;
    let makes = match &arguments.command {
        Command::Record(_) => hub::Makes::Log,
        _ => hub::Makes::Nothing,
    };
    let hub = hub::open(&settings, makes)?;
    match &arguments.command {
        Command::Record(record) => commands::record::run(&hub, record, arguments.json).await,
        Command::List(list) => commands::list::run(&hub, list, arguments.json).await,
        Command::Export(export) => commands::export::run(&hub, export, arguments.json).await,
        Command::Checkpoint => commands::checkpoint::run(&hub, arguments.json).await,
        Command::Verify(verify) => commands::verify::stored(&hub, verify, arguments.json).await,
        Command::Rebuild => commands::rebuild::run(&hub, arguments.json).await,
        Command::AcceptBreak(accept) => commands::accept_break::run(&hub, accept, arguments.json).await,
    }
}
