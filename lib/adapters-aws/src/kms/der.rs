//! What KMS says in DER: a public key, and a signature of two numbers.

use domain::keys::{Algorithm, VerifyKey};

/// How a SubjectPublicKeyInfo of an Ed25519 key starts (RFC 8410); 32 bytes of key follow.
const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// How one of a P-256 key starts (RFC 5480); 65 bytes of an uncompressed point follow.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The key of a SubjectPublicKeyInfo, if it is one for this algorithm.
pub(super) fn public_key(info: &[u8], algorithm: Algorithm) -> Option<VerifyKey> {
    match algorithm {
        Algorithm::Ed25519 => VerifyKey::ed25519(info.strip_prefix(ED25519)?),
        Algorithm::EcdsaP256Sha256 => VerifyKey::ecdsa_p256(info.strip_prefix(P256)?),
        Algorithm::HmacSha256 => None,
    }
}

/// r ‖ s, 32 bytes each, of an ECDSA-Sig-Value (RFC 3279).
pub(super) fn signature(der: &[u8]) -> Option<Vec<u8>> {
    let (pair, rest) = element(der, 0x30)?;
    let (r, numbers) = element(pair, 0x02)?;
    let (s, nothing) = element(numbers, 0x02)?;
    (rest.is_empty() && nothing.is_empty()).then_some(())?;
    Some([number(r)?, number(s)?].concat())
}

/// The content of the element at the start, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk::<2>()?;
    // Nothing in a P-256 signature is so long that its length takes a second byte.
    (found == tag && length < 0x80).then_some(())?;
    rest.split_at_checked(usize::from(length))
}

/// A number of up to 256 bits, without the zeros in front, in 32 bytes.
fn number(integer: &[u8]) -> Option<[u8; 32]> {
    // A leading zero keeps a high first bit from being a sign.
    let digits = match integer {
        [0, digits @ ..] => digits,
        [first, ..] if *first < 0x80 => integer,
        _ => return None,
    };
    let mut number = [0; 32];
    number.get_mut(32usize.checked_sub(digits.len())?..)?.copy_from_slice(digits);
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::keys::SigningKey;
    use proptest::prelude::*;

    fn encode(number: &[u8]) -> Vec<u8> {
        let mut digits: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
        if digits.first().is_none_or(|first| *first >= 0x80) {
            digits.insert(0, 0);
        }
        [&[2, u8::try_from(digits.len()).unwrap()], &digits[..]].concat()
    }

    fn der(signature: &[u8]) -> Vec<u8> {
        let numbers = [encode(&signature[..32]), encode(&signature[32..])].concat();
        [&[0x30, u8::try_from(numbers.len()).unwrap()], &numbers[..]].concat()
    }

    #[test]
    fn short_and_high_numbers_keep_their_places() {
        let mut pair = [0; 64];
        for (first, second) in [(0x7f, 0x80), (0xff, 0x01), (0, 0)] {
            (pair[0], pair[31], pair[63]) = (first, 1, second);
            assert_eq!(signature(&der(&pair)), Some(pair.to_vec()));
        }
    }

    #[test]
    fn what_is_no_signature_is_none() {
        let good = der(&[0x11; 64]);
        assert!(signature(&good).is_some());
        for cut in 0..good.len() {
            assert_eq!(signature(&good[..cut]), None, "{cut} bytes");
        }
        assert_eq!(signature(&[&good[..], &[0]].concat()), None);
        for (place, byte) in [(0, 0x31), (1, 0x81), (2, 0x03), (3, 33), (4, 0x80)] {
            let mut bad = good.clone();
            bad[place] = byte;
            assert_eq!(signature(&bad), None, "byte {place}");
        }
        let long = [&[0x30, 38, 2, 33][..], &[1; 33], &[2, 1, 1]].concat();
        assert_eq!(signature(&long), None);
    }

    #[test]
    fn a_public_key_is_one_of_its_own_algorithm() {
        for (algorithm, prefix, other) in [
            (Algorithm::Ed25519, ED25519, Algorithm::EcdsaP256Sha256),
            (Algorithm::EcdsaP256Sha256, P256, Algorithm::Ed25519),
        ] {
            let key = SigningKey::new(algorithm, [7; 32]).verify_key();
            let entry = key.public_entry().unwrap();
            let bytes = domain::hash::unhex(entry.split_once(':').unwrap().1).unwrap();
            let info = [prefix, &bytes].concat();
            assert_eq!(public_key(&info, algorithm), Some(key));
            assert_eq!(public_key(&info, other), None);
            assert_eq!(public_key(&info, Algorithm::HmacSha256), None);
            assert_eq!(public_key(&info[..info.len() - 1], algorithm), None);
        }
    }

    proptest! {
        #[test]
        fn any_signature_comes_back(pair in proptest::collection::vec(any::<u8>(), 64)) {
            prop_assert_eq!(signature(&der(&pair)), Some(pair));
        }

        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = signature(&bytes);
        }
    }
}
