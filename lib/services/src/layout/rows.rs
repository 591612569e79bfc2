//! Keys and values of the table's rows. Parts of keys are our own words, numbers and hashes; foreign
//! text never stands in one.

use crate::planted::limit;
use domain::derived::{AcceptedBreak, Derived, Entry, HoldEvent, Marker};
use domain::event::Identity;
use domain::hash::Hash;
use domain::json::Value;
use domain::merkle::Edge;
use domain::names::ChainName;
use domain::time::Timestamp;
use ports::Key;

/// The derived rows that this program keeps. A change of what is derived is a new name, filled
/// beside the old one.
pub const SCHEMA: &str = "1";
/// Blocks in one partition.
const BLOCKS_PER_PARTITION: u64 = 4096;
/// Partitions of the markers: the first two hex digits of their key.
pub const MARKER_PARTITIONS: u32 = 256;

/// Blocks in one partition: always 4096, but in runs of the simulator that ask for fewer.
pub fn blocks_per_partition() -> u64 {
    limit(BLOCKS_PER_PARTITION, 3)
}

/// Partition of the blocks number `p * 4096` and on.
pub fn block_partition(chain: &ChainName, p: u64) -> String {
    format!("chain#{chain}#{p}")
}

/// `sort` of a number, so that text order is number order.
pub fn number(n: u64) -> String {
    format!("{n:020}")
}

/// Block `n`.
pub fn block(chain: &ChainName, n: u64) -> Key {
    Key::new(block_partition(chain, n / blocks_per_partition()), number(n))
}

/// Up to which block all derived rows exist.
pub fn watermark(chain: &ChainName, schema: &str) -> Key {
    Key::new(format!("derived#{chain}#{schema}"), "watermark")
}

/// Partition number `p` of the markers.
pub fn marker_partition(chain: &ChainName, schema: &str, p: u32) -> String {
    format!("marker#{chain}#{schema}#{p:02x}")
}

/// The marker of an identity.
pub fn marker(chain: &ChainName, schema: &str, identity: &Identity) -> Key {
    Key::new(marker_partition(chain, schema, u32::from(identity.0.0[0])), identity.0.to_hex())
}

/// Partition of the entries of all events by time: the dimension's hash stands for its value, as
/// with every dimension to come.
pub fn entry_partition(chain: &ChainName, schema: &str) -> String {
    let dimension = Value::Array(vec!["all".into()]);
    format!("entry#{chain}#{schema}#{}", Hash::of(&dimension.canonical()))
}

/// An entry's place: by its greatest `at`, then its block, then its run within the block.
fn entry_sort(at_max: Timestamp, block: u64, run: usize) -> String {
    format!("{at_max}#{block:020}#{run:04}")
}

/// The greatest `at` and the block of an entry's key.
pub fn entry_parts(sort: &str) -> Option<(Timestamp, u64)> {
    let mut parts = sort.split('#');
    Some((Timestamp::parse(parts.next()?).ok()?, parts.next()?.parse().ok()?))
}

/// Start of the key of an accepted break over events that no checkpoint vouched for.
pub const UNVOUCHED: &str = "unvouched-";

/// Partition of the accepted breaks.
pub fn accepted_partition(chain: &ChainName) -> String {
    format!("accepted#{chain}")
}

/// An accepted break, by the head that is lost.
pub fn accepted(chain: &ChainName, lost_seq: u64, lost_hash: &Hash) -> Key {
    Key::new(accepted_partition(chain), format!("{}-{lost_hash}", number(lost_seq)))
}

/// A break that is being accepted: there only while that is under way.
pub fn accepting(chain: &ChainName) -> Key {
    Key::new(format!("accepting#{chain}"), "now")
}

/// Where a log of a source was left; `name` is the hash of the log's name.
pub fn ingest_cursor(chain: &ChainName, source: &str, name: &Hash) -> Key {
    Key::new(format!("ingest#{chain}"), format!("{source}#{name}"))
}

/// Something of a source that could not be used: which, why and where its bytes are.
pub fn kept(chain: &ChainName, source: &str, generation: &str, offset: u64) -> Key {
    Key::new(format!("kept#{chain}#{source}"), format!("{generation}-{}", number(offset)))
}

