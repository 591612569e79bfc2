//! `verification.json`: whole logs, honest and touched, and what a verifier must say of each.

use super::{base64, chain_name, text};
use crate::chain::{blocks, checkpoints, lines, read_loosely, rechain, sign};
use domain::block::Block;
use domain::checkpoint::Checkpoint;
use domain::derived::derive;
use domain::hash::{Hash, hex};
use domain::keys::{Algorithm, SigningKey};
use domain::names::ChainName;
use serde_json::{Value, json};

/// What one case is made of, before somebody touches it.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) checkpoints: Vec<Checkpoint>,
    checkpoints_given: bool,
    checkpoint_lines: Option<Vec<Vec<u8>>>,
    pub(super) anchors: Vec<Checkpoint>,
    keys: Vec<String>,
    start: Value,
    pub(super) raw: Option<Vec<u8>>,
}

pub(super) fn hmac_key() -> SigningKey {
    SigningKey::new(Algorithm::HmacSha256, [7; 32])
}

fn second_hmac_key() -> SigningKey {
    SigningKey::new(Algorithm::HmacSha256, [8; 32])
}

fn ed25519_key() -> SigningKey {
    SigningKey::new(Algorithm::Ed25519, [9; 32])
}

fn ecdsa_key() -> SigningKey {
    SigningKey::new(Algorithm::EcdsaP256Sha256, [10; 32])
}

fn ring_entry(key: &SigningKey, range: &str) -> String {
    use domain::keys::VerifyKey;
    let entry = match key.verify_key() {
        VerifyKey::HmacSha256(secret) => format!("hmac-sha256:{}", hex(&secret)),
        public => public.public_entry().expect("only an HMAC key is secret"),
    };
    format!("{entry}{range}")
}

/// Twenty events, checkpoints at 6, 12 and 18, one HMAC key.
pub(super) fn honest() -> Log {
    let lines = lines(&chain_name(), 20);
    let checkpoints = checkpoints(&chain_name(), &lines, &[6, 12, 18], |_| hmac_key());
    Log {
        lines,
        checkpoints,
        checkpoints_given: true,
        checkpoint_lines: None,
        anchors: Vec::new(),
        keys: vec![ring_entry(&hmac_key(), "")],
        start: Value::Null,
        raw: None,
    }
}

impl Log {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let joined = || self.lines.iter().flat_map(|l| [l, &b"\n"[..]].concat()).collect();
        self.raw.clone().unwrap_or_else(joined)
    }

    fn checkpoint_bytes(&self) -> Vec<Vec<u8>> {
        let own = || self.checkpoints.iter().map(Checkpoint::line).collect();
        self.checkpoint_lines.clone().unwrap_or_else(own)
    }

    pub(super) fn case(&self, name: &str) -> Value {
        with_expectation(json!({
            "name": name,
            "linesBase64": base64(&self.bytes()),
            "start": self.start,
            "checkpoints": self.checkpoints_given.then(|| self.checkpoint_bytes().iter().map(|l| text(l)).collect::<Vec<_>>()),
            "anchors": self.anchors.iter().map(|c| text(&c.line())).collect::<Vec<_>>(),
            "keys": self.keys,
            "markers": null,
        }))
    }
}

fn with_expectation(mut case: Value) -> Value {
    case["expect"] = super::super::verdict::of(&case);
    case
}

pub(super) fn cases() -> Vec<Value> {
    let mut cases: Vec<Value> = honest_logs();
    cases.extend(touched_lines());
    cases.extend(touched_checkpoints());
    cases.extend(in_blocks());
    cases
}

fn touched(name: &str, touch: impl FnOnce(&mut Log)) -> Value {
    let mut log = honest();
    touch(&mut log);
    log.case(name)
}

