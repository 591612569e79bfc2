//! Ceph's object gateway, as European providers run it, in a Debian of its own.

use super::server::{Server, guarded, http};
use crate::process::{is_there as program_is_there, quietly};
use crate::setup::{cached, cached_place, debian};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release of Debian that has Ceph 20, the first Ceph whose conditional writes are whole.
const RELEASE: &str = "forky";
const PACKAGES: &str = "ceph-mon ceph-osd radosgw uuid-runtime";
const INSTALL: &str = "tests/stores/ceph-install.sh";
const UP: &str = "tests/stores/ceph-up.sh";

fn requires() -> String {
    format!("{RELEASE} {PACKAGES} {}", std::fs::read_to_string(INSTALL).unwrap_or_default())
}

/// Whether it is installed.
pub(super) fn is_there() -> bool {
    cached_place("ceph", &requires()).exists()
}

/// Installs it where it is not there.
pub(super) fn install() -> Result<PathBuf, String> {
    cached("ceph", &requires(), |place| {
        if !program_is_there("debootstrap") {
            debian(&["debootstrap"])?;
        }
        // From where this machine has its own packages.
        let format = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"];
        let places = quietly(Command::new("apt-get").args(format))?;
        let mirror = places.lines().find(|line| !line.contains("security")).unwrap_or_default();
        // What is mounted meanwhile is seen by nobody else, and gone afterwards.
        let mut command = Command::new("unshare");
        command.args(["--mount", "bash", INSTALL]).arg(place).args([RELEASE, mirror, PACKAGES]);
        quietly(&mut command).map(drop)
    })
}

/// Starts a monitor, a store in memory and the gateway, in namespaces of their own: they end together, and
/// their mounts with them.
pub(super) fn start(folder: &Path, port: u16) -> Result<Server, String> {
    let script = std::env::current_dir().map_err(|error| format!("cannot tell where {UP} is: {error}"))?.join(UP);
    let mut command = guarded("KILL", folder);
    command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash"]);
    command.arg(script).arg(install()?).arg(folder).arg(port.to_string());
    Server::start("ceph", &mut command, folder, port, http(port, "/"))
}
