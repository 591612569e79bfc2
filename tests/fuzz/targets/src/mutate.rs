//! Inputs that are nearly right: entries of a corpus, changed in a few places.
//!
//! The same seed gives the same inputs on every machine, so that a seed and a number are enough to
//! name one.

/// Longest input that is made, unless an entry of the corpus is longer.
const MAX_BYTES: usize = 16 * 1024;
/// Most changes of one input.
const MAX_CHANGES: usize = 6;

/// Words that matter to one of the readers.
#[rustfmt::skip]
const WORDS: &[&[u8]] = &[
    b"{", b"}", b"[", b"]", b"{}", b"[]", b",", b":", b"\"", b"\\", b"null", b"true", b"false", b" ", b"\n", b"\r", b"\t",
    b"\0", b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f\xa6\x8a", b"\xe2\x82\xac", b"\xf4\x90\x80\x80",
    b"\\u0000", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0061", b"\\u001f", b"\\/", b"\\b", b"\\n", b"\\\"", b"\\\\",
    b"0", b"-0", b"-", b"1", b"0.0", b"1e0", b"1e400", b"1E-400", b"0.1", b"5e-324", b"1.7976931348623157e308", b"1e15", b"1e16",
    b"9007199254740991", b"9007199254740992", b"18446744073709551616", b"0.30000000000000000001", b"1000000000000000000000000",
    b"\"a\":1", b",\"a\":1", b"\"a\":{}", b"{\"a\":[{\"a\":", b"[[[[[[[[[[[[[[[[", b"]]]]]]]]]]]]]]]]",
    b"\"action\":", b"\"actorId\":", b"\"at\":", b"\"chain\":", b"\"externalId\":", b"\"hash\":\"", b"\"id\":", b"\"metadata\":{",
    b"\"outcome\":", b"\"prevHash\":\"", b"\"recordedAt\":", b"\"resourceId\":", b"\"resourceType\":", b"\"seq\":", b"\"source\":",
    b"\"tenantSlug\":", b"\"v\":1", b"\"v\":1}", b"audit.break_accepted", b"audit", b"platform-api", b"ocis", b"success", b"system",
    b"\"type\":", b"\"n\":", b"\"headSeq\":", b"\"reason\":", b"\"signature\":", b"\"keyId\":", b"\"sigAlg\":", b"hmac-sha256", b"ed25519",
    b"2026-11-25T12:00:00.000Z", b"2026-11-25T12:00:00Z", b"2026-11-25T12:00:00.000+00:00", b"2026-11-25t13:00:00.5+01:00",
    b"2016-12-31T23:59:60Z", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59.999Z", b"0000-01-01T00:00:00Z", b"2026-02-29T00:00:00Z",
    b"0000000000000000000000000000000000000000000000000000000000000000", b"019a8f4e-7a3c-7e21-9d5b-0f6f6a1c7e10",
    b"\"members\":[[", b"\"count\":", b"\"firstSeq\":", b"\"digest\":\"", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x03\0\0\0\0\0\0\0\0\0",
    b"\"App\":\"admin_audit\"", b"\"Action\":\"\"", b"\"Action\":\"file_shared\"", b"\"Message\":\"", b"\"ShareToken\":\"hVbNkTzQwLsRpXe\"",
    b"hVbNkTzQwLsRpXe", b"\"ShareType\":\"link\"", b"\"ShareID\":", b"\"Token\":", b"\"InviteLink\":", b"\"FileID\":\"st$sp!node\"",
    b"\"SpaceID\":", b"\"Time\":", b"\"Path\":\"", b"user 'ann' updated field 'x' of public link '", b"' of share '", b"sha256:",
    b"?", b"&", b"=", b"+", b"%", b"%2", b"%00", b"%2B", b"%C3%A9", b"%FF", b"%26", b"%3D", b"%25", b"&&", b"/audit", b"/audit/7", b"limit=",
    b"before=", b"cursor=", b"from=", b"to=", b"as=lines", b"as=companion", b"seq=1",
    b"{\"events\":[", b"],\"v\":1}", b"\"offset\":", b"\"generation\":", b"\"spaceNames\":", b"\"counts\":", b"\"inLongLine\":", b"\"bytes\":1024",
];

/// SplitMix64: small, and the same everywhere.
pub struct SplitMix(u64);

impl SplitMix {
    /// A generator that starts here.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The generator of one execution: a seed and a number lead straight to it.
    pub fn of(seed: u64, execution: u64) -> Self {
        let mut mixer = Self(seed);
        Self(mixer.bits() ^ execution.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.bits() % end).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[0]
    }
}

/// One input out of a corpus.
pub fn mutant(corpus: &[Vec<u8>], random: &mut SplitMix) -> Vec<u8> {
    let mut input = if corpus.is_empty() { Vec::new() } else { corpus[random.below(corpus.len())].clone() };
    let most = input.len().max(MAX_BYTES);
    // Most inputs get few changes: one byte is enough to get behind a check, and many never do.
    let changes = 1 + random.below(MAX_CHANGES).min(random.below(MAX_CHANGES));
    for _ in 0..changes {
        change(&mut input, corpus, random);
    }
    input.truncate(most);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut SplitMix) {
    let at = random.below(input.len() + 1);
    let length = 1 + random.below(16).min(random.below(16));
    let here = at..(at + length).min(input.len());
    match random.below(12) {
        0 => flip(input, at, 1 << random.below(8)),
        1 | 2 => {
            let byte = random.byte();
            if let Some(there) = input.get_mut(at) {
                *there = byte;
            }
        }
        // A neighbour: the next digit, the next letter, the end of a range.
        3 => {
            let up = random.below(2) == 0;
            if let Some(there) = input.get_mut(at) {
                *there = if up { there.wrapping_add(1) } else { there.wrapping_sub(1) };
            }
        }
        4 | 5 => drop(input.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied())),
        6 => drop(input.splice(here, WORDS[random.below(WORDS.len())].iter().copied())),
        7 => drop(input.drain(here)),
        8 => {
            let again = input[here].to_vec();
            let times = 1 + random.below(40);
            drop(input.splice(at..at, again.repeat(times)));
        }
        9 if random.below(4) == 0 => input.truncate(at),
        9 => drop(input.drain(..at.min(4))),
        10 => splice(input, at, corpus, random),
        _ => {
            let (from, to) = (random.below(input.len()), random.below(input.len()));
            if !input.is_empty() {
                input.swap(from, to);
            }
        }
    }
}

fn flip(input: &mut [u8], at: usize, bits: u8) {
    if let Some(there) = input.get_mut(at) {
        *there ^= bits;
    }
}

/// Puts a piece of another entry in place of what stands here.
fn splice(input: &mut Vec<u8>, at: usize, corpus: &[Vec<u8>], random: &mut SplitMix) {
    let Some(other) = corpus.get(random.below(corpus.len())) else { return };
    let from = random.below(other.len() + 1);
    let to = from + random.below(other.len() - from + 1);
    let end = if random.below(2) == 0 { input.len() } else { at };
    drop(input.splice(at..end, other[from..to].iter().copied()));
}
