//! Many processes on one data directory: racing, and without disk space.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use under_fire::acks::Acks;
use under_fire::{block_on, check};

/// Runs a worker; its acknowledgements, if it ended well.
fn worker(data: &Path, arguments: &[&str]) -> Acks {
    let output = Command::new(crate::PROGRAM).arg("worker").arg(data).args(arguments).output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{:?} {}", said.failed, String::from_utf8_lossy(&output.stderr));
    said
}

fn said(output: &Output) -> Acks {
    Acks::of(std::str::from_utf8(&output.stdout).unwrap())
}

/// The whole chain verifies, and each of these events stands in it exactly once, and no other.
fn assert_each_once(data: &Path, events: &BTreeSet<u64>) {
    block_on(async {
        let cx = support::world::embedded(data);
        assert_eq!(check::intact(&cx).await, Ok(()));
        let chain = check::Chain::read(&cx).await.unwrap();
        assert_eq!(chain.among(events.iter().copied()), *events);
        assert_eq!(chain.len(), events.len());
    });
}

#[test]
fn eight_processes_offer_each_event_twice_and_it_is_chained_once() {
    const EVENTS: u64 = 50_000;
    const SHARE: u64 = EVENTS / 8;
    let folder = tempfile::tempdir().unwrap();
    // Each process has a share of its own, then its neighbour's, so that each is offered by two.
    std::thread::scope(|scope| {
        for p in 0..8 {
            let data = folder.path();
            scope.spawn(move || {
                for share in [p, (p + 1) % 8] {
                    let (from, to) = (share * SHARE, (share + 1) * SHARE);
                    let acks = worker(data, &["append", &from.to_string(), &to.to_string(), "250"]);
                    assert_eq!(acks.chained, (from..to).collect());
                }
            });
        }
    });
    assert_each_once(folder.path(), &(0..EVENTS).collect());
}

/// A process that may write no further bytes says so, acknowledges nothing more, and loses nothing.
#[test]
fn a_full_disk_costs_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // The limit of the shell counts KiB; ignored, the signal becomes an error of the write.
    let script = "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\"";
    let limited = Command::new("bash")
        .args(["-c", script, crate::PROGRAM, "worker"])
        .arg(folder.path())
        .args(["append", "0", "100000", "100"])
        .output()
        .unwrap();
    let acks = said(&limited);
    assert!(!limited.status.success(), "it should have run out of space");
    assert!(acks.failed.iter().any(|error| error.contains("the disk")), "{:?}", acks.failed);
    assert!(acks.chained.len() >= 100, "{:?}", acks.failed);
    let chained = block_on(async {
        let cx = support::world::embedded(folder.path());
        let chain = check::acked_is_stored(&cx, None, &acks).await.unwrap();
        chain.among(0..100_000)
    });
    worker(folder.path(), &["append", "0", "20000", "1000"]);
    assert_each_once(folder.path(), &chained.into_iter().chain(0..20_000).collect());
}
