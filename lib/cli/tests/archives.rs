//! Archives as operators and auditors meet them.

use crate::support::{DEZKY, Up, dezky, root, said, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const KEY: &str = "@.dezky/keys/signing.hex";

fn record(at: &Path) {
    let samples = root().join("docs/samples/events.ndjson").display().to_string();
    said(at, &["record", "--file", &samples]);
}

/// Two archives, events 1–36 and 37–62, and hot events behind them; the folder with the objects.
fn archived(at: &Path) -> PathBuf {
    for round in 0..2 {
        (round..2).for_each(|_| record(at));
        said(at, &["checkpoint"]);
        record(at);
        let run: Value = serde_json::from_str(&said(at, &["archive", "--older-than-days", "0", "--json"])).unwrap();
        assert_eq!(run["batches"].as_array().map(Vec::len), Some(1), "{run}");
    }
    let chains = at.join(".dezky/bucket/audit");
    std::fs::read_dir(chains).unwrap().next().unwrap().unwrap().path()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for (path, bytes) in files(from) {
        std::fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
}

/// The object or the manifest of the archive that begins with this event.
fn object(folder: &Path, start: u64, ending: &str) -> PathBuf {
    let mut names = files(folder).into_keys().filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(&format!("{start:020}-")) && name.ends_with(ending)
    });
    names.next().unwrap()
}

fn check(at: &Path, arguments: &[&str], code: i32, words: &[&str]) {
    let output = dezky(at, arguments);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
}

#[test]
fn what_is_refused_is_refused_in_one_line_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    check(at, &["archives"], 1, &["there is no log in ./.dezky"]);
    record(at);
    check(at, &["archive"], 0, &["nothing is due", "by which archiving itself is said"]);
    check(at, &["archives"], 0, &["`dezky archive` makes some"]);
    check(at, &["holds"], 0, &["nothing is held"]);
    check(at, &["expire", "--older-than-days", "0"], 0, &["nothing is due"]);
    check(at, &["restore", "1"], 1, &["no archive starts with event 1"]);
    check(at, &["release", "1", "--operator", "anna"], 1, &["event 1 places no hold"]);
    let hold = |from, to, reason, who: &[&str], code, word| {
        let hold = ["hold", "--from", from, "--to", to, "--reason", reason];
        check(at, &[&hold[..], who].concat(), code, &[word]);
    };
    let anna: &[&str] = &["--operator", "anna"];
    hold("1", "2", "x", &[], 2, "--operator says who does it");
    hold("1", "2", "x", &["--operator", " "], 2, "--operator says who does it");
    hold("1", "13", "x", anna, 1, "head=`12`");
    hold("2", "1", "x", anna, 1, "from the first to the last");
    hold("1", "2", " ", anna, 1, "why these events are held");
    for (arguments, words) in [
        (vec!["verify", "--archive", "x", "--file", "y"], "cannot be used with"),
        (vec!["verify", "--archive", "x", "--cold"], "cannot be used with"),
        (vec!["verify", "--checkpoints", "x"], "required"),
        (vec!["expire", "--yes"], "--older-than-days"),
        (vec!["restore", "1", "--days", "0"], "1..=365"),
        (vec!["archive", "--older-than-days", "-1"], "-1"),
    ] {
        check(at, &arguments, 2, &[words]);
    }
}

