//! `dezky up`: everything in one process.

use crate::failure::Failure;
use crate::target::{self, environment};
use installation::{Installation, Makes, OpenError, migrate, open};
use local_host::{Host, Port, Presence, StopSignal, announce, write_demo_log};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Address and port; with port 0 any free one, which is printed
    #[arg(long, default_value = "127.0.0.1:3001", value_name = "ADDRESS", value_parser = address)]
    listen: SocketAddr,
    /// Follow a bundled OCIS audit log, on stores that are made where they are not there
    #[arg(long)]
    demo: bool,
}

pub(crate) async fn run(target: &target::Which, arguments: &Arguments) -> Result<ExitCode, Failure> {
    if target.url.is_some() {
        return Err(Failure::usage("`up` runs a hub on this machine: it takes --data, not --url"));
    }
    start_log()?;
    let signal = StopSignal::listen()?;
    let settings = target.settings()?;
    if arguments.demo && settings.ocis_log.is_some() {
        return Err(Failure::usage("--demo brings its own log: take it away, or unset OCIS_AUDIT_LOG_PATH"));
    }
    if arguments.demo && !settings.ingest {
        return Err(Failure::usage("--demo shows a source at work: unset AUDIT_INGEST_ENABLED=false"));
    }
    let port = match Port::bind(arguments.listen).await {
        Ok(port) => port,
        Err(error) if error.is_port_in_use() => return Err(port_in_use(&settings.data, arguments.listen)),
        Err(error) => return Err(error.into()),
    };
    if arguments.demo {
        // Whoever only wants to see it should not have to know what its stores need.
        migrate(&settings).await?;
    }
    let mut installation = open(&settings, Makes::Log).await?;
    installation.admit().await?;
    if arguments.demo {
        installation.follow_ocis_log(&write_demo_log(&settings.data)?);
    }
    let host = Host::new(installation.hub.clone(), port);
    let url = format!("http://{}", host.address().unwrap_or(arguments.listen));
    let presence = settle_in(&installation, &settings.data, &url)?;
    if installation.open_to_others {
        let data = settings.data.display();
        eprintln!("others on this machine may look into {data}, which holds keys and events: chmod 700 {data}");
    }
    if let Some(log) = settings.ocis_log.as_deref().filter(|log| settings.ingest && !log.exists()) {
        eprintln!("{} is not there yet; it is read as soon as it is (OCIS_AUDIT_LOG_PATH)", log.display());
    }
    if arguments.demo
        && let Err(failed) = host.settle().await
    {
        // A log that is broken is served all the same: it must be possible to look at it.
        eprintln!("the demo's log was not recorded: {failed}");
    }
    say!("{url}");
    where_to_look(&settings.data, &url, &installation).await;
    host.serve(signal.wait()).await?;
    drop(presence);
    eprintln!("stopped; nothing that was acknowledged is lost");
    Ok(ExitCode::SUCCESS)
}

/// Finds out who else is here; the only one takes back what a crash left in flight.
fn settle_in(installation: &Installation, data: &Path, url: &str) -> Result<Presence, Failure> {
    let about = format!("process {}, {url}", std::process::id());
    let presence = announce(data, &about).map_err(|error| Failure::file(&data.join("up.lock"), &error))?;
    match &presence {
        Presence::Alone(_) => installation.take_back_messages().map_err(|error: OpenError| Failure::from(error))?,
        Presence::Beside(other) => {
            eprintln!("another `dezky up` serves this data directory ({other}); both write one log, which is safe");
        }
    }
    Ok(presence)
}

fn port_in_use(data: &Path, listen: SocketAddr) -> Failure {
    let who = match announce(data, "") {
        Ok(Presence::Beside(other)) => format!("another `dezky up` serves this data directory ({other})"),
        _ => "another program has it".to_owned(),
    };
    Failure::new(format!("the port of {listen} is in use: {who}; stop it, or choose another with --listen 127.0.0.1:0"))
}

async fn where_to_look(data: &Path, url: &str, installation: &Installation) {
    let cx = &installation.hub.cx;
    let head = services::blocks::find_head(cx, 0).await.map_or(0, |head| head.seq);
    let dezky = std::env::args().next().unwrap_or_else(|| "dezky".to_owned());
    let at = if data == Path::new("./.dezky") { String::new() } else { format!(" --data {}", data.display()) };
    eprintln!(
        "chain {} with {head} events in {}, served at {url}; stop with Ctrl-C\n\n\
         look:    {dezky} list{at}\n\
         verify:  {dezky} verify{at}\n\
         ask:     curl -H \"Authorization: Bearer $({dezky} token --role operator{at})\" {url}/audit/verify\n\
         record:  {dezky} record --file EVENTS.ndjson{at}\n\
         read:    docs/cli.md, docs/http.md\n",
        cx.chain, installation.table
    );
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| format!("{why}; give host and port, such as 127.0.0.1:3001 or 0.0.0.0:80");
    let found = std::net::ToSocketAddrs::to_socket_addrs(text).map_err(|error| wrong(&error.to_string()))?;
    found.into_iter().next().ok_or_else(|| wrong("no such host"))
}

/// The service's own log, to stderr.
fn start_log() -> Result<(), Failure> {
    let level = environment("DEZKY_LOG").filter(|word| !word.is_empty()).unwrap_or_else(|| "info".to_owned());
    let level: tracing::level_filters::LevelFilter =
        level.parse().map_err(|_| Failure::usage("DEZKY_LOG: use off, error, warn, info, debug or trace"))?;
    let log = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    Ok(())
}
