//! Keys: who may vouch for which part of a chain.

use crate::hash::{Hash, hex, unhex};
use ed25519_dalek::{Signature, Signer as _, SigningKey as Ed25519Key, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// How a checkpoint is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256: whoever can verify can also sign.
    HmacSha256,
    /// Ed25519, pure (RFC 8032).
    Ed25519,
    /// ECDSA on P-256 with SHA-256: what key services have that know no Ed25519.
    EcdsaP256Sha256,
}

impl Algorithm {
    /// The word of the format, if this reader knows it.
    pub fn new(word: &str) -> Option<Self> {
        match word {
            "hmac-sha256" => Some(Self::HmacSha256),
            "ed25519" => Some(Self::Ed25519),
            "ecdsa-p256-sha256" => Some(Self::EcdsaP256Sha256),
            _ => None,
        }
    }

    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
        }
    }
}

/// A key is not usable as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in lower-case hex.
    #[error("a key is 64 hex digits (32 bytes); make one with `openssl rand -hex 32`")]
    NotHex,
    /// None of the known algorithms.
    #[error("unknown algorithm; use hmac-sha256, ed25519 or ecdsa-p256-sha256. algorithm=`{0}`")]
    Algorithm(String),
    /// An algorithm whose secret is never handed out.
    #[error("ecdsa-p256-sha256 signs with a key in a key service only; with a key of your own use ed25519")]
    KeyServiceOnly,
    /// Not a point of the curve.
    #[error("these 32 bytes are no Ed25519 public key; give the public key, not the seed")]
    NotAPoint,
    /// Not a point of P-256.
    #[error("a P-256 public key is an uncompressed point: 130 hex digits (65 bytes) that start with 04")]
    NotAP256Point,
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
    /// 32 secret bytes: an HMAC key, the seed of an Ed25519 key, or the scalar of a P-256 key.
    pub fn new(algorithm: Algorithm, secret: [u8; 32]) -> Self {
        Self { algorithm, secret }
    }

    /// Reads 64 hex digits. Not for P-256, whose keys stay in a key service.
    ///
    /// # Errors
    /// [`KeyError::NotHex`] or [`KeyError::KeyServiceOnly`]; the text itself is never repeated.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        if algorithm == Algorithm::EcdsaP256Sha256 {
            return Err(KeyError::KeyServiceOnly);
        }
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
            Algorithm::EcdsaP256Sha256 => {
                let signature: ecdsa::Signature = p256_key(self.secret).sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }

    /// What others check its signatures with.
    pub fn verify_key(&self) -> VerifyKey {
        match self.algorithm {
            Algorithm::HmacSha256 => VerifyKey::HmacSha256(self.secret),
            Algorithm::Ed25519 => VerifyKey::Ed25519(Ed25519Key::from_bytes(&self.secret).verifying_key()),
            Algorithm::EcdsaP256Sha256 => VerifyKey::EcdsaP256(*p256_key(self.secret).verifying_key()),
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
    /// The public key, a point of P-256.
    EcdsaP256(ecdsa::VerifyingKey),
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

    /// The P-256 public key of these 65 bytes, an uncompressed point, if they are one.
    pub fn ecdsa_p256(bytes: &[u8]) -> Option<Self> {
        let uncompressed = bytes.len() == 65 && bytes.first() == Some(&4);
        ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok().filter(|_| uncompressed).map(Self::EcdsaP256)
    }

    /// `ALG:HEX`, as rings are written; `None` where that would show a secret.
    pub fn public_entry(&self) -> Option<String> {
        let bytes = match self {
            Self::HmacSha256(_) => return None,
            Self::Ed25519(public) => public.as_bytes().to_vec(),
            Self::EcdsaP256(public) => point(public),
        };
        Some(format!("{}:{}", self.algorithm().as_str(), hex(&bytes)))
    }

    /// What it checks.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::HmacSha256(_) => Algorithm::HmacSha256,
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::EcdsaP256(_) => Algorithm::EcdsaP256Sha256,
        }
    }

    /// Names the key, never the key: 16 hex digits.
    pub fn key_id(&self) -> String {
        let hash = match self {
            Self::HmacSha256(secret) => Hash::of_pieces(&[b"dezky-key-id\n", secret]),
            Self::Ed25519(public) => Hash::of(public.as_bytes()),
            Self::EcdsaP256(public) => Hash::of(&point(public)),
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
            Self::EcdsaP256(public) => {
                ecdsa::Signature::from_slice(signature).is_ok_and(|s| public.verify(message, &s).is_ok())
            }
        }
    }
}