fn honest_logs() -> Vec<Value> {
    vec![
        honest().case("honest"),
        touched("empty", |log| {
            log.lines.clear();
            log.checkpoints.clear();
        }),
        touched("without checkpoints", |log| log.checkpoints.clear()),
        touched("compared with an anchor", |log| log.anchors = vec![log.checkpoints[1].clone()]),
        touched("ed25519", |log| {
            log.checkpoints = checkpoints(&chain_name(), &log.lines, &[20], |_| ed25519_key());
            log.keys = vec![ring_entry(&ed25519_key(), "")];
        }),
        touched("ecdsa on P-256", |log| {
            log.checkpoints = checkpoints(&chain_name(), &log.lines, &[6, 20], |_| ecdsa_key());
            log.keys = vec![ring_entry(&ecdsa_key(), "")];
        }),
        touched("keys changed twice", |log| {
            log.checkpoints = checkpoints(&chain_name(), &log.lines, &[6, 12, 18], |seq| match seq {
                0..=8 => hmac_key(),
                9..=15 => ed25519_key(),
                _ => second_hmac_key(),
            });
            log.keys = vec![
                ring_entry(&hmac_key(), "@1-8"),
                ring_entry(&ed25519_key(), "@9-15"),
                ring_entry(&second_hmac_key(), "@16-"),
            ];
        }),
        touched("an export from the middle", |log| {
            log.lines.drain(..10);
            let prev = read_loosely(&log.lines[0]).prev_hash;
            log.start = json!({ "seq": 11, "prevHash": prev.to_hex() });
            log.checkpoints_given = false;
            log.anchors = checkpoints(&chain_name(), &lines(&chain_name(), 20), &[18], |_| hmac_key());
        }),
    ]
}

fn replace(line: &mut Vec<u8>, from: &str, to: &str) {
    let changed = text(line).replacen(from, to, 1);
    assert_ne!(changed.as_bytes(), &line[..], "nothing was replaced");
    *line = changed.into_bytes();
}

/// Changes an event as somebody with a JSON tool would, hash included.
pub(super) fn forge(line: &mut Vec<u8>, change: impl FnOnce(&mut domain::event::Event)) {
    let mut event = read_loosely(line);
    change(&mut event);
    *line = event.line();
}