/// What the last scheduled verification found.
pub fn verified(chain: &ChainName) -> Key {
    Key::new(format!("verified#{chain}"), "hot")
}

/// All derived rows of one block.
pub fn derived(chain: &ChainName, schema: &str, block: u64, derived: &Derived) -> Vec<(Key, Vec<u8>)> {
    let mut rows = lasting(chain, schema, derived);
    rows.extend(entries(&entry_partition(chain, schema), block, derived));
    rows
}

/// The entries of one block, in this partition: its own, or that of a restored archive.
pub fn entries(partition: &str, block: u64, derived: &Derived) -> Vec<(Key, Vec<u8>)> {
    let row =
        |(run, e): (usize, &Entry)| (Key::new(partition, entry_sort(e.at_max, block, run)), e.to_value().into_bytes());
    derived.entries.iter().enumerate().map(row).collect()
}

/// Keys of the entries of a block, in this partition.
pub fn entry_keys(partition: &str, block: u64, entries: &[Entry]) -> Vec<Key> {
    entries.iter().enumerate().map(|(run, e)| Key::new(partition, entry_sort(e.at_max, block, run))).collect()
}

/// Those of its derived rows that stay when it is archived.
pub fn lasting(chain: &ChainName, schema: &str, derived: &Derived) -> Vec<(Key, Vec<u8>)> {
    let marker_row = |m: &Marker| (marker(chain, schema, &m.identity), m.to_value().into_bytes());
    let accepted_row = |a: &AcceptedBreak| {
        let key = match a.lost {
            Some((seq, hash)) => accepted(chain, seq, &hash),
            None => Key::new(accepted_partition(chain), format!("{UNVOUCHED}{}", number(a.left_seq))),
        };
        (key, a.seq.to_string().into_bytes())
    };
    let mut rows: Vec<_> = derived.markers.iter().map(marker_row).collect();
    rows.extend(derived.accepted.iter().map(accepted_row));
    rows.extend(derived.holds.iter().map(|(seq, event)| hold_row(chain, *seq, *event)));
    rows
}

/// Partition of the holds: each row says which event placed it.
pub fn hold_partition(chain: &ChainName) -> String {
    format!("hold#{chain}")
}

/// Partition of the holds that ended: each row says which event released it.
pub fn hold_release_partition(chain: &ChainName) -> String {
    format!("hold-released#{chain}")
}

fn hold_row(chain: &ChainName, seq: u64, event: HoldEvent) -> (Key, Vec<u8>) {
    let key = match event {
        HoldEvent::Placed { .. } => Key::new(hold_partition(chain), number(seq)),
        HoldEvent::Released { hold } => Key::new(hold_release_partition(chain), number(hold)),
    };
    (key, seq.to_string().into_bytes())
}

/// Partition of the checkpoints.
pub fn checkpoint_partition(chain: &ChainName) -> String {
    format!("checkpoint#{chain}")
}

/// Checkpoint `n`.
pub fn checkpoint(chain: &ChainName, n: u64) -> Key {
    Key::new(checkpoint_partition(chain), number(n))
}

/// What the signer of a checkpoint leaves for the next. Its own row, so that a checkpoint's row is its
/// line and nothing else; the head is in the key, so that signers who race do not share one.
pub fn edge(chain: &ChainName, n: u64, head_hash: &Hash) -> Key {
    Key::new(format!("edge#{chain}"), format!("{}-{head_hash}", number(n)))
}

/// The number of the block that ends with the checkpoint's head, and the right edge of the tree.
pub fn edge_value(block: u64, edge: &Edge) -> Vec<u8> {
    let roots: Vec<String> = edge.roots().iter().map(|root| root.to_hex()).collect();
    format!("{block} {}", roots.join(" ")).into_bytes()
}

/// Reads it; `size` is the checkpoint's `headSeq`.
pub fn edge_parts(value: &[u8], size: u64) -> Option<(u64, Edge)> {
    let mut parts = std::str::from_utf8(value).ok()?.split(' ');
    let block = parts.next()?.parse().ok()?;
    let roots = parts.map(|root| Hash::from_hex(root.as_bytes())).collect::<Option<_>>()?;
    Some((block, Edge::of(size, roots)?))
}
