//! Where an archive's object is not what its manifest says.

use super::Manifest;
use crate::hash::Hash;
use crate::verify::{Break, Chunk, Options, Report, Start, Walk, check};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;

/// Looks at an object, which may be any bytes, block by block, and names what does not hold. Nothing
/// where it is the object that was archived.
pub fn faults(manifest: &Manifest, object: &[u8], options: &Options) -> Vec<Break> {
    if object.len() as u64 == manifest.bytes_compressed && Hash::of(object) == manifest.gzip_sha256 {
        return Vec::new();
    }
    let range = manifest.range;
    if holds_the_same_lines(manifest, object) {
        // Packed anew: no line can be told from another.
        return vec![Break::of_archive(range, range.start)];
    }
    let report = walk(manifest, object, options);
    let within = |seq: u64| seq.clamp(range.start, range.end + 1);
    let mut found: Vec<Break> =
        report.breaks.iter().filter_map(|b| b.seq).map(|seq| Break::of_archive(range, within(seq))).collect();
    found.dedup();
    if found.is_empty() {
        // All lines are there, and something follows them.
        found.push(Break::of_archive(range, range.end + 1));
    }
    found
}

fn holds_the_same_lines(manifest: &Manifest, object: &[u8]) -> bool {
    let mut lines = MultiGzDecoder::new(object).take(manifest.bytes_uncompressed + 1);
    let (mut sha, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match lines.read(&mut buffer) {
            Ok(0) => return Hash(sha.finalize().into()) == manifest.jsonl_sha256,
            Ok(read) => sha.update(&buffer[..read]),
            Err(_) => return false,
        }
    }
}

fn walk(manifest: &Manifest, object: &[u8], options: &Options) -> Report {
    let range = manifest.range;
    let options = Options {
        start: Start::At { seq: range.start, prev_hash: manifest.prev_hash },
        end: Some(range.end),
        parse_after: u64::MAX,
        all_checkpoints: false,
        threads: 0,
        ..options.clone()
    };
    let mut walk = Walk::new(options.clone(), Some(manifest.chain.clone()), None);
    let clip = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(object.len());
    for block in &manifest.blocks {
        let bytes = &object[clip(block.offset)..clip(block.offset + block.length)];
        if !bytes.is_empty() {
            walk.run(check(Chunk::Members(bytes.to_vec()), &options)).expect("nothing is put aside");
        }
    }
    walk.finish().expect("nothing is put aside")
}
