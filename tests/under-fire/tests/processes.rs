//! Many processes on one data directory: racing, and without disk space.

use domain::line::LineView;
use domain::verify::Status;
use services::verify::{Request, verify};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use support::draft;

fn worker(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_under-fire"));
    command.arg("worker").arg(data).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn acknowledged(line: &str) -> Vec<u64> {
    line.strip_prefix("ack ").into_iter().flat_map(|l| l.split(' ')).map(|n| n.parse().unwrap()).collect()
}

/// The whole chain verifies, and each of these events stands in it exactly once.
fn assert_each_once(data: &Path, events: impl Iterator<Item = u64>, others: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let cx = support::world::embedded(data);
        let request = Request { index: true, ..Request::with_threads(2) };
        let report = verify(&cx, request, |_, _| ()).await.unwrap();
        let some: Vec<_> = report.breaks.iter().take(3).collect();
        assert_eq!(report.status(), Status::Intact, "{} breaks, such as {some:#?}", report.breaks_total);
        let mut export = services::export::Export::start(&cx, 1, None).await.unwrap();
        let mut ids = BTreeSet::new();
        let mut lines = 0;
        while let Some(some) = export.next().await.unwrap() {
            for view in some.split(|b| *b == b'\n').filter_map(LineView::of) {
                lines += 1;
                assert_eq!(view.seq, lines, "gapless");
                ids.insert(view.id.to_vec());
            }
        }
        assert_eq!(ids.len() as u64, lines, "no event twice");
        let mut wanted = 0;
        for i in events {
            wanted += 1;
            assert!(ids.contains(format!("\"{}\"", draft(i).id()).as_bytes()), "event {i} is missing");
        }
        assert_eq!(lines, wanted + others);
    });
}

#[test]
fn eight_processes_offer_each_event_twice_and_it_is_chained_once() {
    const EVENTS: u64 = 50_000;
    const SHARE: u64 = EVENTS / 8;
    let folder = tempfile::tempdir().unwrap();
    let start = |from: u64| {
        let (from, to) = (from.to_string(), (from + SHARE).to_string());
        worker(folder.path(), &["append", &from, &to, "250"]).spawn().unwrap()
    };
    // Each process has a share of its own, then its neighbour's, so that each is offered by two.
    std::thread::scope(|scope| {
        for p in 0..8 {
            scope.spawn(move || {
                for share in [p, (p + 1) % 8] {
                    let output = start(share * SHARE).wait_with_output().unwrap();
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                    let said = String::from_utf8(output.stdout).unwrap();
                    assert_eq!(said.lines().flat_map(acknowledged).count() as u64, SHARE);
                }
            });
        }
    });
    assert_each_once(folder.path(), 0..EVENTS, 0);
}

fn chained_of(data: &Path, events: &BTreeSet<u64>) -> BTreeSet<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let cx = support::world::embedded(data);
        let mut export = services::export::Export::start(&cx, 1, None).await.unwrap();
        let mut ids = BTreeSet::new();
        while let Some(some) = export.next().await.unwrap() {
            ids.extend(some.split(|b| *b == b'\n').filter_map(LineView::of).map(|view| view.id.to_vec()));
        }
        events.iter().copied().filter(|i| ids.contains(format!("\"{}\"", draft(*i).id()).as_bytes())).collect()
    })
}

/// A process that may write no further bytes says so, acknowledges nothing more, and loses nothing.
#[test]
fn a_full_disk_costs_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // The limit of the shell counts KiB; ignored, the signal becomes an error of the write.
    let script = "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\"";
    let limited = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_under-fire"), "worker"])
        .arg(folder.path())
        .args(["append", "0", "100000", "100"])
        .output()
        .unwrap();
    let errors = String::from_utf8(limited.stderr).unwrap();
    assert!(!limited.status.success(), "it should have run out of space");
    assert!(errors.contains("the disk"), "{errors}");
    let acked: BTreeSet<u64> = String::from_utf8(limited.stdout).unwrap().lines().flat_map(acknowledged).collect();
    assert!(acked.len() >= 100, "{errors}");
    let all: BTreeSet<u64> = (0..100_000).collect();
    let chained = chained_of(folder.path(), &all);
    assert!(acked.is_subset(&chained));
    let more = worker(folder.path(), &["append", "0", "20000", "1000"]).output().unwrap();
    assert!(more.status.success(), "{}", String::from_utf8_lossy(&more.stderr));
    assert_each_once(folder.path(), (0..20_000).chain(chained.into_iter().filter(|i| *i >= 20_000)), 0);
}
