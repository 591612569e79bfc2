//! The program `dezky`. stdout is data, stderr everything else.
//!
//! Exit codes: 0 done (for `verify`: intact), 10 broken, 11 incomplete, 2 usage, 1 anything else.
#![expect(clippy::print_stderr, reason = "the program talks to people there")]

mod commands;
mod failure;
mod remote;
mod target;

use clap::{Parser, Subcommand};
use failure::Failure;
use installation::Makes;
use std::process::ExitCode;

/// An append-only audit log that anybody can check.
#[derive(Parser)]
#[command(
    name = "dezky",
    version,
    after_help = "Every command works on a data directory (--data DIR) or over HTTP (--url URL --token TOKEN), unless it \
    says otherwise. Settings also come from the environment, see docs/cli.md; a flag beats it.\n\n\
    Exit codes: 0 done or intact, 10 broken, 11 incomplete, 2 usage, 1 anything else."
)]
struct Arguments {
    #[command(flatten)]
    target: target::Which,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in this process: HTTP, queues, schedules
    Up(commands::up::Arguments),
    /// Hand messages and ticks to functions that run one by one under `cargo lambda watch`
    Pump(commands::pump::Arguments),
    /// Find out whether the configured stores are fit, before anything is trusted to them
    Doctor(commands::doctor::Arguments),
    /// Make what the stores need: tables and their layout, buckets, queues
    Migrate,
    /// Make a bearer token of this installation
    Token(commands::token::Arguments),
    /// Record events from a file; prints their ids. A retry doubles nothing if the events have an `id` or
    /// an `externalId`
    Record(commands::record::Arguments),
    /// Print events, newest first
    List(commands::list::Arguments),
    /// Write events as plain lines, with a companion and the checkpoints beside them
    Export(commands::export::Arguments),
    /// Sign a checkpoint of the newest event
    Checkpoint,
    /// Check the log, or an exported file or archives with no installation
    Verify(commands::verify::Arguments),
    /// Move old events into the cold store, whatever the schedule says
    Archive(commands::archive::Arguments),
    /// List archives, newest first
    Archives,
    /// Bring an archive back for reading, for some days
    Restore(commands::restore::Arguments),
    /// Hold events: their archives do not expire until it is released
    Hold(commands::hold::Place),
    /// List holds, those that were released included
    Holds,
    /// Release a hold
    Release(commands::hold::Release),
    /// Delete the lines of old archives for ever; on a data directory only
    Expire(commands::expire::Arguments),
    /// Make the derived rows anew, or a lost table from archives; on a data directory only
    Rebuild(commands::rebuild::Arguments),
    /// Accept that the table lost events, so that work can go on; the break stays reported; on a data
    /// directory only
    AcceptBreak(commands::accept_break::Arguments),
}

#[tokio::main]
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
    let (target, json) = (&arguments.target, arguments.json);
    let there = || target.open(Makes::Nothing);
    match &arguments.command {
        Command::Up(up) => commands::up::run(target, up).await,
        Command::Pump(pump) => commands::pump::run(target, pump).await,
        Command::Doctor(doctor) => commands::doctor::run(target, doctor, json).await,
        Command::Migrate => commands::migrate::run(target, json).await,
        Command::Token(token) => commands::token::run(target, token, json),
        Command::Record(record) => commands::record::run(&target.open(Makes::Log).await?, record, json).await,
        Command::List(list) => commands::list::run(&there().await?, list, json).await,
        Command::Export(export) => commands::export::run(&there().await?, export, json).await,
        Command::Checkpoint => commands::checkpoint::run(&there().await?, json).await,
        // An auditor checks a file without any installation.
        Command::Verify(verify) if verify.is_offline() => commands::verify::offline(verify, json),
        Command::Verify(verify) => commands::verify::stored(&there().await?, verify, json).await,
        Command::Archive(archive) => commands::archive::run(&there().await?, archive, json).await,
        Command::Archives => commands::archive::list(&there().await?, json).await,
        Command::Restore(restore) => commands::restore::run(&there().await?, restore, json).await,
        Command::Hold(hold) => commands::hold::place(&there().await?, hold, json).await,
        Command::Holds => commands::hold::list(&there().await?, json).await,
        Command::Release(release) => commands::hold::release(&there().await?, release, json).await,
        Command::Expire(expire) => commands::expire::run(there().await?.hub_here("expire")?, expire, json).await,
        Command::Rebuild(rebuild) => commands::rebuild::run(target, rebuild, json).await,
        Command::AcceptBreak(accept) => {
            commands::accept_break::run(there().await?.here("accept-break")?, accept, json).await
        }
    }
}
