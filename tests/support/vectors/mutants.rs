//! Logs that somebody touched at random, the same for the same seed: for two verifiers to agree on.

use super::verification::{Log, forge, hmac_key, honest};
use crate::chain::{read_loosely, rechain, sign};
use domain::hash::Hash;
use serde_json::Value;

/// Numbers from a seed: SHA-256 in counter mode, so that no test depends on a generator's version.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.thrown += 1;
        let hash = Hash::of(format!("{} {}", self.seed, self.thrown).as_bytes());
        let number = u64::from_be_bytes(hash.0[..8].try_into().expect("eight bytes"));
        usize::try_from(number % n as u64).expect("below n")
    }
}

/// The honest log after one to three touches, and what our verifier says of it.
pub fn case(seed: u64) -> Value {
    let mut dice = Dice { seed, thrown: 0 };
    let mut log = honest();
    let mut name = format!("mutant {seed}");
    for _ in 0..=dice.below(3) {
        name += &format!(", {}", touch(&mut log, &mut dice));
    }
    log.case(&name)
}

fn touch(log: &mut Log, dice: &mut Dice) -> &'static str {
    let lines = log.lines.len();
    if lines < 4 {
        return "nothing";
    }
    let i = dice.below(lines);
    match dice.below(13) {
        0 | 1 => {
            let at = dice.below(log.lines[i].len());
            // A line feed would make two lines of one; that is a touch of its own.
            log.lines[i][at] = match log.lines[i][at] ^ (1 << dice.below(7)) {
                b'\n' => b'?',
                other => other,
            };
            "a bit flipped"
        }
        2 => {
            log.lines.remove(i);
            "a line removed"
        }
        3 => {
            log.lines.insert(i, log.lines[i].clone());
            "a line doubled"
        }
        4 => {
            let j = dice.below(lines);
            log.lines.swap(i, j);
            "two lines swapped"
        }
        5 => {
            log.lines.truncate(i);
            "the tail cut"
        }
        6 => {
            let draft = crate::draft(1000 + i as u64);
            if LineOf(&log.lines[i]).is_event() {
                forge(&mut log.lines[i], |event| event.draft = draft);
            }
            "an event forged"
        }
        7 => {
            if log.lines[i..].iter().all(|l| LineOf(l).is_event()) && (i == 0 || LineOf(&log.lines[i - 1]).is_event()) {
                rechain(&mut log.lines, i);
            }
            "re-chained"
        }
        8 if !log.checkpoints.is_empty() => {
            let k = dice.below(log.checkpoints.len());
            log.checkpoints.remove(k);
            "a checkpoint removed"
        }
        9 if !log.checkpoints.is_empty() => {
            let k = dice.below(log.checkpoints.len());
            log.checkpoints[k].signature[3] ^= 1;
            "a signature changed"
        }
        10 if !log.checkpoints.is_empty() => {
            let k = dice.below(log.checkpoints.len());
            log.checkpoints[k].root_hash = Hash::of(b"another");
            sign(&mut log.checkpoints[k], &hmac_key());
            "a root changed with the real key"
        }
        11 if !log.checkpoints.is_empty() => {
            let k = dice.below(log.checkpoints.len());
            log.anchors.push(log.checkpoints[k].clone());
            "an anchor kept"
        }
        _ => {
            let mut bytes = log.bytes();
            let at = dice.below(bytes.len());
            bytes[at] = bytes[at].wrapping_add(1);
            log.raw = Some(bytes);
            "a byte changed in the file"
        }
    }
}

struct LineOf<'a>(&'a [u8]);

impl LineOf<'_> {
    fn is_event(&self) -> bool {
        domain::line::LineView::of(self.0).is_some() && std::panic::catch_unwind(|| read_loosely(self.0)).is_ok()
    }
}
