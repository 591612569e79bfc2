//! The RFC 6962 Merkle tree over a chain: its right edge, its root, proofs, and C2SP tiles.
//!
//! The entry of an event is the 32 bytes of its `hash`; a leaf is SHA-256(0x00 ‖ entry), a node
//! SHA-256(0x01 ‖ left ‖ right).

use crate::hash::Hash;

/// Hashes in one full tile (C2SP tlog-tiles, height 8).
pub const TILE_WIDTH: usize = 256;

/// The leaf of an event. Leaves and nodes have fixed lengths and are padded by hand: there is one of
/// each per event.
pub fn leaf(event_hash: &Hash) -> Hash {
    let mut block = [0; 64];
    block[1..33].copy_from_slice(&event_hash.0);
    block[33] = 0x80;
    block[62..].copy_from_slice(&(33u16 * 8).to_be_bytes());
    Hash::of_padded(&[block])
}

/// The node over two.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut blocks = [[0; 64]; 2];
    blocks[0][0] = 1;
    blocks[0][1..33].copy_from_slice(&left.0);
    blocks[0][33..].copy_from_slice(&right.0[..31]);
    blocks[1][0] = right.0[31];
    blocks[1][1] = 0x80;
    blocks[1][62..].copy_from_slice(&(65u16 * 8).to_be_bytes());
    Hash::of_padded(&blocks)
}

/// The right edge of a tree: the roots of its perfect subtrees, largest first. All that is needed
/// to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    roots: Vec<Hash>,
}

impl Edge {
    /// From a size and its subtree roots; `None` if their number does not fit the size.
    pub fn of(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtree roots, largest first.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Adds one leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(leaf, 0);
    }

    /// Adds a perfect subtree of 2^height leaves; the size must be a multiple of that.
    pub(crate) fn push_subtree(&mut self, mut root: Hash, height: u32) {
        debug_assert_eq!(self.size & ((1 << height) - 1), 0);
        let mut rest = self.size >> height;
        while rest & 1 == 1 {
            if let Some(left) = self.roots.pop() {
                root = node(&left, &root);
            }
            rest >>= 1;
        }
        self.roots.push(root);
        self.size += 1 << height;
    }

    /// The root; SHA-256 of nothing for an empty tree.
    pub fn root(&self) -> Hash {
        let mut right_to_left = self.roots.iter().rev();
        match right_to_left.next() {
            None => Hash::of(b""),
            Some(last) => right_to_left.fold(*last, |right, left| node(left, &right)),
        }
    }
}

/// One tile: `width` hashes of a level, to be stored under its C2SP path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Level, 0 for leaves.
    pub level: u32,
    /// Index in its level.
    pub index: u64,
    /// The hashes, at most [`TILE_WIDTH`].
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// `tile/<level>/<index>[.p/<width>]`, the index in groups of three digits.
    pub fn path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.insert(0, format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        let partial = match self.hashes.len() {
            TILE_WIDTH => String::new(),
            width => format!(".p/{width}"),
        };
        format!("tile/{}/{}{partial}", self.level, groups.join("/"))
    }

    /// The bytes of the object: its hashes, one after the other.
    pub fn bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|h| h.0).collect()
    }
}

/// The unfinished tiles on the right edge, one per level.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Frontier {
    /// How many hashes the unfinished tile of each level has, for a tree of `size` leaves.
    pub fn widths(size: u64) -> Vec<(u32, u64, usize)> {
        let mut widths = Vec::new();
        let mut nodes = size;
        let mut level = 0;
        while nodes > 0 {
            let width = usize::try_from(nodes % TILE_WIDTH as u64).expect("below 256");
            widths.push((level, nodes / TILE_WIDTH as u64, width));
            nodes /= TILE_WIDTH as u64;
            level += 1;
        }
        widths
    }

    /// From the unfinished tile of each level, lowest first.
    pub fn of(size: u64, levels: Vec<Vec<Hash>>) -> Self {
        Self { size, levels }
    }

    /// The right edge of the same tree.
    pub fn edge(&self) -> Edge {
        let mut edge = Edge::default();
        for (level, row) in self.levels.iter().enumerate().rev() {
            let height = 8 * u32::try_from(level).expect("a tree has at most 8 levels of tiles");
            for hash in row {
                edge.push_subtree(*hash, height);
            }
        }
        edge
    }

    /// Adds a leaf; tiles that it fills are appended to `full`.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<Tile>) {
        self.size += 1;
        let mut carry = leaf;
        let mut index = self.size / TILE_WIDTH as u64;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(carry);
            if row.len() < TILE_WIDTH {
                return;
            }
            let hashes = std::mem::take(row);
            let mut edge = Edge::default();
            hashes.iter().for_each(|hash| edge.push(*hash));
            carry = edge.root();
            let level = u32::try_from(level).expect("a tree has at most 8 levels of tiles");
            full.push(Tile { level, index: index - 1, hashes });
            index /= TILE_WIDTH as u64;
        }
    }

    /// The unfinished tiles.
    pub fn partial_tiles(&self) -> Vec<Tile> {
        Self::widths(self.size)
            .into_iter()
            .zip(&self.levels)
            .filter(|((_, _, width), _)| *width > 0)
            .map(|((level, index, _), hashes)| Tile { level, index, hashes: hashes.clone() })
            .collect()
    }
}

