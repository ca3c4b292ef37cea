//! The Merkle tree of RFC 6962 §2.1 over SHA-256: hashing, growing, proving, checking.

use sha2::{Digest as _, Sha256};

use crate::hash::TreeHash;
use crate::limits::PROOF_HASHES_MAX;
use crate::planted::{Bug, is};

/// Hash of a leaf: SHA-256 of 0x00 and the data.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> TreeHash {
    let domain: &[u8] = if is(Bug::LeafWithoutDomain) { &[] } else { &[0] };
    let mut hasher = Sha256::new();
    hasher.update(domain);
    hasher.update(data);
    TreeHash(hasher.finalize().into())
}

/// Hash of an inner node: SHA-256 of 0x01 and both children.
#[must_use]
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    let mut node = [1; 65];
    let (left_at, right_at) = node[1..].split_at_mut(32);
    left_at.copy_from_slice(&left.0);
    right_at.copy_from_slice(&right.0);
    TreeHash(Sha256::digest(node).into())
}

/// Root of the empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> TreeHash {
    TreeHash(Sha256::digest([]).into())
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The range does not lie in the tree, or is no subtree.
    BadRange,
    /// The proof has too few or too many hashes for this range and size.
    WrongLength,
    /// The proof leads to another hash.
    WrongHash,
}

impl core::fmt::Display for ProofError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::BadRange => "the range does not fit the size of the tree",
            Self::WrongLength => "the proof has the wrong number of hashes",
            Self::WrongHash => "the proof leads to another hash",
        })
    }
}

impl std::error::Error for ProofError {}

/// The right edge of a growing tree: the roots of its complete subtrees, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<TreeHash>,
}

