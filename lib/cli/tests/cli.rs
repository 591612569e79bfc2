//! The program as people use it: the README's tour as written, exit codes, and what errors say.

use crate::support::{DEZKY, Up, dezky, root, text};
use std::process::Command;

fn samples() -> String {
    root().join("docs/samples/events.ndjson").display().to_string()
}

/// The blocks of the README that are marked so, in order: their language and their text.
fn tour() -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in readme.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(tag)) => open = Some((tag.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    blocks.retain(|(tag, _)| tag.ends_with(" tour"));
    blocks
}

/// Every block of the tour does what the README promises, beside the hub that its first command starts.
#[test]
fn the_readmes_tour_ends_with_the_promised_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path(), &["--demo"]);
    let blocks = tour();
    let mut said = Vec::new();
    for (tag, script) in &blocks {
        let script = script.replace("target/release/dezky", DEZKY).replace("http://127.0.0.1:3001", &up.url);
        let (program, flag) = if tag.starts_with("python") { ("python3", "-c") } else { ("bash", "-ec") };
        let output = Command::new(program).args([flag, &script]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", text(&output));
        said.push(text(&output));
    }
    assert_eq!(blocks.len(), 6, "the tour has six blocks");
    let holds = |block: usize, words: &[&str]| {
        assert!(words.iter().all(|word| said[block].contains(word)), "{}", said[block]);
    };
    assert_eq!(said[0].matches("intact: 43 of 43 events and 1 checkpoints hold").count(), 2, "{}", said[0]);
    holds(1, &["\"status\":\"intact\""]);
    holds(2, &["{\"ids\":[\""]);
    holds(3, &["event-hash-mismatch, event 10,", "exit code 10"]);
    assert_eq!(said[3].matches("break:").count(), 1, "{}", said[3]);
    holds(5, &["event-hash-mismatch, event 1, block 1", "exit code 10"]);
    holds(5, &["\"block\":1", "\"kind\":\"event-hash-mismatch\"", "\"seq\":1", "\"status\":\"broken\""]);
}

#[test]
fn exit_codes_tell_broken_from_incomplete_from_usage() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| dezky(folder.path(), arguments).status.code();
    assert_eq!(run(&["record", "--file", &samples()]), Some(0));
    assert_eq!(run(&["checkpoint"]), Some(0));
    assert_eq!(run(&["export", "--out", "log", "--from", "4", "--to", "9"]), Some(0));
    assert_eq!(run(&["verify", "--file", "log"]), Some(11), "it starts in the middle and nothing says why");
    let with = |more: &[&str]| run(&[&["verify", "--file", "log", "--companion", "log.companion.json"], more].concat());
    assert_eq!(with(&[]), Some(0));
    assert_eq!(with(&["--anchor", "log.checkpoints"]), Some(11), "no key was given");
    assert_eq!(
        with(&["--anchor", "log.checkpoints", "--key", "@.dezky/keys/signing.hex"]),
        Some(0),
        "the rest is not for this file"
    );
    let lines = std::fs::read_to_string(folder.path().join("log")).unwrap();
    let cut: String = lines.lines().take(4).map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.path().join("log"), cut).unwrap();
    let output = dezky(folder.path(), &["verify", "--file", "log", "--companion", "log.companion.json"]);
    assert_eq!(output.status.code(), Some(10));
    assert!(text(&output).contains("event-seq-gap, event 8"), "{}", text(&output));
    assert_eq!(run(&["verify", "--checkpoints", "log.checkpoints"]), Some(2));
    assert_eq!(run(&["verify", "--file", "none"]), Some(1));
    assert_eq!(run(&["verify", "--key", "soup"]), Some(2));
    assert_eq!(run(&["export", "--out", "log", "--from", "0"]), Some(2));
    assert_eq!(run(&["verify", "--index", "--json"]), Some(0));
}

