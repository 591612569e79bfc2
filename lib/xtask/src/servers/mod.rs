//! Real servers, for tests of the adapters: installed once, started for a command, stopped after it.

mod ceph;
mod emulators;
mod postgres;
mod server;

use crate::setup::sweep;
use server::Server;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server by the API it serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Api {
    Postgres,
    Dynamodb,
    Sqs,
    S3,
    Ceph,
}

const ALL: [Api; 5] = [Api::Postgres, Api::Dynamodb, Api::Sqs, Api::S3, Api::Ceph];

impl Api {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Dynamodb => "dynamodb",
            Self::Sqs => "sqs",
            Self::S3 => "s3",
            Self::Ceph => "ceph",
        }
    }

    fn install(self) -> Result<(), String> {
        match self {
            Self::Postgres => postgres::install(),
            Self::Dynamodb => emulators::dynoxide().map(drop),
            Self::Sqs => emulators::localstack().map(drop),
            Self::S3 => emulators::ministack().map(drop),
            Self::Ceph => ceph::install().map(drop),
        }
    }

    fn start(self, folder: &Path, port: u16) -> Result<Server, String> {
        match self {
            Self::Postgres => postgres::start(folder, port),
            Self::Dynamodb => emulators::start_dynoxide(folder, port),
            Self::Sqs => emulators::start_localstack(folder, port),
            Self::S3 => emulators::start_ministack(folder, port),
            Self::Ceph => ceph::start(folder, port),
        }
    }

    /// The variables by which tests find it.
    fn variables(self, port: u16) -> Vec<(&'static str, String)> {
        let http = format!("http://127.0.0.1:{port}");
        match self {
            Self::Postgres => vec![("DEZKY_TEST_POSTGRES", postgres::url(port))],
            Self::Dynamodb => vec![("DEZKY_TEST_DYNAMODB", http)],
            Self::Sqs => vec![("DEZKY_TEST_SQS", http)],
            Self::S3 => vec![("DEZKY_TEST_S3", http.clone()), ("DEZKY_TEST_KMS", http)],
            Self::Ceph => vec![("DEZKY_TEST_CEPH", http)],
        }
    }
}

/// One port for each, and two more for the last, Ceph.
const PORTS: u16 = 7;

/// Installs them all. Ceph is one that a machine may do without: its Debian is newer than the machine's, and
/// moves on.
///
/// # Errors
/// What could not be installed.
pub(crate) fn install_all() -> Result<(), String> {
    for api in ALL {
        match api.install() {
            Err(error) if api == Api::Ceph => eprintln!("xtask: no Ceph here, tests do without: {error}"),
            other => other?,
        }
    }
    Ok(())
}

/// Starts servers, runs a command with them in its environment, stops them, and gives the command's code.
pub(crate) fn run(arguments: &[String]) -> u8 {
    match parse(arguments).and_then(|(apis, command)| with_servers(apis, command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            2
        }
    }
}

fn parse(arguments: &[String]) -> Result<(Vec<Api>, &[String]), String> {
    let names = ALL.map(Api::name).join(",");
    let usage = || format!("servers takes [--only {names}] -- COMMAND…");
    let (options, command) = match arguments.iter().position(|word| word == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => return Err(usage()),
    };
    let apis = match options {
        // Ceph is used where it is; only `setup` takes the minutes to install it.
        [] => {
            let apis: Vec<Api> = ALL.into_iter().filter(|api| *api != Api::Ceph || ceph::is_there()).collect();
            apis.iter().try_for_each(|api| api.install())?;
            apis
        }
        [only, list] if only == "--only" => {
            let api = |name: &str| ALL.into_iter().find(|api| api.name() == name);
            let found = list.split(',').map(|name| api(name).ok_or_else(|| format!("{name} is none of {names}")));
            let found = found.collect::<Result<Vec<Api>, String>>()?;
            found.iter().try_for_each(|api| api.install())?;
            ALL.into_iter().filter(|api| found.contains(api)).collect()
        }
        _ => return Err(usage()),
    };
    if command.is_empty() { Err(usage()) } else { Ok((apis, command)) }
}

fn with_servers(apis: Vec<Api>, command: &[String]) -> Result<u8, String> {
    let folder = Folder::new()?;
    let first = server::free_ports(PORTS)?;
    let port = |api: Api| (first..).zip(ALL).find(|(_, other)| *other == api).map_or(first, |(port, _)| port);
    let mut servers = Vec::new();
    // PostgreSQL is the first of all but has to make its files, while the others already start.
    for api in apis.iter().rev() {
        let place = folder.path.join(api.name());
        std::fs::create_dir(&place).map_err(|error| format!("cannot make {}: {error}", place.display()))?;
        servers.push(api.start(&place, port(*api))?);
    }
    servers.iter_mut().try_for_each(Server::wait)?;
    let places: Vec<String> = apis.iter().map(|api| format!("{} on {}", api.name(), port(*api))).collect();
    eprintln!("xtask: servers answer on 127.0.0.1: {}", places.join(", "));
    eprintln!("xtask: {}", command.join(" "));
    let mut program = Command::new(&command[0]);
    program.args(&command[1..]).envs(apis.iter().flat_map(|api| api.variables(port(*api))));
    credentials(&mut program);
    let status = program.status().map_err(|error| format!("cannot run {}: {error}", command[0]))?;
    // A command that was killed has no code.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The credentials that the servers know, and none of those that a developer has: whatever a test gets
/// wrong, it must not reach an account of his.
fn credentials(program: &mut Command) {
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]
    {
        program.env_remove(name);
    }
    program.envs([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]);
}

/// Where the servers keep their data while they run.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Result<Self, String> {
        let parent = std::env::temp_dir();
        sweep(&parent, "dezky-servers-");
        let path = parent.join(format!("dezky-servers-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The last children of a server may still write when it has ended.
        for _ in 0..50 {
            if std::fs::remove_dir_all(&self.path).is_ok() {
                return;
            }
            server::moment();
        }
    }
}
