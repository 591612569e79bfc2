//! Verification beside its yardsticks, interleaved: minima of CPU time over several rounds.
//!
//! `cargo bench -p tests --bench verify [-- EVENTS [TASK]]`; 1,000,000 events and all
//! four tasks by default.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "speed is measured here and nowhere else")]

use cpu_time::{ProcessTime, ThreadTime};
use domain::block::Block;
use domain::checkpoint::Checkpoint;
use domain::keys::KeyRing;
use domain::names::ChainName;
use domain::verify::{Chunk, Evidence, Options, Pool, Report, Start, Status, Walk, verify_lines};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use support::chain;
use support::world::signing_key;

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let [mode, file, checkpoints] = &arguments[..]
        && mode == "memory"
    {
        return memory(file.as_ref(), checkpoints.as_ref());
    }
    let events: u64 = arguments.first().map_or(1_000_000, |a| a.parse().expect("a number of events"));
    let only: Option<usize> = arguments.get(1).and_then(|a| a.parse().ok());
    let chain = ChainName::new("bench").expect("a name");
    let folder = tempfile::tempdir().expect("a folder");
    let (lines_file, checkpoints_file) = (folder.path().join("lines"), folder.path().join("checkpoints"));
    let (rows, checkpoints) = build(&chain, events, &lines_file, &checkpoints_file);
    let plain = std::fs::read(&lines_file).expect("just written");
    println!(
        "{events} events, {:.0} bytes a line, {:.0} bytes compressed, {} blocks, {} checkpoints",
        plain.len() as f64 / events as f64,
        rows.iter().map(Vec::len).sum::<usize>() as f64 / events as f64,
        rows.len(),
        checkpoints.len()
    );

    let mut best = [Duration::MAX; 4];
    let mut wall = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let tasks: [&dyn Fn(); 4] =
            [&|| gunzip_and_hash(&rows), &|| verify_blocks(&rows, &checkpoints, 0), &|| hash_lines(&plain), &|| {
                verify_plain(&plain, &checkpoints, 0)
            }];
        for (i, (best, task)) in best.iter_mut().zip(tasks).enumerate() {
            if only.is_some_and(|only| only != i) {
                continue;
            }
            let start = ThreadTime::now();
            task();
            *best = (*best).min(start.elapsed());
        }
        for (wall, threads) in wall.iter_mut().zip([0, 1, 2]).filter(|_| only.is_none()) {
            let start = Instant::now();
            verify_blocks(&rows, &checkpoints, threads);
            *wall = (*wall).min(start.elapsed());
        }
    }
    let rate = |time: Duration| events as f64 / time.as_secs_f64() / 1e6;
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("stored blocks, one thread, CPU time, best of {ROUNDS}:");
    println!("  gunzip + SHA-256 per line   {:>8.3?}  {:.2} M events/s", best[0], rate(best[0]));
    println!(
        "  verify                      {:>8.3?}  {:.2} M events/s  ratio {:.2} (goal 1.30)",
        best[1],
        rate(best[1]),
        ratio(best[1], best[0])
    );
    println!("exported lines, one thread, CPU time:");
    println!("  SHA-256 per line            {:>8.3?}  {:.2} M events/s", best[2], rate(best[2]));
    println!(
        "  verify                      {:>8.3?}  {:.2} M events/s  ratio {:.2} (goal 1.60)",
        best[3],
        rate(best[3]),
        ratio(best[3], best[2])
    );
    println!(
        "stored blocks, wall time: caller's thread {:.3?}, one worker {:.3?}, two workers {:.3?}: {:.2} times as fast as one",
        wall[0],
        wall[1],
        wall[2],
        ratio(wall[1], wall[2])
    );
    let total = ProcessTime::now().as_duration();
    println!("(the whole bench took {total:.1?} of CPU)");
    let child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["memory".as_ref(), lines_file.as_os_str(), checkpoints_file.as_os_str()])
        .output()
        .expect("can start itself");
    print!("{}", String::from_utf8_lossy(&child.stdout));
}

