//! `dezky up` as people use it, and on its bad days.

use crate::support::{DEZKY, Up, dezky, http, root, said, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn events(folder: &Path) -> Vec<Value> {
    said(folder, &["list", "--limit", "1000000", "--json"]).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Waits until the chain has this event. The hub is at work beside us; what passes the time is asking.
fn until_chained(folder: &Path, seq: usize) {
    for _ in 0..3000 {
        if said(folder, &["list", "--limit", "1000000"]).lines().count() >= seq {
            return;
        }
    }
    panic!("event {seq} is not chained");
}

#[test]
fn the_demo_is_intact_and_holds_exactly_the_core_events() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut up = Up::start(at, &["--demo"]);
    let output = dezky(at, &["verify"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).starts_with("intact: 43 of 43 events and 1 checkpoints hold"), "{}", text(&output));
    let expected = std::fs::read(root().join("tests/data/ocis/ocis-audit.expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let mut wanted: BTreeMap<(String, String), usize> = BTreeMap::new();
    let core = expected["lines"].as_array().unwrap().iter().filter(|l| l["kind"] == "event" && l["tier"] == "core");
    for line in core {
        *wanted.entry((line["verb"].as_str().unwrap().to_owned(), line["actor"].to_string())).or_default() += 1;
    }
    let mut found = BTreeMap::new();
    for event in events(at) {
        assert_eq!(event["source"], "ocis");
        *found.entry((event["action"].as_str().unwrap().to_owned(), event["actorId"].to_string())).or_default() += 1;
    }
    assert_eq!(found, wanted);
    assert!(up.stop().success());
    // A second start reads the same log from its end.
    let up = Up::start(at, &["--demo"]);
    assert!(said(at, &["verify"]).starts_with("intact: 43 of 43 events"));
    drop(up);
}

#[test]
fn over_http_the_program_does_what_it_does_here() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let up = Up::start(at, &["--demo"]);
    let operator = said(at, &["token", "--role", "operator"]);
    let service = said(at, &["token", "--role", "service"]);
    let there = ["--url", &up.url, "--token", &operator];
    let both = |arguments: &[&str]| {
        let here = dezky(at, arguments);
        let over = dezky(at, &[arguments, &there[..]].concat());
        assert_eq!(here.status.code(), over.status.code(), "{arguments:?}: {}", text(&over));
        assert_eq!(String::from_utf8_lossy(&here.stdout), String::from_utf8_lossy(&over.stdout), "{arguments:?}");
    };
    both(&["list", "--limit", "7"]);
    both(&["list", "--json", "--limit", "1000", "--before", "2026-06-01T00:00:00Z"]);
    both(&["verify"]);
    both(&["verify", "--json"]);
    both(&["checkpoint"]);
    both(&["checkpoint", "--json"]);
    said(at, &["export", "--out", "here"]);
    said(at, &["export", "--out", "there", "--url", &up.url, "--token", &operator]);
    for suffix in ["", ".checkpoints"] {
        let read = |name: &str| std::fs::read(at.join(format!("{name}{suffix}"))).unwrap();
        assert_eq!(read("here"), read("there"), "{suffix}");
    }
    let key = ["--key", "@.dezky/keys/signing.hex"];
    let offline =
        ["verify", "--file", "there", "--companion", "there.companion.json", "--checkpoints", "there.checkpoints"];
    assert!(said(at, &[&offline[..], &key].concat()).starts_with("intact: 43 of 43"));
    let samples = root().join("docs/samples/events.ndjson").display().to_string();
    let record = ["record", "--file", &samples, "--url", &up.url, "--token"];
    let ids = said(at, &[&record[..], &[service.as_str()]].concat());
    assert_eq!(ids.lines().count(), 12);
    until_chained(at, 55);
    let refused = dezky(at, &[&record[..], &[operator.as_str()]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("a service with the scope `record:<source>`"), "{}", text(&refused));
    let environment = Command::new(DEZKY)
        .args(["verify", "--url", &up.url])
        .env("DEZKY_TOKEN", &operator)
        .current_dir(at)
        .output()
        .unwrap();
    assert!(environment.status.success(), "{}", text(&environment));
    for (arguments, words) in [
        (vec!["rebuild", "--url", &up.url, "--token", &operator], "on the stores themselves"),
        (vec!["verify", "--url", &up.url], "--url needs a token"),
        (vec!["verify", "--url", "ftp://x", "--token", "x"], "http:// or https://"),
        (vec!["verify", "--index", "--url", &up.url, "--token", &operator], "export the log and use --file"),
        (vec!["token", "--role", "operator", "--scope", "read"], "scopes are for services"),
        (vec!["token", "--role", "service", "--scope", "fly"], "is no scope"),
        (vec!["token", "--role", "service", "--ttl", "1y"], "such as 30m"),
        (vec!["up", "--url", &up.url], "takes --data, not --url"),
    ] {
        let output = dezky(at, &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(words), "{arguments:?}: {}", text(&output));
    }
    let url = up.url.clone();
    drop(up);
    let gone = dezky(at, &["verify", "--url", &url, "--token", &operator]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone).contains("no hub answers at") && text(&gone).contains("dezky up"), "{}", text(&gone));
}

/// Killed at the k-th acknowledgement, again and again: what was acknowledged stands in the chain once.
#[test]
fn kill_9_at_any_moment_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let log = at.join("ocis.log");
    let line = |i: usize| {
        format!(
            "{{\"App\":\"admin_audit\",\"Action\":\"user_created\",\"UserID\":\"u-{i}\",\"Message\":\"\",\"Time\":\"\"}}\n"
        )
    };
    let mut written = String::new();
    let (mut acknowledged, mut lines, mut token) = (Vec::new(), 0, String::new());
    let environment = [("OCIS_AUDIT_LOG_PATH", log.to_str().unwrap())];
    for round in 0..25 {
        for _ in 0..20 {
            written += &line(lines);
            lines += 1;
        }
        std::fs::write(&log, &written).unwrap();
        let mut up = Up::start_with(at, &[], &environment);
        if token.is_empty() {
            token = said(at, &["token", "--role", "service"]);
        }
        // How many are acknowledged before the kill differs from round to round.
        for i in 0..(round * 7) % 12 {
            let body = format!(r#"[{{"action":"a.b","at":"2026-11-02T08:15:00Z","resourceId":"{round}-{i}"}}]"#);
            let (status, body) = http(&up.url, "POST", "/audit/events", &token, &body).unwrap();
            assert_eq!(status, 202, "{body}");
            let body: Value = serde_json::from_str(&body).unwrap();
            acknowledged.push(body["ids"][0].as_str().unwrap().to_owned());
        }
        up.kill();
    }
    let mut up = Up::start_with(at, &[], &environment);
    until_chained(at, acknowledged.len() + lines);
    assert!(up.stop().success());
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut users: BTreeMap<String, usize> = BTreeMap::new();
    for event in events(at) {
        *times.entry(event["id"].as_str().unwrap().to_owned()).or_default() += 1;
        if event["source"] == "ocis" {
            *users.entry(event["resourceId"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(acknowledged.iter().all(|id| times.get(id) == Some(&1)), "an acknowledged event is lost or doubled");
    let wanted: BTreeMap<String, usize> = (0..lines).map(|i| (format!("u-{i}"), 1)).collect();
    assert_eq!(users, wanted, "a line of the log is lost or doubled");
    assert!(said(at, &["verify", "--index"]).starts_with("intact"));
}

#[test]
fn two_on_one_directory_write_one_log_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let one = Up::start(at, &["--demo"]);
    let two = Up::start(at, &["--demo"]);
    let service = said(at, &["token", "--role", "service"]);
    for (i, up) in [&one, &two, &one, &two].iter().enumerate() {
        let body = format!(r#"{{"action":"a.b","at":"2026-11-02T08:15:00Z","resourceId":"{i}"}}"#);
        assert_eq!(http(&up.url, "POST", "/audit/events", &service, &body).unwrap().0, 202);
    }
    until_chained(at, 47);
    assert!(said(at, &["verify"]).starts_with("intact: 47 of 47"));
    // A third one says who is there, and what to do about its port.
    let address = one.url.strip_prefix("http://").unwrap();
    let third = dezky(at, &["up", "--listen", address]);
    assert_eq!(third.status.code(), Some(1));
    let said = text(&third);
    assert_eq!(said.lines().count(), 1, "one clear line: {said}");
    assert!(
        said.contains("is in use: another `dezky up` serves this data directory") && said.contains("--listen"),
        "{said}"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let fourth = dezky(elsewhere.path(), &["up", "--listen", address]);
    assert!(text(&fourth).contains("another program has it"), "{}", text(&fourth));
}

/// Keys and directories that are not as they should be: one line each, and nothing is changed.
#[test]
fn what_is_missing_malformed_or_newer_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    drop(Up::start(at, &["--demo"]));
    let refuse = |words: &[&str]| {
        let output = dezky(at, &["up", "--listen", "127.0.0.1:0"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        let said = text(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    let key = at.join(".dezky/keys/signing.hex");
    let good = std::fs::read(&key).unwrap();
    std::fs::write(&key, "zz").unwrap();
    refuse(&["keys/signing.hex does not hold 64 hex digits", "restore it from a backup"]);
    std::fs::remove_file(&key).unwrap();
    refuse(&["keys/signing.hex is missing", "restore it from a backup, or set AUDIT_SIGNING_KEY"]);
    std::fs::write(&key, good).unwrap();
    // All keys gone, and the one that matters given in another way.
    std::fs::rename(at.join(".dezky/keys"), at.join("aside")).unwrap();
    let given = Command::new(DEZKY)
        .args(["verify"])
        .env("AUDIT_SIGNING_KEY", std::fs::read_to_string(at.join("aside/signing.hex")).unwrap().trim())
        .current_dir(at)
        .output()
        .unwrap();
    assert!(given.status.success(), "{}", text(&given));
    std::fs::remove_dir_all(at.join(".dezky/keys")).unwrap();
    std::fs::rename(at.join("aside"), at.join(".dezky/keys")).unwrap();
    let issuer = at.join(".dezky/keys/issuer.hex");
    std::fs::write(&issuer, "short").unwrap();
    refuse(&["keys/issuer.hex does not hold 64 hex digits"]);
    std::fs::remove_file(&issuer).unwrap();
    drop(Up::start(at, &[]));
    assert!(issuer.exists(), "only tokens end with it: it is made anew");
    for (name, setting) in [("table.db", "TABLE_URL"), ("queue.db", "QUEUE_URL")] {
        let newer = format!(
            "import sqlite3; db = sqlite3.connect('.dezky/{name}'); db.execute('PRAGMA user_version = {{}}'.format(VERSION)); db.commit()"
        );
        let set = |version: &str| {
            let script = newer.replace("VERSION", version);
            assert!(Command::new("python3").args(["-c", &script]).current_dir(at).status().unwrap().success());
        };
        set("99");
        refuse(&[setting, "was made by a newer dezky (layout 99"]);
        set("1");
    }
    std::fs::write(at.join(".dezky/layout"), "99\n").unwrap();
    refuse(&["was made by a newer dezky (layout 99"]);
    std::fs::write(at.join(".dezky/layout"), "1\n").unwrap();
    let wrong = Command::new(DEZKY)
        .args(["up"])
        .envs([("AUDIT_SIGNING_KEY", "zz"), ("OCIS_EXTRA_ACTIONS", "fly"), ("DEZKY_LOG", "warn")])
        .current_dir(at)
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong).contains("AUDIT_SIGNING_KEY") && text(&wrong).contains("OCIS_EXTRA_ACTIONS"),
        "{}",
        text(&wrong)
    );
    assert!(said(at, &["verify"]).starts_with("intact: 43 of 43"));
}

/// A disk that takes no more: what cannot be stored is not acknowledged, and what was, stays.
#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    drop(Up::start(at, &["--demo"]));
    let service = said(at, &["token", "--role", "service"]);
    // Files may not grow beyond a little more than they have: the queue fills up soon.
    let script = format!("ulimit -f 900; trap '' XFSZ; exec {DEZKY} up --listen 127.0.0.1:0 2>errors");
    let mut child = Command::new("bash")
        .args(["-c", &script])
        .current_dir(at)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut url).unwrap();
    let url = url.trim();
    let big = "x".repeat(7000);
    let mut acknowledged = Vec::new();
    let mut refused = None;
    for i in 0..400 {
        let body =
            format!(r#"{{"action":"a.b","at":"2026-11-02T08:15:00Z","resourceId":"{i}","resourceName":"{big}"}}"#);
        let (status, body) = http(url, "POST", "/audit/events", &service, &body).unwrap();
        if status == 202 {
            acknowledged.push(serde_json::from_str::<Value>(&body).unwrap()["ids"][0].as_str().unwrap().to_owned());
        } else {
            refused = Some((status, body));
            break;
        }
    }
    let (status, body) = refused.expect("the disk is full at some point");
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("Send all again: what has an `id`"), "{body}");
    child.kill().unwrap();
    child.wait().unwrap();
    let errors = std::fs::read_to_string(at.join("errors")).unwrap();
    assert!(errors.contains("record-events failed") && errors.contains("disk"), "{errors}");
    let _up = Up::start(at, &[]);
    until_chained(at, 43 + acknowledged.len());
    let chained: Vec<String> = events(at).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
    assert!(acknowledged.iter().all(|id| chained.iter().filter(|c| *c == id).count() == 1));
    assert!(said(at, &["verify"]).starts_with("intact"));
}

/// Deleting rows behind the log's back is what people try: the hub is served all the same, and says so.
#[test]
fn a_log_that_lost_its_rows_is_served_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    drop(Up::start(at, &["--demo"]));
    let script = "import sqlite3; db = sqlite3.connect('.dezky/table.db'); \
                  db.execute(\"DELETE FROM rows WHERE partition LIKE 'chain#%'\"); db.commit()";
    assert!(Command::new("python3").args(["-c", script]).current_dir(at).status().unwrap().success());
    let up = Up::start(at, &["--demo"]);
    let operator = said(at, &["token", "--role", "operator"]);
    let (status, body) = http(&up.url, "GET", "/audit/verify", &operator, "").unwrap();
    assert!(status == 200 && body.contains("\"kind\":\"tail-truncated\""), "{body}");
    let (status, body) = http(&up.url, "POST", "/audit/checkpoint", &operator, "").unwrap();
    assert!(status == 409 && body.contains("chain-broken") && body.contains("dezky accept-break"), "{body}");
    assert_eq!(dezky(at, &["verify"]).status.code(), Some(10));
}

/// A mistyped --data, or a disk that is not mounted, is no empty log.
#[test]
fn an_empty_folder_is_not_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("wrong")).unwrap();
    for command in [&["verify"][..], &["list"], &["token", "--role", "operator"], &["export", "--out", "x"]] {
        let output = dezky(at, &[command, &["--data", "wrong"]].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(text(&output).contains("there is no log in wrong; `dezky up`"), "{}", text(&output));
    }
    assert_eq!(std::fs::read_dir(at.join("wrong")).unwrap().count(), 0, "and nothing was made there");
}

/// What the directory holds is for its owner.
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let _up = Up::start(at, &["--demo"]);
    let mut folders = vec![at.join(".dezky")];
    let mut files = 0;
    while let Some(path) = folders.pop() {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
            files += 1;
        }
    }
    assert!(files > 10);
}

/// The real log, then the demo, then the real log again: each has a place of its own.
#[test]
fn another_log_does_not_disturb_the_place_in_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let log = at.join("real.log");
    std::fs::copy(root().join("tests/data/ocis/formatter-output.log"), &log).unwrap();
    let environment = [("OCIS_AUDIT_LOG_PATH", log.to_str().unwrap())];
    let mut counts = Vec::new();
    for demo in [false, true, false, true] {
        let mut up = match demo {
            true => Up::start(at, &["--demo"]),
            false => Up::start_with(at, &[], &environment),
        };
        until_chained(at, counts.last().copied().unwrap_or(1));
        assert!(up.stop().success());
        said(at, &["record"]);
        counts.push(events(at).len());
    }
    assert_eq!(counts[1] - counts[0], 43);
    assert_eq!((counts[2], counts[3]), (counts[1], counts[1]), "{counts:?}");
}

/// Somebody looks at the files with SQLite while the hub runs, as backups and monitors do. The hub's locks
/// must hold: else they would take the write-ahead log away under its feet.
#[test]
fn looking_at_the_files_while_it_runs_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut up = Up::start(at, &["--demo"]);
    let service = said(at, &["token", "--role", "service"]);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let look = "import sqlite3\nfor name in ('table', 'queue'):\n    db = sqlite3.connect(f'.dezky/{name}.db')\n    \
                    db.execute('SELECT count(*) FROM sqlite_schema').fetchone()\n    db.close()";
        assert!(Command::new("python3").args(["-c", look]).current_dir(at).status().unwrap().success());
        for entry in std::fs::read_dir(format!("/proc/{}/fd", up.child.id())).unwrap() {
            let open = std::fs::read_link(entry.unwrap().path()).unwrap_or_default();
            assert!(!open.to_string_lossy().contains("(deleted)"), "{}", open.display());
        }
        let body = format!(r#"{{"action":"a.b","at":"2026-11-02T08:15:00Z","resourceId":"{round}"}}"#);
        let (status, body) = http(&up.url, "POST", "/audit/events", &service, &body).unwrap();
        assert_eq!(status, 202);
        acknowledged.push(serde_json::from_str::<Value>(&body).unwrap()["ids"][0].as_str().unwrap().to_owned());
    }
    up.kill();
    let _up = Up::start(at, &[]);
    until_chained(at, 43 + acknowledged.len());
    let chained: Vec<String> = events(at).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
    assert!(acknowledged.iter().all(|id| chained.iter().filter(|c| *c == id).count() == 1));
}

