//! Archiving beside gzip -6 of the same lines, and verifying archives beside gunzip and SHA-256, in turns:
//! least of several rounds. Archiving is everything that the service does on SQLite and a directory: blocks
//! read and checked, the object put and read back, the manifest signed, its event chained, stubs, entries.
//!
//! `cargo bench -p tests --bench archive [-- EVENTS]`; 200,000 events by default.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "speed is measured here and nowhere else")]

use cpu_time::{ProcessTime, ThreadTime};
use domain::archive::{Found, Offline, Range};
use domain::event::Draft;
use domain::keys::KeyRing;
use domain::verify::{Options, Start, Status};
use ports::Bucket;
use services::append::Appender;
use services::archive::{Request, archive};
use services::derive::derive;
use services::layout::rows::SCHEMA;
use sha2::{Digest as _, Sha256};
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use support::draft;
use support::world::{embedded, signing_key};

const ROUNDS: usize = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let [mode, data] = &arguments[..] {
        return alone(mode, data.as_ref());
    }
    let events: u64 = arguments.first().map_or(200_000, |a| a.parse().expect("a number of events"));
    let folder = tempfile::tempdir().expect("a folder");
    let before = folder.path().join("before");
    let runtime = runtime();
    // By a process of its own: nobody has the database open while it is copied.
    std::fs::create_dir_all(&before).expect("a folder");
    std::fs::write(before.join("events"), events.to_string()).expect("room on the disk");
    child("build", &before);
    let plain = std::fs::read(before.join("lines")).expect("lines");
    let after = folder.path().join("after");
    let (mut archiving, mut packing) = ((Duration::MAX, Duration::MAX), (Duration::MAX, Duration::MAX));
    let (mut verifying, mut unpacking) = (Duration::MAX, Duration::MAX);
    let mut walls = [Duration::MAX; 2];
    let mut program = Duration::MAX;
    let mut archives = Vec::new();
    for round in 0..ROUNDS {
        let _ = std::fs::remove_dir_all(&after);
        copy(&before, &after);
        archiving = least(archiving, measure(|| runtime.block_on(archive_all(&after))));
        packing = least(packing, measure(|| gzip_6(&plain)));
        if round == 0 {
            archives = runtime.block_on(objects(&after));
        }
        program = program.min(measure(|| gzip_program(&before.join("lines"))).0);
        walls[0] = walls[0].min(measure(|| archives.iter().for_each(|(_, _, object)| gunzip_and_hash(object))).0);
        walls[1] = walls[1].min(measure(|| verify(&archives, 2)).0);
        let start = ThreadTime::now();
        verify(&archives, 0);
        verifying = verifying.min(start.elapsed());
        let start = ThreadTime::now();
        archives.iter().for_each(|(_, _, object)| gunzip_and_hash(object));
        unpacking = unpacking.min(start.elapsed());
    }
    let bytes = plain.len() as f64 / 1e6;
    let compressed: usize = archives.iter().map(|(_, _, object)| object.len()).sum();
    println!(
        "{events} events, {bytes:.0} MB of lines, {} archives of {:.0} MB together",
        archives.len(),
        compressed as f64 / 1e6
    );
    let line = |what: &str, (wall, cpu): (Duration, Duration), goal: &str| {
        println!("  {what:<28} {wall:>8.3?} wall  {cpu:>8.3?} CPU  {:>6.0} MB/s{goal}", bytes / wall.as_secs_f64());
    };
    line("gzip -6 (flate2, zlib-rs)", packing, "");
    println!("  the program gzip -6          {program:>8.3?} wall");
    let ratio = |yardstick: Duration| yardstick.as_secs_f64() / archiving.0.as_secs_f64();
    let goal =
        format!("  {:.1} times as fast as the program (goal 5), {:.1} as flate2", ratio(program), ratio(packing.0));
    line("archive", archiving, &goal);
    let ratio = verifying.as_secs_f64() / unpacking.as_secs_f64();
    println!("  gunzip + SHA-256, one thread {unpacking:>8.3?} CPU");
    println!("  verify, one thread           {verifying:>8.3?} CPU  ratio {ratio:.2}");
    let ratio = walls[1].as_secs_f64() / walls[0].as_secs_f64();
    println!("  gunzip + SHA-256             {:>8.3?} wall", walls[0]);
    println!("  verify, as the program does  {:>8.3?} wall  ratio {ratio:.2} (goal 1.30)", walls[1]);
    let _ = std::fs::remove_dir_all(&after);
    copy(&before, &after);
    for mode in ["archive", "verify"] {
        child(mode, &after);
    }
}

