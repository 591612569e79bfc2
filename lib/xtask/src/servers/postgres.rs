//! PostgreSQL as Debian has it.

use super::server::{Server, guarded};
use crate::process::quietly;
use crate::setup::debian;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const USER: &str = "dezky";
const PASSWORD: &str = "dezky-test";

/// Installs it where it is not there.
pub(super) fn install() -> Result<(), String> {
    if programs().is_some() {
        return Ok(());
    }
    // The package would make and start a server of its own, for good.
    let none = Path::new("/etc/postgresql-common/createcluster.d/dezky-functions.conf");
    let said = none.parent().map_or(Ok(()), std::fs::create_dir_all);
    said.and_then(|()| std::fs::write(none, "create_main_cluster = false\n"))
        .map_err(|error| format!("cannot write {}, which installing postgresql needs: {error}", none.display()))?;
    let installed = debian(&["postgresql"]);
    // Only for this installation: whoever adds another version may want its server.
    let _ = std::fs::remove_file(none);
    installed?;
    programs().map(drop).ok_or_else(|| "postgresql is installed, but there is no /usr/lib/postgresql/*/bin".to_owned())
}

/// The folder with the programs of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest =
        versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(version)?;
    Some(newest.join("bin"))
}

/// How a superuser connects.
pub(super) fn url(port: u16) -> String {
    format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres")
}

/// Makes an empty server and starts it: passwords are asked for, and what is committed is on the disk.
pub(super) fn start(folder: &Path, port: u16) -> Result<Server, String> {
    let programs = programs().ok_or("PostgreSQL is not there: run `cargo xtask setup`")?;
    let (data, secret) = (folder.join("data"), folder.join("secret"));
    std::fs::write(&secret, PASSWORD).map_err(|error| format!("cannot write {}: {error}", secret.display()))?;
    // It refuses to run as root.
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if root {
        quietly(Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder))?;
    }
    let as_user = || {
        let mut command = guarded("QUIT", folder);
        if root {
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
        }
        command
    };
    let initdb = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--username", USER];
    quietly(
        as_user().arg(programs.join("initdb")).args(initdb).arg("--pwfile").arg(secret).arg("--pgdata").arg(&data),
    )?;
    let mut command = as_user();
    command.arg(programs.join("postgres")).arg("-D").arg(&data).arg("-p").arg(port.to_string());
    command.arg("-k").arg(folder);
    for setting in ["listen_addresses=127.0.0.1", "fsync=on", "max_connections=200"] {
        command.args(["-c", setting]);
    }
    let ready = programs.join("pg_isready");
    Server::start("postgres", &mut command, folder, port, move || {
        let mut asked = Command::new(&ready);
        asked.args(["-q", "-h", "127.0.0.1", "-p"]).arg(port.to_string()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    })
}
