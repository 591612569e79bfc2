//! Keys: who may vouch for which part of a chain.

use crate::hash::{Hash, hex, unhex};
use ed25519_dalek::{Signature, Signer as _, SigningKey as Ed25519Key, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;

/// How a checkpoint is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256: whoever can verify can also sign.
    HmacSha256,
    /// Ed25519, pure (RFC 8032).
    Ed25519,
}

impl Algorithm {
    /// The word of the format, if this reader knows it.
    pub fn new(word: &str) -> Option<Self> {
        match word {
            "hmac-sha256" => Some(Self::HmacSha256),
            "ed25519" => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// A key is not usable as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in lower-case hex.
    #[error("a key is 64 hex digits (32 bytes); make one with `openssl rand -hex 32`")]
    NotHex,
    /// Neither of the known algorithms.
    #[error("unknown algorithm; use hmac-sha256 or ed25519. algorithm=`{0}`")]
    Algorithm(String),
    /// Not a point of the curve.
    #[error("these 32 bytes are no Ed25519 public key; give the public key, not the seed")]
    NotAPoint,
    /// The ring's syntax.
    #[error("a key is written ALG:HEX or ALG:HEX@FROM-TO with seq numbers. entry=`{0}`")]
    Entry(String),
}

/// A secret that signs. Its `Debug` shows the key's name only.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    secret: [u8; 32],
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm.as_str(), self.verify_key().key_id())
    }
}

impl SigningKey {
    /// 32 secret bytes: an HMAC key, or the seed of an Ed25519 key.
    pub fn new(algorithm: Algorithm, secret: [u8; 32]) -> Self {
        Self { algorithm, secret }
    }

    /// Reads 64 hex digits.
    ///
    /// # Errors
    /// [`KeyError::NotHex`]; the text itself is never repeated.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        Ok(Self::new(algorithm, key_bytes(text)?))
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The signature over `message`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self.algorithm {
            Algorithm::HmacSha256 => hmac_of(&self.secret, message).finalize().into_bytes().to_vec(),
            Algorithm::Ed25519 => Ed25519Key::from_bytes(&self.secret).sign(message).to_bytes().to_vec(),
        }
    }

    /// What others check its signatures with.
    pub fn verify_key(&self) -> VerifyKey {
        match self.algorithm {
            Algorithm::HmacSha256 => VerifyKey::HmacSha256(self.secret),
            Algorithm::Ed25519 => VerifyKey::Ed25519(Ed25519Key::from_bytes(&self.secret).verifying_key()),
        }
    }
}

/// What checks a signature.
#[derive(Clone, PartialEq, Eq)]
pub enum VerifyKey {
    /// The HMAC key itself.
    HmacSha256([u8; 32]),
    /// The public key.
    Ed25519(VerifyingKey),
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyKey({} {})", self.algorithm().as_str(), self.key_id())
    }
}

impl VerifyKey {
    /// The Ed25519 public key of these 32 bytes, if they are one.
    pub fn ed25519(bytes: &[u8]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes.try_into().ok()?).ok().map(Self::Ed25519)
    }

    /// What it checks.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::HmacSha256(_) => Algorithm::HmacSha256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Names the key, never the key: 16 hex digits.
    pub fn key_id(&self) -> String {
        let hash = match self {
            Self::HmacSha256(secret) => Hash::of_pieces(&[b"dezky-key-id\n", secret]),
            Self::Ed25519(public) => Hash::of(public.as_bytes()),
        };
        hex(&hash.0[..8])
    }

    /// Whether `signature` is this key's over `message`. HMACs are compared in constant time.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::HmacSha256(secret) => hmac_of(secret, message).verify_slice(signature).is_ok(),
            Self::Ed25519(public) => {
                Signature::from_slice(signature).is_ok_and(|s| public.verify_strict(message, &s).is_ok())
            }
        }
    }
}

fn hmac_of(secret: &[u8; 32], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

fn key_bytes(text: &str) -> Result<[u8; 32], KeyError> {
    let bytes = unhex(&text.to_ascii_lowercase()).ok_or(KeyError::NotHex)?;
    bytes.try_into().map_err(|_| KeyError::NotHex)
}

/// A key and the range of `seq` that it may vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingKey {
    /// The key.
    pub key: VerifyKey,
    /// First `headSeq` that it may sign.
    pub from_seq: u64,
    /// Last `headSeq` that it may sign.
    pub to_seq: u64,
}

/// All keys that a verifier accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRing(Vec<RingKey>);

impl KeyRing {
    /// A ring of one key without bounds.
    pub fn of(key: VerifyKey) -> Self {
        let mut ring = Self::default();
        ring.add(RingKey { key, from_seq: 1, to_seq: u64::MAX });
        ring
    }

    /// Adds a key.
    pub fn add(&mut self, key: RingKey) {
        self.0.push(key);
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the keys of a comma list of `ALG:HEX` or `ALG:HEX@FROM-TO`. For Ed25519, HEX is the
    /// public key.
    ///
    /// # Errors
    /// The first entry that is not one; secrets are not repeated.
    pub fn add_list(&mut self, list: &str) -> Result<(), KeyError> {
        for (i, entry) in list.split(',').map(str::trim).filter(|e| !e.is_empty()).enumerate() {
            let unreadable = || KeyError::Entry(format!("number {}", i + 1));
            let (algorithm, rest) = entry.split_once(':').ok_or_else(unreadable)?;
            let (text, range) = match rest.split_once('@') {
                Some((text, range)) => (text, Some(range)),
                None => (rest, None),
            };
            let bytes = key_bytes(text)?;
            let key = match Algorithm::new(algorithm).ok_or_else(|| KeyError::Algorithm(algorithm.to_owned()))? {
                Algorithm::HmacSha256 => VerifyKey::HmacSha256(bytes),
                Algorithm::Ed25519 => {
                    VerifyKey::Ed25519(VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotAPoint)?)
                }
            };
            let (from_seq, to_seq) = match range {
                None => (1, u64::MAX),
                Some(range) => range
                    .split_once('-')
                    .and_then(|(from, to)| {
                        let to = if to.is_empty() { u64::MAX } else { to.parse().ok()? };
                        Some((from.parse().ok()?, to))
                    })
                    .ok_or_else(unreadable)?,
            };
            self.add(RingKey { key, from_seq, to_seq });
        }
        Ok(())
    }