#[test]
fn over_http_archives_are_what_they_are_here() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    record(at);
    record(at);
    let up = Up::start(at, &[]);
    let operator = said(at, &["token", "--role", "operator", "--subject", "berta"]);
    let there = ["--url", &up.url, "--token", &operator];
    let over = |arguments: &[&str]| dezky(at, &[arguments, &there[..]].concat());
    let first = over(&["archive", "--older-than-days", "0"]);
    assert!(first.status.success(), "{}", text(&first));
    assert!(text(&first).contains("archived events 1-24 (24 events"), "{}", text(&first));
    assert!(text(&over(&["archive"])).contains("nothing is due"));
    assert!(text(&over(&["restore", "1"])).contains("events 1-24 are restored"));
    let hold = text(&over(&["hold", "--from", "1", "--to", "3", "--reason", "a case"]));
    assert!(hold.contains("events 1-3 are held by event "), "{hold}");
    let holds: Value = serde_json::from_slice(&over(&["holds", "--json"]).stdout).unwrap();
    assert!(holds["by"].as_str().unwrap().ends_with("|berta"), "{holds}");
    let seq = holds["seq"].to_string();
    let both = |arguments: &[&str]| {
        let (here, over) = (dezky(at, arguments), over(arguments));
        assert_eq!(here.status.code(), over.status.code(), "{arguments:?}: {}", text(&over));
        assert_eq!(String::from_utf8_lossy(&here.stdout), String::from_utf8_lossy(&over.stdout), "{arguments:?}");
        assert!(here.status.success(), "{}", text(&here));
    };
    both(&["archives"]);
    both(&["archives", "--json"]);
    both(&["holds"]);
    assert!(text(&over(&["release", &seq])).contains("are no longer held"));
    both(&["holds", "--json"]);
    both(&["verify"]);
    both(&["verify", "--cold"]);
    both(&["verify", "--cold", "--json"]);
    for (arguments, word) in [
        (vec!["archive", "--operator", "anna"], "the token says who asks"),
        (vec!["restore", "1", "--operator", "anna"], "the token says who asks"),
        (vec!["release", "1", "--operator", "anna"], "the token says who asks"),
        (vec!["expire", "--older-than-days", "0", "--yes"], "on the stores themselves"),
        (vec!["rebuild", "--from-archives"], "on the stores themselves"),
        (vec!["rebuild"], "on the stores themselves"),
    ] {
        let output = over(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(word), "{arguments:?}: {}", text(&output));
    }
}

#[test]
fn an_auditor_needs_the_objects_and_the_key_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let objects = archived(at);
    let bucket = at.join(".dezky/bucket");
    let before = files(&bucket);
    let verify = |place: &Path, more: &[&str], code, words: &[&str]| {
        let place = place.display().to_string();
        check(at, &[&["verify", "--archive", &place], more].concat(), code, words);
    };
    let whole = "intact: 62 of 62 events and 3 checkpoints hold";
    verify(&bucket, &["--key", KEY], 0, &[whole, "read and hold: 2"]);
    verify(&bucket, &[], 11, &["no key to check the manifests' signatures with"]);
    verify(&objects, &["--key", KEY], 0, &["62 of 62 events and 0 checkpoints"]);
    said(at, &["export", "--out", "log"]);
    verify(&objects, &["--key", KEY, "--checkpoints", "log.checkpoints"], 0, &[whole]);
    verify(&objects, &["--key", KEY, "--anchor", "log.checkpoints"], 0, &["outside the table: yes"]);
    verify(&objects, &["--key", &format!("hmac-sha256:{}", "a".repeat(64))], 10, &["archive-manifest-mismatch"]);
    assert_eq!(files(&bucket), before, "nothing is written there");
    verify(&at.join("none"), &[], 1, &["none: No such file"]);
    verify(&at.join("log"), &[], 2, &["is no directory"]);
    verify(&at.join(".dezky/keys"), &[], 2, &["there is no archive in", "looked in it and below for names such as"]);
    copy(&objects, &at.join("two/first"));
    copy(&objects, &at.join("two/second"));
    verify(&at.join("two"), &[], 2, &["several chains", "two/first, ", "two/second; give one of these"]);
    let json = dezky(at, &["verify", "--archive", "two/first", "--key", KEY, "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json["status"].as_str(), json["archivesVerified"].as_u64()), (Some("intact"), Some(2)));
}

#[test]
fn whatever_becomes_of_an_object_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let objects = archived(at);
    let (first, second) = ("archive 1-36", "archive 37-62");
    let touched = |touch: &dyn Fn(&Path), code, words: &[&str]| {
        let touched = at.join("touched");
        copy(&objects, &touched);
        touch(&touched);
        check(at, &["verify", "--archive", "touched", "--key", KEY], code, words);
        std::fs::remove_dir_all(&touched).unwrap();
    };
    let remove =
        |start, ending: &'static str| move |at: &Path| std::fs::remove_file(object(at, start, ending)).unwrap();
    let change = |start, ending: &'static str, how: fn(&mut Vec<u8>)| {
        move |at: &Path| {
            let path = object(at, start, ending);
            let mut bytes = std::fs::read(&path).unwrap();
            how(&mut bytes);
            std::fs::write(path, bytes).unwrap();
        }
    };
    touched(&|_| (), 0, &["intact: 62 of 62"]);
    touched(&remove(1, ".manifest.json"), 10, &["archive-manifest-mismatch", first]);
    touched(&remove(37, ".manifest.json"), 10, &["archive-manifest-mismatch", second]);
    touched(&remove(37, ".jsonl.gz"), 10, &["archive-content-mismatch", second, "event 37"]);
    touched(&change(37, ".jsonl.gz", |bytes| bytes.clear()), 10, &["archive-content-mismatch", second, "event 37"]);
    touched(&change(1, ".jsonl.gz", |bytes| bytes.truncate(900)), 10, &["archive-content-mismatch", first]);
    touched(&change(1, ".jsonl.gz", |bytes| bytes.push(0)), 10, &["archive-content-mismatch", first, "event 37"]);
    touched(&change(1, ".manifest.json", |bytes| bytes[40] ^= 1), 10, &["archive-manifest-mismatch", first]);
    // Huge in itself, or only once it is unpacked.
    let huge = |bytes: &mut Vec<u8>| bytes.resize(40 * 1024 * 1024, 0);
    touched(&change(1, ".manifest.json", huge), 10, &["archive-manifest-mismatch", first]);
    touched(&change(37, ".jsonl.gz", huge), 10, &["archive-content-mismatch", second]);
    let bomb = |at: &Path| {
        let path = object(at, 37, ".jsonl.gz").display().to_string();
        let made = Command::new("bash").args(["-c", "head -c 200M /dev/zero | gzip -9 > \"$0\"", &path]).status();
        assert!(made.unwrap().success());
    };
    touched(&bomb, 10, &["archive-content-mismatch", second]);
    // What is not named as archives are is somebody else's.
    touched(&|at| std::fs::write(at.join("1-24.jsonl.gz"), "x").unwrap(), 0, &["intact"]);
}

