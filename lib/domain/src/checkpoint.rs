//! Checkpoints: a signature over the whole history up to one event.

use crate::admit::{take_hash, take_seq, take_text, take_time};
use crate::hash::{Hash, hex, unhex};
use crate::json::{Limits, Object, Refusal, Value, parse};
use crate::keys::KeyRing;
use crate::names::ChainName;
use crate::time::Timestamp;

/// `type` of every checkpoint.
pub const TYPE: &str = "audit.checkpoint.v1";

/// Why a checkpoint was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A process started.
    Startup,
    /// The schedule.
    Interval,
    /// Enough events since the last one.
    Threshold,
    /// An operator asked.
    Manual,
}

impl Reason {
    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Interval => "interval",
            Self::Threshold => "threshold",
            Self::Manual => "manual",
        }
    }

    /// Reads the word of the format.
    pub fn new(word: &str) -> Option<Self> {
        [Self::Startup, Self::Interval, Self::Threshold, Self::Manual].into_iter().find(|r| r.as_str() == word)
    }
}

/// A signed statement: the event `head_seq` has this hash, and the tree up to it this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The chain's name.
    pub chain: ChainName,
    /// Number of the checkpoint, from 1, without gaps.
    pub n: u64,
    /// The event that it vouches for.
    pub head_seq: u64,
    /// Hash of that event.
    pub head_hash: Hash,
    /// Merkle root over the events 1 to `head_seq`.
    pub root_hash: Hash,
    /// When it was signed.
    pub at: Timestamp,
    /// Why it was made.
    pub reason: Reason,
    /// SHA-256 over the signed bytes of the one before; zeros for the first.
    pub prev_checkpoint: Hash,
    /// How it is signed; a word that this reader may not know.
    pub sig_alg: String,
    /// Names the key.
    pub key_id: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Checkpoint {
    /// The bytes that are signed: RFC 8785 without `signature`.
    pub fn signed_bytes(&self) -> Vec<u8> {
        self.object().canonical()
    }

    /// What the next one names as `prevCheckpoint`.
    pub fn digest(&self) -> Hash {
        Hash::of(&self.signed_bytes())
    }

    /// The exported line, without its LF.
    pub fn line(&self) -> Vec<u8> {
        let mut object = self.object();
        object.insert("signature", hex(&self.signature).into());
        object.canonical()
    }

    /// Reads a line strictly: nothing but its own canonical form.
    ///
    /// # Errors
    /// The first member that is not what the format says.
    pub fn from_line(line: &[u8]) -> Result<Self, Refusal> {
        let Value::Object(mut object) = parse(line, Limits::FORMAT)? else {
            return Err(Refusal::new("wrong-type", "a checkpoint is a JSON object"));
        };
        let object = &mut object;
        if take_text(object, "type")? != TYPE {
            return Err(Refusal::new("unknown-version", format!("this reader knows {TYPE}")).within("type"));
        }
        let checkpoint = Self {
            chain: ChainName::new(&take_text(object, "chain")?).map_err(|e| e.within("chain"))?,
            n: take_seq(object, "n")?,
            head_seq: take_seq(object, "headSeq")?,
            head_hash: take_hash(object, "headHash")?,
            root_hash: take_hash(object, "rootHash")?,
            at: take_time(object, "at")?,
            reason: Reason::new(&take_text(object, "reason")?)
                .ok_or_else(|| Refusal::new("invalid-reason", "no such reason").within("reason"))?,
            prev_checkpoint: take_hash(object, "prevCheckpoint")?,
            sig_alg: take_text(object, "sigAlg")?,
            key_id: take_text(object, "keyId")?,
            signature: unhex(&take_text(object, "signature")?)
                .ok_or_else(|| Refusal::new("invalid-hash", "lower-case hex digits belong here").within("signature"))?,
        };
        if let Some((name, _)) = object.iter().next() {
            return Err(Refusal::new("unknown-member", "a checkpoint has no such member").within(name));
        }
        for (name, number) in [("n", checkpoint.n), ("headSeq", checkpoint.head_seq)] {
            if number == 0 {
                return Err(Refusal::new("invalid-number", "n and headSeq start at 1").within(name));
            }
        }
        // Not only the JSON has one form: a time has many spellings, and the signature is over one.
        if checkpoint.line() != line {
            return Err(Refusal::new("not-canonical", "the line is not the RFC 8785 form of its checkpoint"));
        }
        Ok(checkpoint)
    }

    /// Whether a key of the ring that may sign at `head_seq` signed it.
    pub fn is_signed_by(&self, ring: &KeyRing) -> bool {
        ring.verifies(self.head_seq, &self.sig_alg, &self.key_id, &self.signed_bytes(), &self.signature)
    }

    fn object(&self) -> Object {
        let number = |n| Value::integer(n).expect("a chain has fewer than 2^53 events");
        Object::of([
            ("type", TYPE.into()),
            ("chain", self.chain.as_str().into()),
            ("n", number(self.n)),
            ("headSeq", number(self.head_seq)),
            ("headHash", self.head_hash.to_hex().into()),
            ("rootHash", self.root_hash.to_hex().into()),
            ("at", self.at.to_string().into()),
            ("reason", self.reason.as_str().into()),
            ("prevCheckpoint", self.prev_checkpoint.to_hex().into()),
            ("sigAlg", self.sig_alg.as_str().into()),
            ("keyId", self.key_id.as_str().into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, SigningKey};

    fn line() -> String {
        let at = Timestamp::parse("2026-11-25T12:00:00Z").unwrap();
        let checkpoint = Checkpoint {
            chain: ChainName::new("test").unwrap(),
            n: 1,
            head_seq: 9,
            head_hash: Hash::of(b"head"),
            root_hash: Hash::of(b"root"),
            at,
            reason: Reason::Manual,
            prev_checkpoint: Hash::ZERO,
            sig_alg: "ed25519".to_owned(),
            key_id: "0011223344556677".to_owned(),
            signature: vec![7; 64],
        };
        assert_eq!(Checkpoint::from_line(&checkpoint.line()), Ok(checkpoint.clone()));
        String::from_utf8(checkpoint.line()).unwrap()
    }

    /// Whatever else means the same is not what was signed.
    #[test]
    fn a_checkpoint_has_one_spelling() {
        for (from, to, code) in [
            ("12:00:00.000Z", "12:00:00Z", "not-canonical"),
            ("T12:00:00.000Z", "T13:00:00.000+01:00", "not-canonical"),
            ("T12:00:00.000Z", "t12:00:00.000z", "not-canonical"),
            ("12:00:00.000Z", "12:00:00.0009Z", "not-canonical"),
            ("\"n\":1", "\"n\":1.0", "not-canonical"),
            ("\"n\":1", "\"n\": 1", "not-canonical"),
            ("manual", "m\\u0061nual", "not-canonical"),
            ("{\"at\"", "{\"a\":1,\"at\"", "unknown-member"),
            ("\"n\":1", "\"n\":0", "invalid-number"),
            ("\"headSeq\":9", "\"headSeq\":0", "invalid-number"),
            ("0707", "0707F0", "invalid-hash"),
            ("audit.checkpoint.v1", "audit.checkpoint.v2", "unknown-version"),
        ] {
            let changed = line().replacen(from, to, 1);
            assert_ne!(changed, line(), "{from}");
            assert_eq!(Checkpoint::from_line(changed.as_bytes()).unwrap_err().code, code, "{to}");
        }
    }

    fn sample() -> Checkpoint {
        let key = SigningKey::new(Algorithm::HmacSha256, [7; 32]);
        let mut checkpoint = Checkpoint {
            chain: ChainName::new("c").unwrap(),
            n: 2,
            head_seq: 70,
            head_hash: Hash::of(b"head"),
            root_hash: Hash::of(b"root"),
            at: Timestamp::from_unix_millis(0).unwrap(),
            reason: Reason::Manual,
            prev_checkpoint: Hash::of(b"before"),
            sig_alg: "hmac-sha256".to_owned(),
            key_id: key.verify_key().key_id(),
            signature: Vec::new(),
        };
        checkpoint.signature = key.sign(&checkpoint.signed_bytes());
        checkpoint
    }

    #[test]
    fn what_is_signed_is_the_line_without_its_signature() {
        let checkpoint = sample();
        let line = String::from_utf8(checkpoint.line()).unwrap();
        let signature = format!("\"signature\":\"{}\",", hex(&checkpoint.signature));
        assert_eq!(line.replace(&signature, "").into_bytes(), checkpoint.signed_bytes());
        assert_eq!(checkpoint.digest(), Hash::of(&checkpoint.signed_bytes()));
        assert_eq!(Checkpoint::from_line(line.as_bytes()), Ok(checkpoint));
    }

    #[test]
    fn a_line_is_read_strictly() {
        let line = String::from_utf8(sample().line()).unwrap();
        let with = |from: &str, to: &str| {
            assert_eq!(line.matches(from).count(), 1, "{from}");
            let refusal = Checkpoint::from_line(line.replace(from, to).as_bytes()).unwrap_err();
            (refusal.code, refusal.pointer)
        };
        let at = |code, pointer: &str| (code, pointer.to_owned());
        assert_eq!(Checkpoint::from_line(b"7").unwrap_err().code, "wrong-type");
        assert_eq!(with("\"n\":2", "\"n\": 2"), at("not-canonical", ""));
        assert_eq!(with("audit.checkpoint.v1", "audit.checkpoint.v2"), at("unknown-version", "/type"));
        assert_eq!(with("\"n\":2", "\"n\":2,\"o\":2"), at("unknown-member", "/o"));
        assert_eq!(with("\"manual\"", "\"bored\""), at("invalid-reason", "/reason"));
        assert_eq!(with("\"n\":2", "\"n\":-2"), at("invalid-number", "/n"));
        assert_eq!(with("\"signature\":\"", "\"signature\":\"g"), at("invalid-hash", "/signature"));
    }

    #[test]
    fn every_reason_has_its_word() {
        for (reason, word) in [
            (Reason::Startup, "startup"),
            (Reason::Interval, "interval"),
            (Reason::Threshold, "threshold"),
            (Reason::Manual, "manual"),
        ] {
            assert_eq!((reason.as_str(), Reason::new(word)), (word, Some(reason)));
        }
        assert_eq!(Reason::new("bored"), None);
    }

    #[test]
    fn a_signature_is_over_every_member() {
        let ring = KeyRing::of(SigningKey::new(Algorithm::HmacSha256, [7; 32]).verify_key());
        assert!(sample().is_signed_by(&ring));
        assert!(!Checkpoint { n: 3, ..sample() }.is_signed_by(&ring));
    }
}
