//! Arrows point one way, and what a crate must not know it cannot reach.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Who may depend on whom among our own crates.
const ALLOWED: [(&str, &[&str]); 22] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("sources", &["domain"]),
    ("services", &["domain", "ports", "sources"]),
    ("api", &[]),
    ("handlers", &["api", "domain", "ports", "services", "sources"]),
    ("adapters-local", &["domain", "ports"]),
    ("adapters-aws", &["domain", "ports"]),
    ("adapters-postgres", &["domain", "ports"]),
    ("doctor", &["domain", "ports"]),
    (
        "installation",
        &[
            "adapters-aws",
            "adapters-local",
            "adapters-postgres",
            "doctor",
            "domain",
            "handlers",
            "ports",
            "services",
            "sources",
        ],
    ),
    ("http-server", &["handlers"]),
    ("local-host", &["adapters-local", "domain", "handlers", "http-server", "ports", "services"]),
    ("functions", &["domain", "handlers", "http-server", "installation", "ports"]),
    (
        "cli",
        &["adapters-local", "api", "doctor", "domain", "handlers", "installation", "local-host", "ports", "services"],
    ),
    ("xtask", &["handlers"]),
    ("tampering", &["domain"]),
    (
        "tests",
        &[
            "adapters-local",
            "api",
            "doctor",
            "domain",
            "functions",
            "handlers",
            "installation",
            "local-host",
            "ports",
            "services",
            "sources",
        ],
    ),
    ("simulation", &["adapters-local", "domain", "ports", "services", "sources"]),
    ("under-fire", &["adapters-local", "domain", "installation", "ports", "services", "tests"]),
    (
        "stores",
        &[
            "adapters-aws",
            "adapters-local",
            "adapters-postgres",
            "doctor",
            "domain",
            "installation",
            "ports",
            "services",
            "tests",
        ],
    ),
    ("fuzz-targets", &["domain", "handlers", "ports", "services", "sources"]),
];

/// Outside crates that only these of ours may name.
const RESERVED: [(&str, &[&str]); 27] = [
    ("rusqlite", &["adapters-local", "tests", "under-fire"]),
    ("tempfile", &["adapters-local", "cli", "tests", "under-fire", "stores"]),
    ("aws-config", &["adapters-aws"]),
    ("aws-smithy-http-client", &["adapters-aws"]),
    ("aws-smithy-runtime-api", &["adapters-aws"]),
    ("aws-smithy-types", &["adapters-aws"]),
    ("aws-sdk-dynamodb", &["adapters-aws"]),
    ("aws-sdk-kms", &["adapters-aws"]),
    ("aws-sdk-s3", &["adapters-aws"]),
    ("aws-sdk-sqs", &["adapters-aws"]),
    ("deadpool-postgres", &["adapters-postgres"]),
    ("tokio-postgres", &["adapters-postgres", "stores"]),
    ("tokio-postgres-rustls", &["adapters-postgres"]),
    ("getrandom", &["adapters-aws", "adapters-local", "adapters-postgres"]),
    (
        "tokio",
        &[
            "services",
            "doctor",
            "adapters-aws",
            "adapters-local",
            "adapters-postgres",
            "http-server",
            "local-host",
            "functions",
            "cli",
            "tests",
            "under-fire",
            "stores",
        ],
    ),
    ("flate2", &["domain", "tampering", "tests"]),
    ("ed25519-dalek", &["domain"]),
    ("p256", &["domain"]),
    ("jsonwebtoken", &["handlers"]),
    ("http", &["handlers", "http-server", "functions", "tests", "fuzz-targets"]),
    ("axum", &["http-server", "functions", "local-host", "tests"]),
    ("lambda_http", &["functions", "tests"]),
    ("lambda_runtime", &["functions"]),
    ("aws_lambda_events", &["functions"]),
    ("reqwest", &["cli"]),
    ("clap", &["cli"]),
    ("tracing-subscriber", &["cli", "functions"]),
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

/// Bugs are planted for the simulator, and nobody else can even switch them on.
#[test]
fn planted_bugs_are_for_the_simulator() {
    for package in ["cli", "functions", "local-host"] {
        let output = std::process::Command::new(env!("CARGO"))
            .args(["tree", "--package", package, "--edges", "features", "--prefix", "none", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.contains("services"), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!tree.contains("planted-bugs"), "{package} has the planted bugs in it");
    }
}

/// The domain has no I/O, no async, no clock and no randomness; the services no I/O of their own.
#[test]
fn the_rules_touch_nothing_outside() {
    const FORBIDDEN: [(&str, &[&str]); 3] = [
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
        ("sources", &["std::fs", "std::net", "std::env", "SystemTime", "Instant", "async fn"]),
        ("services", &["std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant", "spawn("]),
    ];
    for (name, words) in FORBIDDEN {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib").join(name).join("src");
        let mut folders = vec![root];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                // What tests read is theirs.
                if path.ends_with("tests") || path.ends_with("tests.rs") {
                    continue;
                }
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

/// Whoever builds the embedded default compiles no cloud SDK.
#[test]
fn the_embedded_default_has_no_cloud_sdk() {
    for package in ["cli", "functions"] {
        let output = std::process::Command::new(env!("CARGO"))
            .args(["tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.lines().count() > 50, "{}", String::from_utf8_lossy(&output.stderr));
        let sdk = tree.lines().find(|line| line.starts_with("aws-sdk") || line.starts_with("aws-config"));
        assert_eq!(sdk, None, "{package}");
    }
}