/// The crudest edits: a row's value of another type. They are breaks with a place, over HTTP as well, and
/// no failure of the store.
#[test]
fn a_row_of_another_type_is_a_break_with_a_place() {
    for (partition, value, kind) in [
        ("chain#%", "'hello'", "block-unreadable"),
        ("chain#%", "NULL", "block-unreadable"),
        ("chain#%", "7", "block-unreadable"),
        ("checkpoint#%", "'hello'", "checkpoint-"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let up = Up::start(at, &["--demo"]);
        let operator = said(at, &["token", "--role", "operator"]);
        let script = format!(
            "import sqlite3; db = sqlite3.connect('.dezky/table.db'); \
             db.execute(\"UPDATE OR REPLACE rows SET body = {value} WHERE partition LIKE '{partition}'\"); db.commit()"
        );
        let done = Command::new("python3").args(["-c", &script]).current_dir(at).output().unwrap();
        if !done.status.success() {
            // The table itself refuses some types.
            assert!(text(&done).contains("NOT NULL"), "{}", text(&done));
            continue;
        }
        let output = dezky(at, &["verify"]);
        assert_eq!(output.status.code(), Some(10), "{value}: {}", text(&output));
        assert!(text(&output).contains(kind), "{value}: {}", text(&output));
        let (status, body) = http(&up.url, "GET", "/audit/verify", &operator, "").unwrap();
        assert!(status == 200 && body.contains("\"status\":\"broken\""), "{value}: {body}");
    }
}
