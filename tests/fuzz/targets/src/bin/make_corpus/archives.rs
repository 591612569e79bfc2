//! Seeds of archives and stubs, and near misses of each.

use crate::chains::{build, chain, drafts, exchanged, key, now};
use crate::{Seed, numbered};
use domain::archive::{Base, Batch, Kept, Manifest, Range};
use domain::block::gzip::Packer;
use domain::block::{Block, Head, Stub};
use domain::hash::Hash;

/// Two blocks and their archive.
fn archived() -> (Vec<Block>, Manifest, Vec<u8>) {
    let drafts = drafts();
    let first = build(&drafts, &Head::EMPTY);
    let second = build(&drafts[..2], &first.header.head());
    let mut batch = Batch::new(&chain(), 1, Hash::ZERO);
    let blocks = vec![first, second];
    blocks.iter().for_each(|block| batch.add(block).expect("sound"));
    let manifest = signed(&batch, key().algorithm().as_str());
    (blocks, manifest, batch.into_parts().0)
}

fn signed(batch: &Batch, algorithm: &str) -> Manifest {
    let base = Base {
        jsonl_key: "audit/fuzz.example-1/x.jsonl.gz".to_owned(),
        archived_at: now(),
        prev_manifest: Hash::ZERO,
        checkpoint: 1,
        sig_alg: algorithm.to_owned(),
        key_id: key().verify_key().key_id(),
    };
    let mut manifest = batch.manifest(base).expect("it holds events");
    manifest.signature = key().sign(&manifest.signed_bytes());
    manifest
}

pub(crate) fn archives() -> Vec<Seed> {
    let (_, manifest, object) = archived();
    let text = manifest.bytes();
    let both = |manifest: &[u8], object: &[u8]| [manifest, b"\n", object].concat();
    let mut flipped = object.clone();
    flipped[40] ^= 1;
    let objects = [
        object.clone(),
        object[..object.len() / 2].to_vec(),
        object[..object.len() - 1].to_vec(),
        [&object[..], &object[..]].concat(),
        [&object[..], b"junk"].concat(),
        Packer::new().pack(&[b'a'; 200_000]),
        flipped,
        Vec::new(),
    ];
    let mut seeds = numbered("object", objects.map(|object| both(&text, &object)));
    let near = [
        ("\"eventCount\":12", "\"eventCount\":13"),
        ("\"startSeq\":1", "\"startSeq\":0"),
        ("\"endSeq\":12", "\"endSeq\":9007199254740991"),
        ("\"offset\":0", "\"offset\":1"),
        ("\"offset\":0", "\"offset\":9007199254740991"),
        ("\"n\":1", "\"n\":0"),
        ("\"blocks\":[", "\"blocks\":[{},"),
        ("\"checkpoint\":1", "\"checkpoint\":2"),
        ("{\"archivedAt\"", "{\"a\":1,\"archivedAt\""),
        ("{\"archivedAt\"", "{ \"archivedAt\""),
        ("audit.archive.v1", "audit.archive.v2"),
        ("T12:00:00.000Z", "T12:00:00Z"),
        ("hmac-sha256", "none"),
        ("\"signature\":\"", "\"signature\":\"00"),
        ("fuzz.example-1\"", "fuzz\""),
    ];
    seeds.extend(numbered("near", near.map(|(from, to)| both(&exchanged(&text, from, to), &object))));
    seeds
}

pub(crate) fn stubs() -> Vec<Seed> {
    let (blocks, manifest, _) = archived();
    let range = manifest.range;
    let wide = Range { start: 1, end: (1 << 53) - 1 };
    let good = blocks.iter().flat_map(|block| [Stub::of(block, range, 0), Stub::of(block, wide, 1 << 40)]);
    let mut seeds = numbered("stub", good.map(|stub| stub.to_row()));
    let row = Stub::of(&blocks[0], range, 0).to_row();
    let near = [
        ("\"offset\":0", "\"offset\":-1"),
        ("\"offset\":0", "\"offset\":0.0"),
        ("\"offset\":0", "\"offset\":9007199254740992"),
        ("\"object\":\"", "\"object\":\"x"),
        ("-00000000000000000012", "-00000000000000000000"),
        ("-00000000000000000012", "-18446744073709551615"),
        ("00000000000000000001-", "00000000000000000002-"),
        (".jsonl.gz", ".jsonl"),
        ("{\"length\"", "{\"a\":1,\"length\""),
        ("{\"length\"", "{ \"length\""),
        ("\"count\":10", "\"count\":9007199254740991"),
        ("\"sha256\":\"", "\"sha256\":\"0"),
    ];
    seeds.extend(numbered("near", near.map(|(from, to)| exchanged(&row, from, to))));
    seeds.extend(numbered("block", blocks.iter().map(Block::to_row)));
    let mut kept = Kept::default();
    blocks.iter().for_each(|block| kept.add(&block.header, &block.lines().expect("just built")));
    let bytes = kept.bytes();
    seeds.extend(numbered("kept", [bytes.clone(), bytes[..bytes.len() - 9].to_vec(), Vec::new(), b"\n\n".to_vec()]));
    seeds
}
