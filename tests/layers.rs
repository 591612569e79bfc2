//! Arrows point one way, and what a crate must not know it cannot reach.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Who may depend on whom among our own crates.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("services", &["domain", "ports"]),
    ("adapters-local", &["domain", "ports"]),
    ("cli", &["domain", "ports", "services", "adapters-local"]),
    ("xtask", &[]),
    ("tests", &["domain", "ports", "services", "adapters-local"]),
];

/// Outside crates that only these of ours may name.
const RESERVED: [(&str, &[&str]); 6] = [
    ("rusqlite", &["adapters-local", "tests"]),
    ("tempfile", &["adapters-local", "cli", "tests"]),
    ("getrandom", &["adapters-local"]),
    ("tokio", &["services", "adapters-local", "cli", "tests"]),
    ("flate2", &["domain", "tests"]),
    ("ed25519-dalek", &["domain"]),
];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = |p: &Value| {
        let normal = p["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
        let names = normal.map(|d| d["name"].as_str().unwrap().to_owned()).collect();
        (p["name"].as_str().unwrap().to_owned(), names)
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn crates_depend_only_downwards() {
    let found = dependencies();
    let ours: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(ours, ALLOWED.iter().map(|(name, _)| *name).collect(), "a new crate needs its arrows here");
    for (name, allowed) in ALLOWED {
        let arrows: BTreeSet<&str> = found[name].iter().map(String::as_str).filter(|d| ours.contains(d)).collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(arrows.is_subset(&allowed), "{name} depends on {:?}", arrows.difference(&allowed));
    }
    for (outside, users) in RESERVED {
        for (name, _) in found.iter().filter(|(_, d)| d.contains(outside)) {
            assert!(users.contains(&name.as_str()), "{name} may not use {outside}");
        }
    }
}

/// The domain has no I/O, no async, no clock and no randomness; the services no I/O of their own.
#[test]
fn the_rules_touch_nothing_outside() {
    const FORBIDDEN: [(&str, &[&str]); 2] = [
        (
            "domain",
            &[
                "std::fs",
                "std::net",
                "std::env",
                "std::process",
                "SystemTime",
                "Instant",
                "async fn",
                "tokio",
                "rand::",
                "getrandom",
            ],
        ),
        ("services", &["std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant", "spawn("]),
    ];
    for (name, words) in FORBIDDEN {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib").join(name).join("src");
        let mut folders = vec![root];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                files += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
                for line in code {
                    let hit = words.iter().find(|word| line.contains(**word));
                    assert!(hit.is_none(), "{} may not use {}: {line}", path.display(), hit.unwrap());
                }
            }
        }
        assert!(files > 5);
    }
}
