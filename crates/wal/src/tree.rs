//! The Merkle tree over all leaves of a log, in the parts that a segment contributes to it.
//!
//! Format: FORMAT.md#footer
//!
//! Hashing follows RFC 6962, section 2.1, with BLAKE3. A [`CompactRange`] is the shortest list of whole subtrees that
//! cover a range of leaves; subtrees are placed by their index in the whole log, so the ranges of neighbouring
//! segments join to that of both. It grows by a leaf at a time and holds at most two nodes a level.

use crate::seq::Leaf;

/// A whole subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    /// It covers `2^level` leaves.
    pub(crate) level: u32,
    pub(crate) hash: [u8; 32],
}

/// The subtrees that cover the leaves from `begin` to before `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompactRange {
    begin: u64,
    end: u64,
    nodes: Vec<Node>,
}

impl CompactRange {
    /// The empty range before the leaf of this index.
    pub(crate) fn starting_at(begin: u64) -> CompactRange {
        CompactRange { begin, end: begin, nodes: Vec::new() }
    }

    /// Adds the next leaf.
    pub(crate) fn push_leaf(&mut self, leaf: Leaf) {
        self.end += 1;
        let mut node = Node { level: 0, hash: hash_leaf(leaf) };
        // A subtree of level `l` that ends here has a left sibling in the range if a subtree of level `l + 1` ends
        // here too and doesn't start before the range does.
        while self.end.trailing_zeros() > node.level && self.begin + (2 << node.level) <= self.end {
            let left =
                self.nodes.pop().expect("the left sibling of a subtree inside the range is in the list");
            node = Node { level: node.level + 1, hash: hash_inner(&left.hash, &node.hash) };
        }
        self.nodes.push(node);
    }

    /// The subtrees, left to right.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

fn hash_leaf(leaf: Leaf) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[0]).update(leaf.as_bytes());
    *hasher.finalize().as_bytes()
}

fn hash_inner(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[1]).update(left).update(right);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaf(index: u64) -> Leaf {
        Leaf::from_bytes(*blake3::hash(&index.to_le_bytes()).as_bytes())
    }

    fn subtree(level: u32, index: u64) -> [u8; 32] {
        match level {
            0 => hash_leaf(leaf(index)),
            level => hash_inner(&subtree(level - 1, 2 * index), &subtree(level - 1, 2 * index + 1)),
        }
    }

    /// The largest aligned subtree that fits, again and again.
    fn expected(begin: u64, end: u64) -> Vec<Node> {
        let (mut at, mut nodes) = (begin, Vec::new());
        while at < end {
            let level =
                (0..=at.trailing_zeros().min(62)).rev().find(|level| at + (1 << level) <= end).unwrap();
            nodes.push(Node { level, hash: subtree(level, at >> level) });
            at += 1 << level;
        }
        nodes
    }

    proptest! {
        #[test]
        fn a_range_is_its_largest_aligned_subtrees(begin in 0_u64..70, leaves in 0_u64..70) {
            let mut range = CompactRange::starting_at(begin);
            (begin..begin + leaves).for_each(|index| range.push_leaf(leaf(index)));
            prop_assert_eq!(range.nodes(), expected(begin, begin + leaves));
        }
    }
}