#[test]
fn a_lost_machine_comes_back_from_archives_and_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    archived(at);
    said(at, &["export", "--out", "before", "--to", "62"]);
    let key = std::fs::read_to_string(at.join(".dezky/keys/signing.hex")).unwrap();
    let bucket = format!("file:{}", at.join(".dezky/bucket").display());
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let environment = environment.iter().copied().chain([("BUCKET_URL", bucket.as_str()), ("DEZKY_DATA", "new")]);
        Command::new(DEZKY).args(arguments).envs(environment).current_dir(at).output().unwrap()
    };
    let rebuild = ["rebuild", "--from-archives"];
    let refused = run(&rebuild, &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert!(text(&refused).contains("AUDIT_SIGNING_KEY: not set, and new/keys holds none"), "{}", text(&refused));
    assert!(!at.join("new").exists(), "nothing is made where nothing can be made anew");
    let key = [("AUDIT_SIGNING_KEY", key.trim())];
    // A second chain: one has to be chosen.
    let audit = at.join(".dezky/bucket/audit");
    let chain = std::fs::read_dir(&audit).unwrap().next().unwrap().unwrap().path();
    copy(&chain, &audit.join("other"));
    let refused = run(&rebuild, &key);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert!(text(&refused).contains("AUDIT_CHAIN: not set") && text(&refused).contains("other"), "{}", text(&refused));
    std::fs::remove_dir_all(audit.join("other")).unwrap();
    let nowhere = run(&rebuild, &[key[0], ("AUDIT_COLD_PREFIX", "elsewhere")]);
    assert_eq!(nowhere.status.code(), Some(2), "{}", text(&nowhere));
    assert!(text(&nowhere).contains("there are no archives in") && text(&nowhere).contains("`elsewhere`"));
    let rebuilt = run(&rebuild, &key);
    assert!(text(&rebuilt).contains("made anew from 2 archives: events 1-62"), "{}", text(&rebuilt));
    let again = run(&rebuild, &key);
    assert!(again.status.success(), "once more does nothing: {}", text(&again));
    let exported = run(&["export", "--out", "after"], &key);
    assert!(exported.status.success(), "{}", text(&exported));
    assert_eq!(std::fs::read(at.join("before")).unwrap(), std::fs::read(at.join("after")).unwrap());
    let chain = chain.file_name().unwrap().to_str().unwrap();
    assert_eq!(std::fs::read_to_string(at.join("new/chain")).unwrap().trim(), chain);
}