    /// Whether a key of the ring, allowed at `head_seq`, made this signature.
    pub fn verifies(&self, head_seq: u64, sig_alg: &str, key_id: &str, message: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|ring_key| {
            ring_key.key.algorithm().as_str() == sig_alg
                && (ring_key.from_seq..=ring_key.to_seq).contains(&head_seq)
                && ring_key.key.key_id() == key_id
                && ring_key.key.verifies(message, signature)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_follow_the_rfcs() {
        // RFC 8032, section 7.1, test 2.
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key = SigningKey::from_hex(Algorithm::Ed25519, seed).unwrap();
        let wanted = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                      085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(hex(&key.sign(&[0x72])), wanted);
        // RFC 4231, test case 6 has a longer key; a 32-byte key checked with Python's hmac.
        let key = SigningKey::new(Algorithm::HmacSha256, [0x0b; 32]);
        assert_eq!(hex(&key.sign(b"Hi There")), "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
        assert!(key.verify_key().verifies(b"Hi There", &key.sign(b"Hi There")));
        assert!(!key.verify_key().verifies(b"Hi there", &key.sign(b"Hi There")));
    }

    #[test]
    fn a_ring_binds_algorithm_name_and_range() {
        let old = SigningKey::new(Algorithm::HmacSha256, [1; 32]);
        let VerifyKey::Ed25519(public) = SigningKey::new(Algorithm::Ed25519, [2; 32]).verify_key() else { panic!() };
        let mut ring = KeyRing::default();
        ring.add_list(&format!("hmac-sha256:{}@1-100, ed25519:{}@101-", hex(&[1; 32]), hex(public.as_bytes())))
            .unwrap();
        let signature = old.sign(b"m");
        let id = old.verify_key().key_id();
        assert!(ring.verifies(100, "hmac-sha256", &id, b"m", &signature));
        assert!(!ring.verifies(101, "hmac-sha256", &id, b"m", &signature));
        assert!(!ring.verifies(100, "ed25519", &id, b"m", &signature));
        assert!(!ring.verifies(100, "hmac-sha256", "0000000000000000", b"m", &signature));
        for bad in ["x", "hmac-sha256:12", "rsa:00", "hmac-sha256:zz", "hmac-sha256:", "ed25519:ff@1-2"] {
            assert!(KeyRing::default().add_list(bad).is_err(), "{bad}");
        }
        let secret = hex(&[7; 32]);
        let error = KeyRing::default().add_list(&format!("hmac-sha256:{secret}@x-y")).unwrap_err();
        assert!(!error.to_string().contains(&secret));
    }

    #[test]
    fn a_key_shows_its_name_and_never_itself() {
        for (algorithm, word) in [(Algorithm::HmacSha256, "hmac-sha256"), (Algorithm::Ed25519, "ed25519")] {
            let key = SigningKey::new(algorithm, [5; 32]);
            let id = key.verify_key().key_id();
            assert_eq!(format!("{key:?}"), format!("SigningKey({word} {id})"));
            assert_eq!(format!("{:?}", key.verify_key()), format!("VerifyKey({word} {id})"));
            assert_eq!((key.algorithm(), key.verify_key().algorithm()), (algorithm, algorithm));
            assert_eq!(Algorithm::new(word), Some(algorithm));
        }
        assert_eq!(Algorithm::new("rsa"), None);
    }

    #[test]
    fn ed25519_signatures_are_checked() {
        let key = SigningKey::new(Algorithm::Ed25519, [2; 32]);
        let VerifyKey::Ed25519(public) = key.verify_key() else { panic!() };
        assert_eq!(VerifyKey::ed25519(public.as_bytes()), Some(key.verify_key()));
        assert_eq!(VerifyKey::ed25519(&public.as_bytes()[1..]), None);
        assert!(key.verify_key().verifies(b"m", &key.sign(b"m")));
        assert!(!key.verify_key().verifies(b"n", &key.sign(b"m")));
        assert!(!key.verify_key().verifies(b"m", &key.sign(b"m")[1..]));
    }

    #[test]
    fn a_list_has_entries_with_or_without_a_range() {
        let secret = hex(&[1; 32]);
        let mut ring = KeyRing::default();
        assert!(ring.is_empty());
        ring.add_list(&format!(" ,hmac-sha256:{secret}, hmac-sha256:{secret}@7-, hmac-sha256:{secret}@7-9,")).unwrap();
        let ranges: Vec<_> = ring.0.iter().map(|key| (key.from_seq, key.to_seq)).collect();
        assert_eq!(ranges, [(1, u64::MAX), (7, u64::MAX), (7, 9)]);
        assert!(!ring.is_empty());
        let error = ring.add_list(&format!("hmac-sha256:{secret}, x")).unwrap_err();
        assert_eq!(error, KeyError::Entry("number 2".to_owned()));
        let of = KeyRing::of(SigningKey::new(Algorithm::HmacSha256, [1; 32]).verify_key());
        assert_eq!(of.0, ring.0[..1]);
    }
}
