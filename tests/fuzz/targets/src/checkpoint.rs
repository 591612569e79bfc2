//! Lines of checkpoints: one spelling each, and a signature that covers every byte.

use crate::{RING, check_refusal};
use domain::checkpoint::Checkpoint;
use domain::hash::Hash;
use domain::json::{Limits, Value, parse};
use domain::keys::KeyRing;
use domain::verify::{BreakKind, Evidence, Options, Report, Start, Walk};

/// What is taken is its own canonical form; what is not, no walk believes.
pub fn checkpoint(data: &[u8]) -> bool {
    let ring = ring();
    let read = Checkpoint::from_line(data);
    let reports = [Evidence::Chained, Evidence::Anchor].map(|evidence| walk(data, evidence, &ring));
    let checkpoint = match read {
        Ok(checkpoint) => checkpoint,
        Err(refusal) => {
            check_refusal(&refusal);
            reports.iter().for_each(check_unbelieved);
            return false;
        }
    };
    assert_eq!(String::from_utf8(checkpoint.line()), String::from_utf8(data.to_vec()), "another line");
    let value = parse(data, Limits::FORMAT).expect("a checkpoint is JSON");
    let Value::Object(mut object) = value else { panic!("a checkpoint is an object") };
    object.remove("signature");
    assert_eq!(object.canonical(), checkpoint.signed_bytes(), "all but the signature is signed");
    assert_eq!(checkpoint.digest(), Hash::of(&object.canonical()), "the digest of the signed bytes");
    assert_eq!(object.len(), 11, "members that nobody knows");
    let signed = checkpoint.is_signed_by(&ring);
    if signed {
        check_signature(&checkpoint, &ring);
    } else {
        reports.iter().for_each(check_unbelieved);
    }
    true
}

/// Nothing of a signed checkpoint can be another.
fn check_signature(signed: &Checkpoint, ring: &KeyRing) {
    let forge = |change: fn(&mut Checkpoint)| {
        let mut forged = signed.clone();
        change(&mut forged);
        assert!(!forged.is_signed_by(ring), "signed as well: {forged:?}");
    };
    forge(|c| c.n ^= 1);
    forge(|c| c.head_seq ^= 1);
    forge(|c| c.head_hash.0[0] ^= 1);
    forge(|c| c.root_hash.0[31] ^= 1);
    forge(|c| c.prev_checkpoint.0[7] ^= 1);
    forge(|c| c.at = c.at.plus_millis(if c.at.unix_millis() == 0 { 1 } else { -c.at.unix_millis() }));
    forge(|c| c.key_id.push('0'));
    forge(|c| c.sig_alg.push('0'));
    forge(|c| c.signature.push(0));
    forge(|c| c.signature.truncate(c.signature.len().saturating_sub(1)));
    forge(|c| c.signature.iter_mut().for_each(|byte| *byte ^= 1));
}

/// A walk that has nothing but this checkpoint.
fn walk(line: &[u8], evidence: Evidence, ring: &KeyRing) -> Report {
    let options = Options {
        ring: ring.clone(),
        start: Start::Genesis,
        end: None,
        parse_after: 0,
        all_checkpoints: false,
        repeat_key: [7; 16],
        threads: 0,
    };
    let mut walk = Walk::new(options, None, None);
    walk.checkpoint(line, evidence);
    walk.finish().expect("nothing is read from outside")
}

fn check_unbelieved(report: &Report) {
    assert_eq!(report.checkpoints_verified, 0, "believed");
    let kinds: Vec<BreakKind> = report.breaks.iter().map(|found| found.kind).collect();
    assert!(kinds.contains(&BreakKind::CheckpointSignatureMismatch), "not reported: {kinds:?}");
}

/// The key that the checkpoints of the corpus are signed with.
fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    ring.add_list(RING).expect("a ring");
    ring
}