impl Frontier {
    /// The edge of a tree of `size` leaves, given the roots of its complete subtrees, largest first; `None` where
    /// their number does not fit.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<TreeHash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. `complete` is told every inner node that became complete: level (1 is above the leaves),
    /// index at that level, hash.
    pub fn append(&mut self, leaf: TreeHash, mut complete: impl FnMut(u32, u64, TreeHash)) {
        let mut hash = leaf;
        let mut level = 0;
        while (self.size >> level) & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            complete(level, self.size >> level, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Hashes of complete subtrees: node `index` at `level` covers the leaves from `index << level` to `(index + 1) << level`.
pub trait Nodes {
    /// Why a hash could not be had.
    type Error;

    /// The hash of a complete subtree.
    ///
    /// # Errors
    /// When the hash cannot be read.
    fn node(&self, level: u32, index: u64) -> Result<TreeHash, Self::Error>;
}

/// Hash over the leaves from `start` to `end`, where these form a subtree (RFC 6962 §2.1 MTH).
///
/// # Errors
/// When a hash cannot be read.
pub fn range_hash<N: Nodes>(nodes: &N, start: u64, end: u64) -> Result<TreeHash, N::Error> {
    let size = end.saturating_sub(start);
    if size == 0 {
        return Ok(empty_root());
    }
    if size.is_power_of_two() && start.is_multiple_of(size) {
        return nodes.node(size.ilog2(), start / size);
    }
    let middle = start + split(size);
    Ok(node_hash(&range_hash(nodes, start, middle)?, &range_hash(nodes, middle, end)?))
}

/// Largest power of two below `size`, for `size` > 1.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Proof that the leaf at `index` is in the tree of `size` leaves, leaf sibling first (RFC 6962 §2.1.1).
/// Empty where `index` lies outside the tree.
///
/// # Errors
/// When a hash cannot be read.
pub fn inclusion_proof<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<TreeHash>, N::Error> {
    let mut proof = Vec::new();
    if index < size {
        subtree_proof(nodes, index, index + 1, 0, size, true, &mut proof)?;
    }
    Ok(proof)
}

/// Proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 6962 §2.1.2); empty for `old` 0.
///
/// # Errors
/// When a hash cannot be read.
pub fn consistency_proof<N: Nodes>(nodes: &N, old: u64, new: u64) -> Result<Vec<TreeHash>, N::Error> {
    let mut proof = Vec::new();
    if 0 < old && old < new {
        subtree_proof(nodes, 0, old, 0, new, true, &mut proof)?;
    }
    Ok(proof)
}

/// Hashes that lead from the subtree `start..end` to the tree over `low..high`; `known` when the subtree's own hash is
/// known to the reader (draft-ietf-plants-merkle-tree-certs, subtree consistency proof).
fn subtree_proof<N: Nodes>(
    nodes: &N,
    start: u64,
    end: u64,
    low: u64,
    high: u64,
    known: bool,
    proof: &mut Vec<TreeHash>,
) -> Result<(), N::Error> {
    if start == low && end == high {
        if !known {
            proof.push(range_hash(nodes, low, high)?);
        }
        return Ok(());
    }
    let middle = low + split(high - low);
    if end <= middle {
        subtree_proof(nodes, start, end, low, middle, known, proof)?;
        proof.push(range_hash(nodes, middle, high)?);
    } else if start >= middle {
        subtree_proof(nodes, start, end, middle, high, known, proof)?;
        proof.push(range_hash(nodes, low, middle)?);
    } else {
        subtree_proof(nodes, middle, end, middle, high, false, proof)?;
        proof.push(range_hash(nodes, low, middle)?);
    }
    Ok(())
}

/// Checks that the subtree over `start..end` with `hash` lies in the tree of `size` leaves with `root`.
///
/// # Errors
/// Why the proof does not hold.
pub fn verify_subtree(
    start: u64,
    end: u64,
    size: u64,
    hash: &TreeHash,
    root: &TreeHash,
    proof: &[TreeHash],
) -> Result<(), ProofError> {
    if start == end && end <= size {
        // Nothing lies in every tree.
        let error = if proof.is_empty() { ProofError::WrongHash } else { ProofError::WrongLength };
        return if proof.is_empty() && *hash == empty_root() { Ok(()) } else { Err(error) };
    }
    let (old, new) = climb(start, end, size, hash, proof)?;
    if old == *hash && new == *root { Ok(()) } else { Err(ProofError::WrongHash) }
}

/// Follows `proof` from the subtree over `start..end` upwards: the hash that it gives for the subtree, and that for the
/// tree of `size` leaves.
fn climb(
    start: u64,
    end: u64,
    size: u64,
    hash: &TreeHash,
    proof: &[TreeHash],
) -> Result<(TreeHash, TreeHash), ProofError> {
    let width = end.checked_sub(start).filter(|width| *width > 0).ok_or(ProofError::BadRange)?;
    if end > size || !start.is_multiple_of(width.checked_next_power_of_two().ok_or(ProofError::BadRange)?) {
        return Err(ProofError::BadRange);
    }
    if proof.len() > PROOF_HASHES_MAX {
        return Err(ProofError::WrongLength);
    }
    let (mut first, mut last, mut tree) = (start, end - 1, size - 1);
    while first != last && (last == tree || last & 1 == 1) {
        (first, last, tree) = (first >> 1, last >> 1, tree >> 1);
    }
    let mut proof = proof.iter();
    let mut old = if first == last { *hash } else { *proof.next().ok_or(ProofError::WrongLength)? };
    let mut new = old;
    for sibling in proof {
        if tree == 0 {
            return Err(ProofError::WrongLength);
        }
        if last & 1 == 1 || last == tree {
            if first < last {
                old = node_hash(sibling, &old);
            }
            new = node_hash(sibling, &new);
            while last & 1 == 0 && last != 0 {
                (first, last, tree) = (first >> 1, last >> 1, tree >> 1);
            }
        } else {
            new = node_hash(&new, sibling);
        }
        (first, last, tree) = (first >> 1, last >> 1, tree >> 1);
    }
    if tree == 0 { Ok((old, new)) } else { Err(ProofError::WrongLength) }
}

/// The root that an inclusion proof leads to. Neither `index` nor `size` is shown by it: the same hashes lead to the same
/// root from other places of other sizes too.
///
/// # Errors
/// When the proof does not fit `index` and `size`.
pub fn inclusion_root(index: u64, size: u64, leaf: &TreeHash, proof: &[TreeHash]) -> Result<TreeHash, ProofError> {
    let end = index.checked_add(1).ok_or(ProofError::BadRange)?;
    climb(index, end, size, leaf, proof).map(|(_, root)| root)
}

/// The root of the newer tree that a consistency proof leads to from `old_root`. The sizes are not shown by it.
///
/// # Errors
/// When the proof does not fit the sizes or does not begin at `old_root`.
pub fn consistency_root(old: u64, new: u64, old_root: &TreeHash, proof: &[TreeHash]) -> Result<TreeHash, ProofError> {
    if old >= new {
        return Err(ProofError::BadRange);
    }
    let (from, to) = climb(0, old, new, old_root, proof)?;
    if from == *old_root { Ok(to) } else { Err(ProofError::WrongHash) }
}

/// Checks that the leaf with hash `leaf` stands at `index` in the tree of `size` leaves (RFC 9162 §2.1.3.2).
///
/// # Errors
/// Why the proof does not hold.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &TreeHash,
    root: &TreeHash,
    proof: &[TreeHash],
) -> Result<(), ProofError> {
    let end = index.checked_add(1).ok_or(ProofError::BadRange)?;
    verify_subtree(index, end, size, leaf, root, proof)
}

/// Checks that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 9162 §2.1.4.2).
/// An empty old tree is a prefix of every tree; its proof is empty.
///
/// # Errors
/// Why the proof does not hold.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &TreeHash,
    new_root: &TreeHash,
    proof: &[TreeHash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::BadRange);
    }
    if old == new || old == 0 {
        if !proof.is_empty() {
            return Err(ProofError::WrongLength);
        }
        let same = old != new || old_root == new_root;
        let nothing = old > 0 || *old_root == empty_root();
        return if same && nothing { Ok(()) } else { Err(ProofError::WrongHash) };
    }
    verify_subtree(0, old, new, old_root, new_root, proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight leaves of the Certificate Transparency test tree.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    struct Leaves(Vec<TreeHash>);

    impl Nodes for Leaves {
        type Error = core::convert::Infallible;
        fn node(&self, level: u32, index: u64) -> Result<TreeHash, Self::Error> {
            let width = 1usize << level;
            let start = usize::try_from(index).unwrap() * width;
            Ok(mth(&self.0[start..start + width]))
        }
    }

    /// RFC 6962 §2.1, literally.
    fn mth(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                node_hash(&mth(&many[..k]), &mth(&many[k..]))
            }
        }
    }

    fn leaves(n: usize) -> Leaves {
        Leaves((0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect())
    }

    #[test]
    fn roots_of_the_certificate_transparency_tree_are_the_known_ones() {
        let known = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in LEAVES.iter().zip(known) {
            frontier.append(leaf_hash(leaf), |_, _, _| {});
            assert_eq!(frontier.root().to_string(), root);
        }
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other_length_or_hash_does() {
        let all = leaves(70);
        for size in 1..=70u64 {
            let root = range_hash(&all, 0, size).unwrap();
            assert_eq!(root, mth(&all.0[..usize::try_from(size).unwrap()]));
            for index in 0..size {
                let leaf = all.0[usize::try_from(index).unwrap()];
                let proof = inclusion_proof(&all, index, size).unwrap();
                verify_inclusion(index, size, &leaf, &root, &proof).unwrap();
                assert!(verify_inclusion(index, size, &root, &leaf, &proof).is_err() || size == 1);
                let mut longer = proof.clone();
                longer.push(root);
                assert!(verify_inclusion(index, size, &leaf, &root, &longer).is_err());
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(verify_inclusion(index, size, &leaf, &root, shorter).is_err());
                }
            }
            assert_eq!(verify_inclusion(size, size, &root, &root, &[]), Err(ProofError::BadRange));
            for old in 0..=size {
                let old_root = range_hash(&all, 0, old).unwrap();
                let proof = consistency_proof(&all, old, size).unwrap();
                verify_consistency(old, size, &old_root, &root, &proof).unwrap();
                let mut longer = proof.clone();
                longer.push(root);
                assert!(verify_consistency(old, size, &old_root, &root, &longer).is_err());
                assert!(verify_consistency(old, size, &leaf_hash(b"other"), &root, &proof).is_err());
            }
        }
    }

    #[test]
    fn completed_nodes_are_told_once_with_the_hash_of_their_range() {
        let all = leaves(33);
        let mut frontier = Frontier::default();
        let mut told = std::collections::BTreeMap::new();
        for leaf in &all.0 {
            frontier.append(*leaf, |level, index, hash| assert!(told.insert((level, index), hash).is_none()));
        }
        assert_eq!(told.len(), 16 + 8 + 4 + 2 + 1);
        for ((level, index), hash) in told {
            assert_eq!(hash, all.node(level, index).unwrap());
        }
    }
}
