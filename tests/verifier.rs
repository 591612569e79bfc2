//! The independent verifier in Python, which was written from `docs/format.md` alone, agrees with
//! ours: on the golden vectors, on logs touched at random, and on real exports.

use domain::checkpoint::Reason;
use domain::keys::{Algorithm, SigningKey};
use serde_json::{Value, json};
use services::append::Appender;
use services::export::Export;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use support::draft;
use support::vectors::mutants;

const MUTANTS: u64 = 1500;

pub(crate) fn python(arguments: &[&str]) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../target/verifier/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup`", python.display());
    let output = Command::new(python).arg(root.join("verifier/verify.py")).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn it_agrees_on_every_vector() {
    let folder = format!("{}/vectors", env!("CARGO_MANIFEST_DIR"));
    let (code, text) = python(&["vectors", &folder]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(" passed, 0 failed"), "{text}");
}

#[test]
fn it_agrees_on_logs_that_were_touched_at_random() {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<Value> = (0..MUTANTS).map(mutants::case).collect();
    let broken = cases.iter().filter(|case| case["expect"]["status"] == "broken").count();
    assert!(broken > cases.len() / 2, "{broken} of {MUTANTS} are broken");
    std::fs::write(folder.path().join("verification.json"), json!({ "cases": cases }).to_string()).unwrap();
    for name in ["events.json", "chain.json"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
        std::fs::copy(from, folder.path().join(name)).unwrap();
    }
    let (_, text) = python(&["vectors", folder.path().to_str().unwrap()]);
    assert!(text.contains(" passed, "), "{text}");
    // Behind the first break, how much still holds depends on where a walk goes on.
    let binding = [": status: ", ": break: ", ": anchored: ", ": eventsTotal: "];
    let disagreements: Vec<&str> = text.lines().filter(|l| binding.iter().any(|member| l.contains(member))).collect();
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

/// Files of a real hub: lines, companion, checkpoints.
struct Exported {
    folder: tempfile::TempDir,
    key: String,
    root: String,
}

impl Exported {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

async fn export(algorithm: Algorithm) -> Exported {
    let folder = tempfile::tempdir().unwrap();
    let mut cx = support::world::embedded(&folder.path().join("data"));
    let key = SigningKey::new(algorithm, [9; 32]);
    cx.signer = Arc::new(adapters_local::KeySigner::new(key.clone()));
    cx.ring = domain::keys::KeyRing::of(key.verify_key());
    let appender = Appender::new(cx.clone());
    for from in (0..300).step_by(60) {
        appender.append((from..from + 60).map(draft).collect()).await.unwrap();
        services::sign::sign(&cx, Reason::Interval).await.unwrap().unwrap();
    }
    let mut lines = Vec::new();
    let mut export = Export::start(&cx, 1, None).await.unwrap();
    while let Some(some) = export.next().await.unwrap() {
        lines.extend(some);
    }
    let companion = export.companion().await.unwrap().canonical();
    let checkpoints = services::checkpoints::lines_after(&cx, "").await.unwrap();
    let text: Vec<u8> = checkpoints.into_iter().flat_map(|(_, line)| [line, b"\n".to_vec()].concat()).collect();
    let root = services::checkpoints::latest(&cx).await.unwrap().unwrap().checkpoint.root_hash.to_hex();
    for (name, bytes) in [("lines", &lines), ("companion", &companion), ("checkpoints", &text)] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let key = match key.verify_key() {
        domain::keys::VerifyKey::HmacSha256(secret) => format!("hmac-sha256:{}", domain::hash::hex(&secret)),
        public => public.public_entry().unwrap(),
    };
    Exported { folder, key, root }
}

#[tokio::test]
async fn it_agrees_on_exports() {
    for algorithm in [Algorithm::HmacSha256, Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        let exported = export(algorithm).await;
        let (lines, checkpoints, companion) =
            (exported.path("lines"), exported.path("checkpoints"), exported.path("companion"));
        let verify = || {
            let (code, text) = python(&[
                "file",
                &lines,
                "--checkpoints",
                &checkpoints,
                "--companion",
                &companion,
                "--key",
                &exported.key,
            ]);
            let said: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
            (code, said)
        };
        let (code, said) = verify();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!((said["eventsVerified"].as_u64(), said["checkpointsVerified"].as_u64()), (Some(300), Some(5)));
        assert_eq!(said["rootHash"].as_str(), Some(exported.root.as_str()));

        let path = PathBuf::from(&lines);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (code, said) = verify();
        assert_eq!((code, said["break"]["kind"].as_str()), (Some(10), Some("event-hash-mismatch")), "{said}");
        let lines_before = bytes[..at].iter().filter(|b| **b == b'\n').count() as u64;
        assert_eq!(said["break"]["seq"].as_u64(), Some(lines_before + 1), "{said}");
    }
}