/// The sibling hashes that lead from leaf `index` to the root of the tree over `leaves` (RFC 6962,
/// section 2.1.1); `None` if there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    fn root(leaves: &[Hash]) -> Hash {
        let mut edge = Edge::default();
        leaves.iter().for_each(|l| edge.push(*l));
        edge.root()
    }
    if index >= leaves.len() {
        return None;
    }
    let (mut leaves, mut index, mut path) = (leaves, index, Vec::new());
    while leaves.len() > 1 {
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        if index < split {
            path.push(root(right));
            leaves = left;
        } else {
            path.push(root(left));
            leaves = right;
            index -= split;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `path` leads from `leaf` at `index` to `root` in a tree of `size` leaves (RFC 9162,
/// section 2.1.3.2).
pub fn proves_inclusion(index: u64, size: u64, leaf: Hash, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node_index, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node_index & 1 == 1 || node_index == last {
            hash = node(sibling, &hash);
            // Up to where it is a right child again: none at the right edge has a sibling before that.
            let levels = node_index.trailing_zeros();
            node_index >>= levels;
            last >>= levels;
        } else {
            hash = node(&hash, sibling);
        }
        node_index >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf(&Hash::of(i.to_string().as_bytes()))).collect()
    }

    /// RFC 6962, section 2.1, to the letter.
    fn reference_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of(b""),
            [one] => *one,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(&reference_root(&leaves[..split]), &reference_root(&leaves[split..]))
            }
        }
    }

    #[test]
    fn leaves_and_nodes_are_sha256_of_their_bytes() {
        let (a, b) = (Hash::of(b"a"), Hash::of(b"b"));
        assert_eq!(leaf(&a), Hash::of_pieces(&[&[0], &a.0]));
        assert_eq!(node(&a, &b), Hash::of_pieces(&[&[1], &a.0, &b.0]));
    }

    #[test]
    fn the_edge_has_the_root_of_the_rfc_at_every_size() {
        let all = leaves(300);
        let mut edge = Edge::default();
        for size in 0..=300 {
            assert_eq!(edge.root(), reference_root(&all[..size]), "{size}");
            assert_eq!(edge.size(), size as u64);
            assert_eq!(Edge::of(size as u64, edge.roots().to_vec()), Some(edge.clone()));
            if size < 300 {
                edge.push(all[size]);
            }
        }
        assert_eq!(Edge::of(3, vec![Hash::ZERO]), None);
    }

    #[test]
    fn tiles_carry_the_same_tree() {
        let all = leaves(70_000);
        let mut frontier = Frontier::default();
        let mut edge = Edge::default();
        let mut full = Vec::new();
        for (i, leaf) in all.iter().enumerate() {
            frontier.push(*leaf, &mut full);
            edge.push(*leaf);
            if i == 255 {
                let paths: Vec<_> = frontier.partial_tiles().iter().map(Tile::path).collect();
                assert_eq!(paths, ["tile/1/000.p/1"], "a level without a hash has no tile");
            }
            if i % 4999 == 0 || i == 65_535 || i == 65_536 {
                assert_eq!(frontier.edge(), edge, "after {}", i + 1);
            }
        }
        let paths: Vec<_> = full.iter().map(Tile::path).collect();
        assert_eq!(full.len(), 273 + 1);
        assert_eq!(paths[0], "tile/0/000");
        assert!(paths.contains(&"tile/1/000".to_owned()));
        let partial: Vec<_> = frontier.partial_tiles().iter().map(Tile::path).collect();
        assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        let tile = Tile { level: 0, index: 1_234_067, hashes: vec![Hash::ZERO; 5] };
        assert_eq!(tile.path(), "tile/0/x001/x234/067.p/5");
        assert_eq!(Tile { index: 1000, ..tile.clone() }.path(), "tile/0/x001/000.p/5");
        assert_eq!(Tile { hashes: vec![Hash([1; 32]), Hash([2; 32])], ..tile }.bytes(), [[1; 32], [2; 32]].concat());
        // A signer that starts from the partial tiles goes on with the same tree.
        let levels = Frontier::widths(70_000)
            .into_iter()
            .map(|(level, _, width)| {
                let tiles = frontier.partial_tiles();
                let tile = tiles.into_iter().find(|t| t.level == level);
                tile.map_or(Vec::new(), |t| t.hashes[..width].to_vec())
            })
            .collect();
        assert_eq!(Frontier::of(70_000, levels).edge(), edge);
    }

    #[test]
    fn proofs_prove_their_leaf_and_no_other() {
        for size in 1..40usize {
            let all = leaves(size);
            let root = reference_root(&all);
            for index in 0..size {
                let path = inclusion_proof(&all, index).unwrap();
                let proves = |i: usize, n: usize, l: Hash| proves_inclusion(i as u64, n as u64, l, &path, &root);
                assert!(proves(index, size, all[index]), "{index} of {size}");
                assert!(!proves(index, size, Hash::ZERO));
                assert!(size == 1 || !proves((index + 1) % size, size, all[index]));
                assert!(!proves(index, index, all[index]), "there is no such leaf");
                let root_of_path = |path: &[Hash]| proves_inclusion(index as u64, size as u64, all[index], path, &root);
                assert!(size == 1 || !root_of_path(&path[..path.len() - 1]), "too short");
                assert!(!root_of_path(&[&path[..], &[Hash::ZERO]].concat()), "too long");
            }
            assert_eq!(inclusion_proof(&all, size), None);
        }
    }
}