#[test]
fn every_complaint_names_the_place_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.json"), r#"[{"action":"a","at":"2026-01-01T00:00:00Z"},{"action":"A"}]"#)
        .unwrap();
    std::fs::write(folder.path().join("syntax.ndjson"), "{\"action\":\"a\",\"at\":\"2026-01-01T00:00:00Z\"}\n{x}\n")
        .unwrap();
    let said = |arguments: &[&str]| text(&dezky(folder.path(), arguments));
    assert!(said(&["verify"]).contains("there is no log in ./.dezky; `dezky up` or `dezky record` makes one"));
    assert!(!folder.path().join(".dezky").exists(), "looking makes nothing");
    assert!(said(&["record", "--file", "bad.json"]).contains("bad.json, event 2: /at: this member is required"));
    assert!(said(&["record", "--file", "syntax.ndjson"]).contains("syntax.ndjson, event 2:"));
    assert!(said(&["record", "--file", "none.json"]).contains("none.json: No such file"));
    assert!(said(&["export", "--out", "x"]).is_empty() || said(&["export", "--out", "x"]).contains("wrote 0 events"));
    assert!(said(&["accept-break", "--operator", "anna"]).contains("there is no break to accept"));
    let both = Command::new(DEZKY)
        .arg("verify")
        .env("AUDIT_SIGNING_KEY", "12")
        .env("AUDIT_CHAIN", "Prod")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let both = text(&both);
    assert!(both.contains("AUDIT_SIGNING_KEY: a key is 64 hex digits") && both.contains("AUDIT_CHAIN: "), "{both}");
    let good = std::fs::read_to_string(folder.path().join(".dezky/keys/signing.hex")).unwrap();
    assert!(good.trim().len() == 64);
    std::fs::remove_file(folder.path().join(".dezky/keys/signing.hex")).unwrap();
    assert!(said(&["verify"]).contains("signing.hex is missing although there is a log beside it"));
    std::fs::write(folder.path().join(".dezky/keys/signing.hex"), "not a key").unwrap();
    assert!(said(&["verify"]).contains("signing.hex does not hold 64 hex digits; restore it from a backup"));
}

/// Two programs on one data directory, started at once on a new one, agree on its key and chain.
#[test]
fn several_programs_share_one_new_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Command::new(DEZKY)
            .args(["record", "--file", &samples()])
            .current_dir(folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let programs: Vec<_> = (0..4).map(|_| start()).collect();
    for program in programs {
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
    assert!(dezky(folder.path(), &["checkpoint"]).status.success());
    let output = text(&dezky(folder.path(), &["verify", "--index"]));
    assert!(output.starts_with("intact: 48 of 48 events and 1 checkpoints hold"), "{output}");
}

/// Whoever pipes into `head` gets no panic; a companion that says otherwise is found out; an export
/// that fails leaves the last good one alone.
#[test]
fn small_things_that_people_do() {
    let folder = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        let script = script.replace("DEZKY", DEZKY);
        Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap()
    };
    let record = format!("DEZKY record --file {} && DEZKY checkpoint && DEZKY export --out log", samples());
    assert!(run(&record).status.success());
    assert!(!text(&run("for i in 1 2 3 4 5; do DEZKY list --limit 500 | head -1; done")).contains("panicked"));
    let companion = std::fs::read_to_string(folder.path().join("log.companion.json")).unwrap();
    let verify =
        "DEZKY verify --file log --companion other --checkpoints log.checkpoints --key @.dezky/keys/signing.hex";
    for (member, start) in [("sha256", "\""), ("headHash", "\""), ("eventCount", ""), ("bytes", ""), ("filter", "")] {
        // The last one: the companion's checkpoint has some of the same members.
        let name = format!("\"{member}\":{start}");
        let (before, after) = companion.rsplit_once(&name).unwrap();
        let other = format!("{before}{name}1{after}");
        let other = other.replace("1null", "1");
        assert_ne!(other, companion, "{member}");
        std::fs::write(folder.path().join("other"), other).unwrap();
        let output = run(verify);
        assert_eq!(output.status.code(), Some(10), "{member}");
        assert!(text(&output).contains(&format!("companion-mismatch, member {member}, expected")), "{}", text(&output));
    }
    let before = std::fs::read(folder.path().join("log")).unwrap();
    assert_eq!(run("ulimit -f 1; trap '' XFSZ; DEZKY export --out log").status.code(), Some(1));
    assert_eq!(std::fs::read(folder.path().join("log")).unwrap(), before);
}
