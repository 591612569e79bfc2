//! One server that runs: started with a log of its own, waited for, stopped with whoever started it.

use crate::process::last_lines;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server, stopped when this is dropped.
pub(super) struct Server {
    name: &'static str,
    child: Child,
    port: u16,
    log: PathBuf,
    answers: Box<dyn Fn() -> bool>,
}

impl Server {
    /// Starts it. `signal` is what it is stopped with, also by the kernel when this process ends without a
    /// word: a server must not outlive the tests, whoever kills them. The kernel asks which *thread*
    /// started it, so this is for the main thread.
    ///
    /// # Errors
    /// It could not be started at all.
    pub(super) fn start(
        name: &'static str,
        command: &mut Command,
        folder: &Path,
        port: u16,
        answers: impl Fn() -> bool + 'static,
    ) -> Result<Self, String> {
        let log = folder.join("output.log");
        let file = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = file.map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.map_err(|error| format!("cannot start {name} with setpriv (util-linux): {error}"))?;
        Ok(Self { name, child, port, log, answers: Box::new(answers) })
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// It ended, or did not answer for a minute; with the end of its log.
    pub(super) fn wait(&mut self) -> Result<(), String> {
        for _ in 0..600 {
            if (self.answers)() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.problem(&format!("ended ({status})")));
            }
            moment();
        }
        Err(self.problem(&format!("does not answer on 127.0.0.1:{}", self.port)))
    }

    fn problem(&self, what: &str) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let said = last_lines(&String::from_utf8_lossy(&log));
        format!("the server for {} {what}; its last words:\n{said}", self.name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // PostgreSQL would leave shared memory behind if it were killed; it stops at once by this.
        let asked = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).stderr(Stdio::null()).status();
        if self.name == "postgres" && asked.is_ok_and(|status| status.success()) {
            for _ in 0..50 {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                moment();
            }
        }
        // An error says that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that the kernel ends by this signal when the thread that started it is no more. It gets none
/// of the variables of this process: neither a developer's settings nor his credentials are for it.
pub(super) fn guarded(signal: &str, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", folder).env("TMPDIR", folder).env("LANG", "C.UTF-8");
    command.args(["--pdeathsig", signal]).current_dir(folder);
    command
}

/// Whether an HTTP server answers there, and well.
pub(super) fn http(port: u16, path: &'static str) -> impl Fn() -> bool {
    move || {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        ask().is_ok_and(|answer| answer.ends_with(" 200"))
    }
}

/// As many free ports in a row, below those that the kernel gives to connections by itself: between the
/// choice and the start of a server nobody else comes by one of them by chance.
pub(super) fn free_ports(count: u16) -> Result<u16, String> {
    let spread = u16::try_from(std::process::id() % 997).unwrap_or_default();
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..1000)
        .map(|turn| 20_000 + (spread + turn) % 1000 * 12)
        .find(|first| (*first..first + count).all(|port| free(&port)))
        .ok_or_else(|| format!("{count} ports in a row are not free anywhere between 20000 and 32000 on 127.0.0.1"))
}

/// A short while.
#[expect(clippy::disallowed_methods, reason = "other programs start and stop in their own time")]
pub(super) fn moment() {
    std::thread::sleep(Duration::from_millis(100));
}