fn hmac_of(secret: &[u8; 32], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

/// The few byte strings that are no scalar are hashed until they are one.
fn p256_key(mut secret: [u8; 32]) -> ecdsa::SigningKey {
    loop {
        match ecdsa::SigningKey::from_slice(&secret) {
            Ok(key) => return key,
            Err(_) => secret = Sha256::digest(secret).into(),
        }
    }
}

/// The uncompressed point, 65 bytes.
fn point(public: &ecdsa::VerifyingKey) -> Vec<u8> {
    public.to_sec1_point(false).as_bytes().to_vec()
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
    /// public key; for P-256, the uncompressed point.
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
            let key = match Algorithm::new(algorithm).ok_or_else(|| KeyError::Algorithm(algorithm.to_owned()))? {
                Algorithm::HmacSha256 => VerifyKey::HmacSha256(key_bytes(text)?),
                Algorithm::Ed25519 => VerifyKey::ed25519(&key_bytes(text)?).ok_or(KeyError::NotAPoint)?,
                Algorithm::EcdsaP256Sha256 => {
                    let bytes = unhex(&text.to_ascii_lowercase()).ok_or(KeyError::NotAP256Point)?;
                    VerifyKey::ecdsa_p256(&bytes).ok_or(KeyError::NotAP256Point)?
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
        for (algorithm, word) in [
            (Algorithm::HmacSha256, "hmac-sha256"),
            (Algorithm::Ed25519, "ed25519"),
            (Algorithm::EcdsaP256Sha256, "ecdsa-p256-sha256"),
        ] {
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
    fn ecdsa_follows_the_rfc_and_takes_what_others_sign() {
        // RFC 6979, section A.2.5: the key, and the signature of "sample" with SHA-256.
        let scalar = unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721").unwrap();
        let key = SigningKey::new(Algorithm::EcdsaP256Sha256, scalar.try_into().unwrap());
        let entry = "ecdsa-p256-sha256:04\
                     60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                     7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
        assert_eq!(key.verify_key().public_entry().as_deref(), Some(entry));
        let signature = key.sign(b"sample");
        let (r, s) = signature.split_at(32);
        assert_eq!(hex(r), "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
        assert_eq!(hex(s), "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
        let mut ring = KeyRing::default();
        ring.add_list(&format!("{entry}@5-9")).unwrap();
        assert_eq!(ring.0[0].key, key.verify_key());
        let (id, word) = (key.verify_key().key_id(), "ecdsa-p256-sha256");
        assert!(
            ring.verifies(5, word, &id, b"sample", &signature) && !ring.verifies(4, word, &id, b"sample", &signature)
        );
        assert!(!key.verify_key().verifies(b"simple", &signature));
        // The other `s` of the same `r` is as good: not every signer takes the lower one.
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let (order, s) = (unhex(order).unwrap(), s.to_vec());
        let mut borrow = 0;
        let mut other: Vec<u8> = order
            .iter()
            .zip(&s)
            .rev()
            .map(|(order, s)| {
                let (digit, under) = order.overflowing_sub(*s);
                let (digit, again) = digit.overflowing_sub(borrow);
                borrow = u8::from(under || again);
                digit
            })
            .collect();
        other.reverse();
        assert!(key.verify_key().verifies(b"sample", &[r, &other].concat()));
        for bad in [&signature[1..], &[0; 64], &[255; 64], &[&signature[..], &[0]].concat()] {
            assert!(!key.verify_key().verifies(b"sample", bad));
        }
    }

    #[test]
    fn p256_keys_are_points_and_their_secrets_stay_where_they_are() {
        let secret = hex(&[1; 32]);
        assert_eq!(SigningKey::from_hex(Algorithm::EcdsaP256Sha256, &secret).unwrap_err(), KeyError::KeyServiceOnly);
        let key = SigningKey::new(Algorithm::EcdsaP256Sha256, [0; 32]);
        assert!(key.verify_key().verifies(b"m", &key.sign(b"m")), "zero is no scalar, yet there is a key");
        let VerifyKey::EcdsaP256(public) = key.verify_key() else { panic!() };
        let compressed = public.to_sec1_point(true).as_bytes().to_vec();
        let mut off_the_curve = point(&public);
        off_the_curve[64] ^= 1;
        for bad in [&compressed[..], &off_the_curve, &point(&public)[1..], &[0; 65], &[]] {
            assert_eq!(VerifyKey::ecdsa_p256(bad), None);
            let entry = format!("ecdsa-p256-sha256:{}", hex(bad));
            assert_eq!(KeyRing::default().add_list(&entry), Err(KeyError::NotAP256Point));
        }
        assert_eq!(SigningKey::new(Algorithm::HmacSha256, [1; 32]).verify_key().public_entry(), None);
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