fn touched_lines() -> Vec<Value> {
    vec![
        touched("a word changed in an event", |log| {
            replace(&mut log.lines[8], "\"actorType\":\"user\"", "\"actorType\":\"service\"")
        }),
        touched("one byte of a stored hash changed", |log| {
            let hash = read_loosely(&log.lines[8]).hash.to_hex();
            let other = format!("{}{}", if hash.starts_with('0') { '1' } else { '0' }, &hash[1..]);
            replace(&mut log.lines[8], &format!("\"hash\":\"{hash}"), &format!("\"hash\":\"{other}"));
        }),
        touched("one byte of seq changed", |log| replace(&mut log.lines[8], "\"seq\":9", "\"seq\":8")),
        touched("spaces put into a line", |log| replace(&mut log.lines[8], "\"metadata\":{", "\"metadata\": {")),
        touched("carriage return before the line feed", |log| log.lines[8].push(b'\r')),
        touched("a line made unreadable", |log| log.lines[8][0] = b'['),
        touched("an empty line put in", |log| log.lines.insert(8, Vec::new())),
        touched("the file cut in the middle of a line", |log| {
            log.checkpoints.clear();
            let mut bytes = log.bytes();
            bytes.truncate(bytes.len() - 100);
            log.raw = Some(bytes);
        }),
        touched("the last line feed cut off", |log| {
            log.checkpoints.clear();
            let mut bytes = log.bytes();
            bytes.pop();
            log.raw = Some(bytes);
        }),
        touched("an event removed", |log| {
            log.lines.remove(8);
        }),
        touched("the first event removed", |log| {
            log.lines.remove(0);
        }),
        touched("two events swapped", |log| log.lines.swap(8, 9)),
        touched("an event doubled", |log| log.lines.insert(9, log.lines[8].clone())),
        touched("an event exchanged, its own hash made right", |log| {
            let other = read_loosely(&log.lines[15]).draft;
            forge(&mut log.lines[8], |event| event.draft = other);
        }),
        touched("an event of another chain spliced in", |log| {
            let other = lines(&ChainName::new("vectors.other").expect("a name"), 20);
            log.lines[8] = other[8].clone();
        }),
        touched("recordedAt falls, everything behind re-chained, unsigned", |log| {
            log.checkpoints.clear();
            let earlier = read_loosely(&log.lines[0]).recorded_at.plus_millis(-1);
            forge(&mut log.lines[8], |event| event.recorded_at = earlier);
            rechain(&mut log.lines, 9);
        }),
        touched("an external id repeats, everything behind re-chained, unsigned", |log| {
            log.checkpoints.clear();
            let first = log.lines.iter().position(|l| read_loosely(l).draft.external_id().is_some()).expect("one has");
            let draft = read_loosely(&log.lines[first]).draft;
            forge(&mut log.lines[17], |event| event.draft = draft);
            rechain(&mut log.lines, 18);
        }),
        touched("the chain's name changes, everything behind re-chained, unsigned", |log| {
            log.checkpoints.clear();
            forge(&mut log.lines[8], |event| event.chain = ChainName::new("vectors.other").expect("a name"));
            rechain(&mut log.lines, 9);
        }),
        touched("history rewritten and re-chained", |log| {
            let other = read_loosely(&log.lines[15]).draft;
            forge(&mut log.lines[8], |event| event.draft = other);
            rechain(&mut log.lines, 9);
        }),
        touched("an event removed and everything behind re-chained", |log| {
            log.lines.remove(8);
            rechain(&mut log.lines, 8);
        }),
        touched("the newest events removed", |log| log.lines.truncate(15)),
        touched("all events removed", |log| log.lines.clear()),
        touched("the newest events and their checkpoint removed, an anchor kept", |log| {
            log.lines.truncate(15);
            log.anchors.extend(log.checkpoints.pop());
        }),
        touched("the newest events and their checkpoint removed, no anchor", |log| {
            log.lines.truncate(15);
            log.checkpoints.pop();
        }),
        touched("the wrong start is stated", |log| {
            log.lines.drain(..10);
            log.start = json!({ "seq": 11, "prevHash": Hash::of(b"other").to_hex() });
            log.checkpoints.clear();
        }),
    ]
}

fn touched_checkpoints() -> Vec<Value> {
    let edit = |log: &mut Log, i: usize, change: &dyn Fn(&mut Checkpoint)| {
        change(&mut log.checkpoints[i]);
    };
    let resign = |log: &mut Log, i: usize, change: &dyn Fn(&mut Checkpoint)| {
        change(&mut log.checkpoints[i]);
        sign(&mut log.checkpoints[i], &hmac_key());
    };
    vec![
        touched("one bit of a signature changed", |log| edit(log, 1, &|c| c.signature[3] ^= 1)),
        touched("a checkpoint's time changed", |log| edit(log, 1, &|c| c.at = c.at.plus_millis(1))),
        touched("a checkpoint claims a later head", |log| edit(log, 1, &|c| c.head_seq = 19)),
        touched("a checkpoint that is no JSON", |log| {
            let mut lines = log.checkpoint_bytes();
            lines[1] = b"{".to_vec();
            log.checkpoint_lines = Some(lines);
        }),
        touched("a checkpoint with a space", |log| {
            let mut lines = log.checkpoint_bytes();
            replace(&mut lines[1], "\"n\":2", "\"n\": 2");
            log.checkpoint_lines = Some(lines);
        }),
        touched("r and s of an ecdsa signature swapped", |log| {
            log.checkpoints = checkpoints(&chain_name(), &log.lines, &[6, 20], |_| ecdsa_key());
            log.keys = vec![ring_entry(&ecdsa_key(), "")];
            log.checkpoints[1].signature.rotate_left(32);
        }),
        touched("signed with a key that is not in the ring", |log| {
            sign(&mut log.checkpoints[1], &second_hmac_key());
        }),
        touched("signed with a key outside its range", |log| {
            log.keys = vec![ring_entry(&hmac_key(), "@1-11")];
        }),
        touched("sigAlg is not the key's own", |log| resign(log, 1, &|c| c.sig_alg = "ed25519".to_owned())),
        touched("headHash changed with the real key", |log| resign(log, 2, &|c| c.head_hash = Hash::of(b"x"))),
        touched("rootHash changed with the real key", |log| resign(log, 2, &|c| c.root_hash = Hash::of(b"x"))),
        touched("a checkpoint in the middle removed", |log| {
            log.checkpoints.remove(1);
        }),
        touched("the first checkpoint removed", |log| {
            log.checkpoints.remove(0);
        }),
        touched("two checkpoints swapped", |log| log.checkpoints.swap(0, 1)),
        touched("a checkpoint doubled", |log| log.checkpoints.insert(1, log.checkpoints[0].clone())),
        touched("the newest checkpoint removed, an anchor kept", |log| {
            log.anchors.extend(log.checkpoints.pop());
        }),
        touched("checkpoints of another chain, signed with the same key", |log| {
            let chain = ChainName::new("vectors.other").expect("a name");
            let other = lines(&chain, 20);
            log.anchors = vec![log.checkpoints[0].clone()];
            log.checkpoints = checkpoints(&chain, &other, &[6, 12, 18], |_| hmac_key());
        }),
        touched("a fork: an anchor of another history of the same chain", |log| {
            let mut other = log.lines.clone();
            let draft = read_loosely(&other[15]).draft;
            forge(&mut other[8], |event| event.draft = draft);
            rechain(&mut other, 9);
            log.anchors = checkpoints(&chain_name(), &other, &[6, 12], |_| hmac_key());
        }),
        touched("an anchor that is not signed with a key of the ring", |log| {
            log.anchors = vec![log.checkpoints[1].clone()];
            sign(&mut log.anchors[0], &second_hmac_key());
        }),
    ]
}

