//! The programs as they are shipped for these stores.

use crate::stack::Stack;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Built once; its own copy, since the same name is built elsewhere with other features.
fn built(package: &str, binary: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let arguments =
        ["build", "--quiet", "--locked", "--package", package, "--bin", binary, "--features", "aws,postgres"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(&root).output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut target = std::env::current_exe().expect("a path");
    // target/<profile>/deps/<this test>
    target.pop();
    target.pop();
    let copy = target.join(format!("{binary}-anywhere"));
    std::fs::copy(target.join(binary), &copy).expect("a copy");
    copy
}

/// `dezky` with every adapter.
pub fn dezky() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built("cli", "dezky"))
}

/// A function of this name with every adapter.
pub fn function(name: &str) -> PathBuf {
    built("functions", name)
}

/// A machine that works on a stack: a data directory with its keys, and the settings.
pub struct Machine {
    /// The stores.
    pub stack: Stack,
    data: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Machine {
    /// An empty directory.
    pub fn on(stack: Stack) -> Self {
        Self { stack, data: tempfile::tempdir().expect("a folder"), settings: Vec::new() }
    }

    /// A setting beside the stores.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// A command of `dezky`, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(dezky());
        command.args(arguments).arg("--data").arg(self.data()).envs(self.stack.environment());
        command.envs(self.settings.iter().cloned());
        command
    }

    /// What a command came to.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("dezky runs")
    }

    /// What a command that succeeds prints.
    ///
    /// # Panics
    /// It failed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "dezky {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// The status that `verify` finds, and how many events there are.
    pub fn verified(&self) -> (String, u64) {
        let output = self.run(&["verify", "--json", "--index"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (report["status"].as_str().expect("a status").to_owned(), report["eventsTotal"].as_u64().expect("a number"))
    }
}