fn child(mode: &str, data: &Path) {
    let child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([mode.as_ref(), data.as_os_str()])
        .output()
        .expect("can start itself");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    print!("{}", String::from_utf8_lossy(&child.stdout));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

/// A log that is signed and derived; its lines, but those of the newest block.
async fn build(data: &Path, events: u64) -> Vec<u8> {
    let cx = embedded(data);
    let appender = Appender::new(cx.clone());
    let mut first = 0;
    while first < events {
        let batch: Vec<Draft> = (first..events.min(first + 1000)).map(draft).collect();
        first += batch.len() as u64;
        appender.append(batch).await.expect("appended");
        // As an installation does, which asks for one every hundred events.
        services::sign::sign(&cx, domain::checkpoint::Reason::Threshold).await.expect("signed");
    }
    appender.append(vec![draft(events)]).await.expect("appended");
    derive(&cx, SCHEMA, u64::MAX).await.expect("derived");
    services::sign::sign(&cx, domain::checkpoint::Reason::Manual).await.expect("signed");
    let mut export = services::export::Export::start(&cx, 1, Some(events)).await.expect("a range");
    let mut plain = Vec::new();
    while let Some(lines) = export.next().await.expect("lines") {
        plain.extend(lines);
    }
    plain
}

async fn archive_all(data: &Path) {
    let cx = embedded(data);
    let request = Request { cutoff: cx.clock.now(), by: None, until: None };
    let run = archive(&cx, &Appender::new(cx.clone()), &request).await.expect("archived");
    assert!(run.complete && !run.batches.is_empty());
}

fn gzip_6(plain: &[u8]) {
    let mut packer = flate2::write::GzEncoder::new(std::io::sink(), flate2::Compression::new(6));
    packer.write_all(plain).expect("memory");
    packer.finish().expect("memory");
}

async fn objects(data: &Path) -> Vec<(Range, Vec<u8>, Vec<u8>)> {
    let cx = embedded(data);
    let mut all = Vec::new();
    for stored in services::archive::claims::after(&cx, 0, 1000).await.expect("batches") {
        let range = stored.claim.range;
        let get = |name: String| {
            let key = cx.cold.key(&cx.chain, &name);
            let bucket = std::sync::Arc::clone(&cx.bucket);
            async move { Bucket::get(bucket.as_ref(), &key).await.expect("a bucket").expect("an object") }
        };
        all.push((range, get(range.manifest()).await, get(range.object()).await));
    }
    all
}

fn gzip_program(lines: &Path) {
    let out = std::process::Stdio::null();
    let done = std::process::Command::new("gzip").args(["-6", "-c"]).arg(lines).stdout(out).status();
    assert!(done.expect("gzip").success());
}

fn verify(archives: &[(Range, Vec<u8>, Vec<u8>)], threads: usize) {
    let options = Options {
        ring: KeyRing::of(signing_key().verify_key()),
        start: Start::FirstLine,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: false,
        repeat_key: [3; 16],
        threads,
    };
    let found = |(range, manifest, object): &(Range, Vec<u8>, Vec<u8>)| Found {
        range: *range,
        manifest: manifest.clone(),
        object: Some(object.clone()),
    };
    let scratch: Box<dyn domain::verify::Scratch> = Box::new(tempfile::tempfile().expect("a file"));
    let mut offline = Offline::new(&options, &found(&archives[0]), std::iter::empty(), &[], Some(scratch));
    archives.iter().for_each(|archive| offline.archive(found(archive)).expect("room on the disk"));
    let report = offline.finish().expect("room on the disk");
    assert_eq!((report.status(), report.archives_verified), (Status::Intact, archives.len() as u64));
}

fn gunzip_and_hash(object: &[u8]) {
    let mut lines = flate2::bufread::MultiGzDecoder::new(object);
    let (mut sha, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match lines.read(&mut buffer).expect("gzip") {
            0 => break,
            read => sha.update(&buffer[..read]),
        }
    }
    black_box(sha.finalize());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("room on the disk");
        }
    }
}

fn measure(task: impl FnOnce()) -> (Duration, Duration) {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    task();
    (wall.elapsed(), cpu.elapsed())
}

fn least(a: (Duration, Duration), b: (Duration, Duration)) -> (Duration, Duration) {
    if a.0 < b.0 { a } else { b }
}

/// Does one of the two in a process of its own, and says how much memory that took.
fn alone(mode: &str, data: &Path) {
    let runtime = runtime();
    match mode {
        "build" => {
            let events = std::fs::read_to_string(data.join("events")).expect("a number");
            let lines = runtime.block_on(build(data, events.parse().expect("a number")));
            return std::fs::write(data.join("lines"), lines).expect("room on the disk");
        }
        "archive" => runtime.block_on(archive_all(data)),
        _ => runtime.block_on(async {
            let cx = embedded(data);
            let tiers = services::verify::Tiers::All;
            let scratch: Box<dyn domain::verify::Scratch> = Box::new(tempfile::tempfile().expect("a file"));
            let request = services::verify::Request {
                tiers,
                scratch: Some(scratch),
                ..services::verify::Request::with_threads(2)
            };
            let report = services::verify::verify(&cx, request, |_, _| ()).await.expect("the log can be read");
            assert_eq!(report.status(), Status::Intact, "{:?}", report.first_break);
        }),
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    println!("  memory of a process that does only `{mode}` of all tiers: {} at most (goal 64 MiB)", peak.trim());
}
