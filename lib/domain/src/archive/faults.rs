//! Where an archive's object is not what its manifest says.

use super::Manifest;
use crate::hash::Hash;
use crate::verify::{Break, Chunk, Options, Report, Start, Walk, check};

/// Looks at an object, which may be any bytes, block by block, and names what does not hold. Nothing
/// where it is the object that was archived.
pub fn faults(manifest: &Manifest, object: &[u8], options: &Options) -> Vec<Break> {
    if object.len() as u64 == manifest.bytes_compressed && Hash::of(object) == manifest.gzip_sha256 {
        return Vec::new();
    }
    let report = walk(manifest, object, options);
    let range = manifest.range;
    let within = |seq: u64| seq.clamp(range.start, range.end + 1);
    let mut found: Vec<Break> =
        report.breaks.iter().filter_map(|b| b.seq).map(|seq| Break::of_archive(range, within(seq))).collect();
    found.dedup();
    if found.is_empty() {
        // All lines are there: either something follows them, or they were packed anew.
        let longer = object.len() as u64 > manifest.bytes_compressed;
        found.push(Break::of_archive(range, if longer { range.end + 1 } else { range.start }));
    }
    found
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