fn build(chain: &ChainName, events: u64, lines: &Path, checkpoints: &Path) -> (Vec<Vec<u8>>, Vec<Checkpoint>) {
    use domain::merkle::{Edge, leaf};
    let mut out = BufWriter::new(File::create(lines).expect("a file"));
    let (mut rows, mut made, mut edge) = (Vec::new(), Vec::<Checkpoint>::new(), Edge::default());
    for block in chain::blocks(chain, events, 1000) {
        let plain = block.lines().expect("just built");
        out.write_all(&plain).expect("room on the disk");
        domain::block::views(&plain).for_each(|view| edge.push(leaf(&view.hash)));
        if block.header.n.is_multiple_of(10) {
            made.push(checkpoint(&block, &edge, made.last()));
        }
        rows.push(block.to_row());
    }
    let text: Vec<u8> = made.iter().flat_map(|c| [c.line(), b"\n".to_vec()].concat()).collect();
    std::fs::write(checkpoints, text).expect("room on the disk");
    out.flush().expect("room on the disk");
    (rows, made)
}

fn checkpoint(block: &Block, edge: &domain::merkle::Edge, before: Option<&Checkpoint>) -> Checkpoint {
    let key = signing_key();
    let mut checkpoint = Checkpoint {
        chain: block.header.chain.clone(),
        n: before.map_or(0, |c| c.n) + 1,
        head_seq: block.header.last_seq(),
        head_hash: block.header.head_hash,
        root_hash: edge.root(),
        at: block.header.recorded_at,
        reason: domain::checkpoint::Reason::Interval,
        prev_checkpoint: before.map_or(domain::hash::Hash::ZERO, Checkpoint::digest),
        sig_alg: key.algorithm().as_str().to_owned(),
        key_id: key.verify_key().key_id(),
        signature: Vec::new(),
    };
    chain::sign(&mut checkpoint, &key);
    checkpoint
}

fn gunzip_and_hash(rows: &[Vec<u8>]) {
    let mut plain = Vec::new();
    for row in rows {
        let body = memchr::memchr(b'\n', row).expect("a header") + 1;
        plain.clear();
        flate2::bufread::MultiGzDecoder::new(&row[body..]).read_to_end(&mut plain).expect("gzip");
        hash_lines(&plain);
    }
}

fn hash_lines(mut plain: &[u8]) {
    while let Some(at) = memchr::memchr(b'\n', plain) {
        black_box(Sha256::digest(&plain[..at]));
        plain = &plain[at + 1..];
    }
}

fn options(threads: usize) -> Options {
    Options {
        ring: KeyRing::of(signing_key().verify_key()),
        start: Start::Genesis,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: true,
        repeat_key: [3; 16],
        threads,
    }
}

fn scratch() -> Option<Box<dyn domain::verify::Scratch>> {
    Some(Box::new(tempfile::tempfile().expect("a file")))
}

fn verify_blocks(rows: &[Vec<u8>], checkpoints: &[Checkpoint], threads: usize) {
    let options = options(threads);
    let mut walk = Walk::new(options.clone(), None, scratch());
    let mut pool = Pool::new(&options);
    let mut waiting = checkpoints.iter();
    let mut join = |walk: &mut Walk, run: domain::verify::Checked| {
        while !walk.has_checkpoints_beyond(run.greatest_seq()) {
            let Some(checkpoint) = waiting.next() else { break };
            walk.checkpoint(&checkpoint.line(), Evidence::Chained);
        }
        walk.run(run).expect("room on the disk");
    };
    for (n, row) in (1..).zip(rows) {
        // The copy stands for the read that a store would make.
        if let Some(run) = pool.submit(Chunk::Block { n, row: row.clone() }) {
            join(&mut walk, run);
        }
    }
    while let Some(run) = pool.receive() {
        join(&mut walk, run);
    }
    assert_intact(&walk.finish().expect("room on the disk"));
}

fn verify_plain(plain: &[u8], checkpoints: &[Checkpoint], threads: usize) {
    let lines = checkpoints.iter().map(|c| Ok(c.line()));
    let report = verify_lines(plain, lines, &[], None, &options(threads), scratch(), |_| ());
    assert_intact(&report.expect("memory can be read"));
}

fn assert_intact(report: &Report) {
    assert_eq!(report.status(), Status::Intact, "{:?}", report.breaks);
}

/// Verifies a file in a process of its own and says how much memory that took.
fn memory(lines: &Path, checkpoints: &Path) {
    use std::io::BufRead;
    let checkpoints = std::io::BufReader::new(File::open(checkpoints).expect("a file"));
    let lines_of = checkpoints.lines().map(|l| l.map(String::into_bytes));
    let file = std::io::BufReader::with_capacity(128 * 1024, File::open(lines).expect("a file"));
    let report = verify_lines(file, lines_of, &[], None, &options(2), scratch(), |_| ());
    assert_intact(&report.expect("the file can be read"));
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    println!(
        "memory of a process that verifies the exported file on two threads: {} at most (goal 64 MiB)",
        peak.trim()
    );
}