/// Rows of blocks under their numbers.
type Rows = Vec<(u64, Vec<u8>)>;

/// The same twenty events in blocks of five.
fn in_blocks() -> Vec<Value> {
    let log = honest();
    let made: Vec<Block> = blocks(&chain_name(), 20, 5).collect();
    // `lines` packs all twenty into one block, so that these have other times and hashes.
    let plain: Vec<Vec<u8>> = made
        .iter()
        .flat_map(|b| {
            let plain = b.lines().expect("just built");
            plain.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    let signed = checkpoints(&chain_name(), &plain, &[5, 15], |_| hmac_key());
    let markers: serde_json::Map<String, Value> = made
        .iter()
        .flat_map(|b| derive(b).expect("just built").markers)
        .map(|m| (m.identity.0.to_hex(), m.to_value().into()))
        .collect();
    let case = |name: &str, rows: Vec<(u64, Vec<u8>)>, markers: Value| {
        let rows: Vec<_> = rows.iter().map(|(n, row)| json!({ "n": n, "rowBase64": base64(row) })).collect();
        with_expectation(json!({
            "name": name,
            "blocks": rows,
            "start": null,
            "checkpoints": signed.iter().map(|c| text(&c.line())).collect::<Vec<_>>(),
            "anchors": [],
            "keys": log.keys,
            "markers": markers,
        }))
    };
    let rows = || (1..).zip(made.iter().map(Block::to_row)).collect::<Vec<_>>();
    let touch = |name: &str, touch: &dyn Fn(&mut Rows)| {
        let mut rows = rows();
        touch(&mut rows);
        case(name, rows, Value::Null)
    };
    let repack = |row: &[u8], change: &dyn Fn(&mut Block, &mut Vec<u8>)| {
        let mut block = Block::from_row(row).expect("a block");
        let mut plain = block.lines().expect("a block");
        change(&mut block, &mut plain);
        let body = domain::block::gzip::Packer::new().pack(&plain);
        block.header.members[0].bytes = u32::try_from(body.len()).expect("small");
        block.body = body;
        block.header.digest = block.header.computed_digest(&block.body);
        block.to_row()
    };
    let mut no_marker = markers.clone();
    let key =
        no_marker.iter().find(|(_, v)| v.as_str().is_some_and(|v| v.starts_with("3 12 "))).expect("seq 12").0.clone();
    no_marker.remove(&key);
    let mut extra_marker = markers.clone();
    extra_marker.insert(Hash::of(b"invented").to_hex(), format!("2 8 {}", Hash::of(b"x")).into());
    vec![
        case("blocks", rows(), markers.into()),
        touch("a line changed in a block, packed anew, header made to fit", &|rows| {
            rows[1].1 = repack(&rows[1].1, &|_, plain| {
                let changed = text(plain).replacen("\"actorType\":\"user\"", "\"actorType\":\"service\"", 3);
                *plain = changed.replacen("service", "user", 2).into_bytes();
            });
        }),
        touch("the same, packed by gzip, header untouched", &|rows| {
            let (header, body) = rows[1].1.split_at(rows[1].1.iter().position(|b| *b == b'\n').expect("LF") + 1);
            let mut plain = Vec::new();
            domain::block::gzip::Unpacker::new().unpack(body, &mut plain).expect("one member");
            let changed = text(&plain).replacen("\"actorType\":\"user\"", "\"actorType\":\"service\"", 3);
            let changed = changed.replacen("service", "user", 2);
            let mut member = domain::block::gzip::Packer::new().pack(changed.as_bytes());
            member[4] = 1; // another tool's time stamp
            rows[1].1 = [header, &member].concat();
        }),
        touch("the last two lines of a block cut off, header untouched", &|rows| cut_lines(&mut rows[1].1, 2)),
        touch("the newest two lines cut off, header untouched", &|rows| cut_lines(&mut rows[3].1, 2)),
        touch("one byte of the compressed bytes changed", &|rows| {
            let row = &mut rows[1].1;
            let at = row.len() - 200;
            row[at] ^= 0x10;
        }),
        touch("the check value of a member changed", &|rows| {
            let row = &mut rows[1].1;
            let at = row.len() - 8;
            row[at] ^= 1;
        }),
        touch("a block's row cut short", &|rows| {
            let row = &mut rows[2].1;
            row.truncate(row.len() - 50);
        }),
        touch("the last block's row cut short", &|rows| {
            let row = &mut rows[3].1;
            row.truncate(row.len() - 50);
        }),
        touch("a header that is no JSON", &|rows| rows[1].1[0] = b'['),
        touch("the writer's name changed in a header", &|rows| {
            replace_bytes(&mut rows[1].1, b"\"writer\":\"support\"", b"\"writer\":\"nobody!\"");
        }),
        touch("the time of a header changed", &|rows| {
            rows[1].1 = repack(&rows[1].1, &|block, _| block.header.at_min = block.header.at_min.plus_millis(-1));
        }),
        touch("two rows exchanged under their keys", &|rows| {
            let (a, b) = (rows[1].1.clone(), rows[2].1.clone());
            rows[1].1 = b;
            rows[2].1 = a;
        }),
        touch("a block removed", &|rows| {
            rows.remove(1);
        }),
        touch("the last block removed", &|rows| {
            rows.pop();
        }),
        touch("the last two blocks removed", &|rows| rows.truncate(2)),
        case("a marker removed", rows(), no_marker.into()),
        case("a marker invented", rows(), extra_marker.into()),
    ]
}

/// Packs a block's body anew without its last lines.
fn cut_lines(row: &mut Vec<u8>, lines: usize) {
    let body = row.iter().position(|b| *b == b'\n').expect("LF") + 1;
    let mut plain = Vec::new();
    domain::block::gzip::Unpacker::new().unpack(&row[body..], &mut plain).expect("one member");
    let ends: Vec<usize> = (1..=plain.len()).filter(|end| plain[end - 1] == b'\n').collect();
    let member = domain::block::gzip::Packer::new().pack(&plain[..ends[ends.len() - 1 - lines]]);
    row.truncate(body);
    row.extend(member);
}

fn replace_bytes(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes.windows(from.len()).position(|w| w == from).expect("is there");
    bytes[at..at + from.len()].copy_from_slice(to);
}
