//! Cold starts: from the start of a process to its first answer, beside the smallest function there is.
//!
//! Release binaries under a Runtime API on loopback, interleaved, so that whatever else the machine
//! does falls on all of them alike. Also how much memory each had used by then, and its size.
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(clippy::print_stdout, reason = "its figures are for people")]

use handlers::{FUNCTIONS, Role};
use installation::{Makes, Settings, open};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::runtime_api::{Running, binaries};

const ROUNDS: usize = 20;

struct Candidate {
    name: &'static str,
    program: PathBuf,
    event: String,
    times: Vec<Duration>,
    most_kib: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::read(Some(folder.path()), |_| None).expect("nothing is set");
    let embedded = open(&settings, Makes::Log).await.expect("an installation");
    let (cx, issuer) = (&embedded.hub.cx, installation::issuer(&settings).expect("an issuer"));
    // A few events: what is measured is the start, and not the work.
    support::world::fill(cx).await;
    services::sign::sign(cx, domain::checkpoint::Reason::Manual).await.expect("signed");
    let token = |name: &str| match name {
        "record-events" => {
            let scopes = handlers::Granted::parse_list("record:platform-api").expect("scopes");
            issuer.token("bench", Role::Service, &scopes, cx.clock.now(), 3600)
        }
        _ => issuer.token("bench", Role::Operator, &[], cx.clock.now(), 3600),
    };
    let mut candidates = vec![Candidate {
        name: "hello (yardstick)",
        program: hello(),
        event: sample("health"),
        times: Vec::new(),
        most_kib: 0,
    }];
    for function in FUNCTIONS.iter().filter(|f| f.http.is_some()) {
        candidates.push(Candidate {
            name: function.name,
            program: binaries().join(function.name),
            event: sample(function.name).replace("TOKEN", &token(function.name)),
            times: Vec::new(),
            most_kib: 0,
        });
    }
    for _ in 0..ROUNDS {
        for candidate in &mut candidates {
            candidate.once(folder.path()).await;
        }
    }
    println!("{:<20} {:>8} {:>8} {:>7} {:>9} {:>10}", "function", "min ms", "med ms", "x min", "RSS MiB", "size MiB");
    let yardstick = candidates[0].sorted()[0].as_secs_f64();
    for candidate in &candidates {
        let times = candidate.sorted();
        let (least, median) = (times[0].as_secs_f64(), times[times.len() / 2].as_secs_f64());
        let size = std::fs::metadata(&candidate.program).map_or(0, |meta| meta.len());
        println!(
            "{:<20} {:>8.2} {:>8.2} {:>7.2} {:>9.1} {:>10.1}",
            candidate.name,
            least * 1e3,
            median * 1e3,
            least / yardstick,
            mib(candidate.most_kib * 1024),
            mib(size)
        );
    }
}

impl Candidate {
    async fn once(&mut self, data: &Path) {
        let environment = [("DEZKY_DATA", data.to_str().unwrap_or_default())];
        let start = Instant::now();
        let mut running = Running::start(&self.program, &environment).await;
        let outcome = running.invoke(&self.event).await;
        self.times.push(start.elapsed());
        let answer = outcome.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let status = answer["statusCode"].as_u64().unwrap_or_default();
        assert!((200..300).contains(&status), "{}: {answer}", self.name);
        self.most_kib = self.most_kib.max(peak_kib(running.id()));
    }

    fn sorted(&self) -> Vec<Duration> {
        let mut times = self.times.clone();
        times.sort();
        times
    }
}

fn hello() -> PathBuf {
    let done = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "--package", "tests", "--bin", "hello-function"])
        .status();
    assert!(done.is_ok_and(|status| status.success()), "the yardstick does not build");
    binaries().join("hello-function")
}

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(format!("{name}.json"));
    std::fs::read_to_string(path).expect("a sample event")
}

/// The most memory that the process ever had, in KiB, as Linux counts it.
fn peak_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
