//! Servers that speak the APIs of AWS. Of those that any package registry has, each is the one that comes
//! closest to its API (docs/testing.md says how close).

use super::server::{Server, guarded, http};
use crate::process::quietly;
use crate::setup::{cached, python_environment};
use std::path::{Path, PathBuf};
use std::process::Command;

/// DynamoDB, on SQLite.
const DYNOXIDE: &str = "1.2.1";

/// Installs the DynamoDB server: npm has it as a program that is ready to run.
pub(super) fn dynoxide() -> Result<PathBuf, String> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "linux-x64",
        "aarch64" => "linux-arm64",
        other => return Err(format!("dynoxide, the server for dynamodb, has no package for {other} processors")),
    };
    let package = format!("@dynoxide/{machine}@{DYNOXIDE}");
    let place = cached("dynoxide", &package, |place| {
        let quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
        std::fs::create_dir_all(place).map_err(|error| format!("cannot make {}: {error}", place.display()))?;
        quietly(Command::new("npm").arg("install").args(quiet).arg("--prefix").arg(place).arg(&package)).map(drop)
    })?;
    Ok(place.join(format!("node_modules/@dynoxide/{machine}/dynoxide")))
}

/// Starts the DynamoDB server, which keeps its data in memory.
pub(super) fn start_dynoxide(folder: &Path, port: u16) -> Result<Server, String> {
    let mut command = guarded("KILL", folder);
    command.arg(dynoxide()?).args(["--host", "127.0.0.1", "--port"]).arg(port.to_string());
    Server::start("dynamodb", &mut command, folder, port, http(port, "/"))
}

/// Installs the SQS server.
pub(super) fn localstack() -> Result<PathBuf, String> {
    python("localstack", "tests/stores/localstack.txt")
}

/// Starts the SQS server.
pub(super) fn start_localstack(folder: &Path, port: u16) -> Result<Server, String> {
    let mut command = guarded("KILL", folder);
    command
        .env("SERVICES", "sqs")
        .env("EAGER_SERVICE_LOADING", "1")
        // Of its three web servers this one listens where it is told to, and nowhere else.
        .env("GATEWAY_SERVER", "hypercorn")
        .env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"))
        .env("LOCALSTACK_HOST", format!("127.0.0.1:{port}"))
        // URLs of queues as AWS has them: host, account, name.
        .env("SQS_ENDPOINT_STRATEGY", "off")
        // Also in a container it keeps what it writes in this folder.
        .env("OVERRIDE_IN_DOCKER", "0")
        .env("FILESYSTEM_ROOT", folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        // It would look for certificates, a name server and somebody to report to.
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("DNS_ADDRESS", "0")
        .env("DISABLE_EVENTS", "1")
        .arg(localstack()?.join("bin/python"))
        .args(["-m", "localstack.runtime.main"]);
    Server::start("sqs", &mut command, folder, port, http(port, "/_localstack/health"))
}

/// Installs the server of S3 and KMS.
pub(super) fn ministack() -> Result<PathBuf, String> {
    python("ministack", "tests/stores/ministack.txt")
}

/// Starts the server of S3 and KMS.
pub(super) fn start_ministack(folder: &Path, port: u16) -> Result<Server, String> {
    let mut command = guarded("KILL", folder);
    command
        .env("SERVICES", "s3,kms")
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_REGION", "eu-central-1")
        // It then refuses keys that it does not know; signatures it does not check.
        .env("AUTH", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("STATE_DIR", folder.join("state"))
        .env("S3_DATA_DIR", folder.join("objects"))
        .arg(ministack()?.join("bin/python"))
        .args(["-m", "ministack"]);
    Server::start("s3", &mut command, folder, port, http(port, "/_ministack/health"))
}

/// A Python environment in the cache. It belongs to one interpreter.
fn python(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let wanted = std::fs::read_to_string(requirements)
        .map_err(|error| format!("cannot read {requirements}: {error}; xtask runs in the root of the repository"))?;
    let interpreter = quietly(Command::new("python3").args(["-c", "import sys; print(sys.version, sys.base_prefix)"]))?;
    cached(name, &(wanted + &interpreter), |place| python_environment(place, requirements))
}
