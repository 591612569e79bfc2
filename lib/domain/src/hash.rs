//! SHA-256 values, and their one text form: 64 lower-case hex digits.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first event and the first checkpoint: 64 zeros.
    pub const ZERO: Hash = Hash([0; 32]);

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 of the pieces, one after the other.
    pub fn of_pieces(pieces: &[&[u8]]) -> Self {
        let mut sha = Sha256::new();
        for piece in pieces {
            sha.update(piece);
        }
        Self(sha.finalize().into())
    }

    /// SHA-256 of a message that is padded already (FIPS 180-4, section 5.1.1).
    pub(crate) fn of_padded(blocks: &[[u8; 64]]) -> Self {
        /// FIPS 180-4, section 5.3.3.
        const START: [u32; 8] =
            [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
        let mut state = START;
        sha2::block_api::compress256(&mut state, blocks);
        let mut out = [0; 32];
        for (word, bytes) in state.iter().zip(out.chunks_exact_mut(4)) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        Self(out)
    }

    /// SHA-256 of two pieces, put together and padded in `scratch`: one call of the compression
    /// function instead of four, which shows when there is one such message per event.
    pub(crate) fn of_two(first: &[u8], second: &[u8], scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        scratch.extend_from_slice(first);
        scratch.extend_from_slice(second);
        let bits = (scratch.len() as u64) * 8;
        scratch.push(0x80);
        scratch.resize((scratch.len() + 8).next_multiple_of(64) - 8, 0);
        scratch.extend_from_slice(&bits.to_be_bytes());
        Self::of_padded(scratch.as_chunks().0)
    }

    /// Reads 64 lower-case hex digits.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let mut out = [0; 32];
        read_hex(text, &mut out).then_some(Self(out))
    }

    /// Whether `text` is this hash in 64 lower-case hex digits.
    #[inline]
    pub(crate) fn is_hex(self, text: &[u8]) -> bool {
        let Some(text) = text.first_chunk::<64>().filter(|_| text.len() == 64) else { return false };
        let mut differ = 0;
        for (byte, pair) in self.0.iter().zip(text.as_chunks::<2>().0) {
            differ |= u16::from_ne_bytes(PAIRS[usize::from(*byte)]) ^ u16::from_ne_bytes(*pair);
        }
        differ == 0
    }

    /// 64 lower-case hex digits, as bytes.
    pub(crate) fn to_hex_bytes(self) -> [u8; 64] {
        let mut out = [0; 64];
        write_hex(&self.0, &mut out);
        out
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = vec![0; bytes.len() * 2];
    write_hex(bytes, &mut out);
    String::from_utf8(out).expect("hex digits are ASCII")
}

/// Writes lower-case hex into `out`, which is twice as long.
pub(crate) fn write_hex(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair.copy_from_slice(&PAIRS[usize::from(*byte)]);
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The two digits of every byte: each line has a hash to write or to compare.
const PAIRS: [[u8; 2]; 256] = {
    let mut table = [[0; 2]; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = [DIGITS[i >> 4], DIGITS[i & 15]];
        i += 1;
    }
    table
};

/// All bits, so that one of them shows among any digits.
const NO_DIGIT: u8 = 255;

/// Value of a lower-case hex digit, [`NO_DIGIT`] for anything else: one table, since every line has
/// two hashes to read.
const NIBBLE: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut i: u8 = 0;
    while i < 16 {
        table[DIGITS[i as usize] as usize] = i;
        i += 1;
    }
    table
};

/// Reads lower-case hex of exactly the length of `out`; says whether it could.
pub(crate) fn read_hex(text: &[u8], out: &mut [u8]) -> bool {
    if text.len() != out.len() * 2 {
        return false;
    }
    let mut seen = 0;
    for (pair, byte) in text.chunks_exact(2).zip(out.iter_mut()) {
        let (high, low) = (NIBBLE[usize::from(pair[0])], NIBBLE[usize::from(pair[1])]);
        seen |= high | low;
        *byte = (high << 4) + (low & 15);
    }
    seen != NO_DIGIT
}

/// Reads lower-case hex of any even length.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut out = vec![0; text.len() / 2];
    read_hex(text.as_bytes(), &mut out).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_text() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let hash = Hash::of(b"");
        assert_eq!((hash.to_string(), format!("{hash:?}")), (text.to_owned(), text.to_owned()));
        assert_eq!(Hash::from_hex(text.as_bytes()), Some(hash));
        for byte in 0..=u8::MAX {
            let digits = hex(&[byte]);
            assert_eq!(digits, format!("{byte:02x}"));
            assert_eq!(unhex(&digits), Some(vec![byte]));
        }
        for no_hash in [&text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('e', "g")] {
            assert_eq!(Hash::from_hex(no_hash.as_bytes()), None);
            assert!(!hash.is_hex(no_hash.as_bytes()));
        }
        assert!(hash.is_hex(text.as_bytes()) && !Hash::ZERO.is_hex(text.as_bytes()));
        for other in ["0", ":", "/", "`", "`0", "0`", "0g", "g0", "0:", ":0", "0/", "/0", "\u{ff}"] {
            assert_eq!(unhex(other), None, "{other}");
        }
    }

    /// However long the pieces are, so that every length of padding occurs.
    #[test]
    fn two_pieces_hash_as_one() {
        let text = [7; 200];
        let mut scratch = Vec::new();
        for length in 0..text.len() {
            let (first, second) = text[..length].split_at(length / 3);
            assert_eq!(Hash::of_two(first, second, &mut scratch), Hash::of(&text[..length]), "{length}");
        }
    }
}
