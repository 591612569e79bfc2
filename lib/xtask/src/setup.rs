//! What the tests need beside Rust, installed where it is not there.

use crate::process::{is_there, quietly};
use crate::servers;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Installs what the tests need beside Rust: Python environments for the independent verifier, for
/// cargo-lambda and for the checks of the template, curl for the README's tour, strace, which lets system
/// calls fail, and the servers that the adapters are tested against.
pub(crate) fn setup() -> bool {
    let missing: Vec<&str> = ["curl", "strace"].into_iter().filter(|program| !is_there(program)).collect();
    let done = (if missing.is_empty() { Ok(()) } else { debian(&missing) })
        .and_then(|()| environment("target/verifier", "tests/verifier/requirements.txt"))
        .and_then(|()| environment("target/tools", "tests/tools/requirements.txt"))
        .and_then(|()| environment("target/infra", "tests/infra/requirements.txt"))
        .and_then(|()| servers::install_all());
    match done {
        Ok(()) => true,
        Err(error) => {
            eprintln!("xtask: {error}");
            false
        }
    }
}

/// A Python environment with what this file requires, made where it is not there or not as required.
fn environment(place: &str, requirements: &str) -> Result<(), String> {
    let marker = format!("{place}/installed.txt");
    let wanted = std::fs::read_to_string(requirements).unwrap_or_default();
    if std::fs::read_to_string(&marker).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    eprintln!("xtask: installing {requirements} into {place}");
    python_environment(Path::new(place), requirements)?;
    std::fs::write(&marker, wanted).map_err(|error| format!("cannot write {marker}: {error}"))
}

/// Makes a Python environment with what this file requires.
pub(crate) fn python_environment(place: &Path, requirements: &str) -> Result<(), String> {
    let venv = || quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(place));
    if venv().is_err() {
        // Debian keeps the module that makes environments in a package of its own.
        debian(&["python3-venv"])?;
        venv()?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements];
    quietly(Command::new(place.join("bin/python")).args(pip)).map(drop)
}

/// Installs packages of Debian.
pub(crate) fn debian(packages: &[&str]) -> Result<(), String> {
    static UPDATED: OnceLock<Result<(), String>> = OnceLock::new();
    eprintln!("xtask: installing {} with apt-get", packages.join(", "));
    let apt = |arguments: &[&str]| {
        quietly(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments)).map(drop)
    };
    UPDATED.get_or_init(|| apt(&["update"])).clone()?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

/// A folder outside the clone, so that the next clone does not download again: made once per name and text
/// of what it requires, and never changed. It has its name only when it is complete.
pub(crate) fn cached(
    name: &str,
    requires: &str,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let place = cached_place(name, requires);
    if place.exists() {
        return Ok(place);
    }
    let cache = cache();
    std::fs::create_dir_all(&cache).map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
    sweep(&cache, &format!("unfinished-{name}-"));
    eprintln!("xtask: installing {name} into {}", place.display());
    let unfinished = cache.join(format!("unfinished-{name}-{}", std::process::id()));
    let made = make(&unfinished).and_then(|()| {
        // Another clone may have been sooner.
        std::fs::rename(&unfinished, &place)
            .or_else(|error| if place.exists() { Ok(()) } else { Err(error) })
            .map_err(|error| format!("cannot rename {} to {}: {error}", unfinished.display(), place.display()))
    });
    // Gone after a rename; a leftover is swept by the next who installs.
    let _ = std::fs::remove_dir_all(&unfinished);
    made.map(|()| place)
}

/// Where [`cached`] puts what has this name and requires this.
pub(crate) fn cached_place(name: &str, requires: &str) -> PathBuf {
    // FNV-1a: the name has to be the same in every clone, whatever the toolchain.
    let hash = requires
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    cache().join(format!("{name}-{hash:016x}"))
}

fn cache() -> PathBuf {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("dezky-functions")
}

/// Removes folders of processes that are no more: those that were killed could not tidy up.
pub(crate) fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // What cannot be removed is somebody else's, or the next one's to remove.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
