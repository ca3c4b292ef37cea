//! Proof files: that one entry is in a log, checkable offline (C2SP tlog-proof).

use crate::checkpoint::{VerifiedCheckpoint, parse_decimal, verify as verify_checkpoint};
use crate::hash::TreeHash;
use crate::limits::{NOTE_BYTES_MAX, PROOF_HASHES_MAX};
use crate::note::{NoteError, VerifierKey, decode_base64, encode_base64};
use crate::tree::{ProofError, leaf_hash, verify_inclusion};

/// First line of a proof file.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A proof that was read, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Index of the entry.
    pub index: u64,
    /// Hashes, leaf sibling first.
    pub hashes: Vec<TreeHash>,
    /// The signed checkpoint, as it is.
    pub checkpoint: String,
}

/// Why a proof file does not prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlogProofError {
    /// The bytes are no proof file.
    Malformed(&'static str),
    /// The checkpoint cannot be believed.
    Checkpoint(NoteError),
    /// The entry is not where the proof says.
    NotIncluded(ProofError),
}

impl core::fmt::Display for TlogProofError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed tlog-proof: {why}"),
            Self::Checkpoint(error) => write!(f, "checkpoint: {error}"),
            Self::NotIncluded(error) => write!(f, "the entry is not proven: {error}"),
        }
    }
}

impl std::error::Error for TlogProofError {}

/// That an entry stands at an index of a signed tree. Only [`TlogProof::verify`], [`TlogProof::verify_in`] and
/// [`crate::receipt::SignedEntry::at`] make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludedEntry {
    index: u64,
    checkpoint: VerifiedCheckpoint,
}

impl IncludedEntry {
    /// Checks that the leaf is at `index` of the checkpoint's tree.
    pub(crate) fn new(
        index: u64,
        leaf: &TreeHash,
        hashes: &[TreeHash],
        checkpoint: VerifiedCheckpoint,
    ) -> Result<Self, ProofError> {
        verify_inclusion(index, checkpoint.size, leaf, &checkpoint.root, hashes)?;
        Ok(Self { index, checkpoint })
    }

    /// Index of the entry.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint that it was proven against.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}

impl TlogProof {
    /// Reads a proof file.
    ///
    /// # Errors
    /// What makes the bytes no proof file.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        use TlogProofError::Malformed;
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(Malformed("larger than a megabyte"));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| Malformed("not UTF-8"))?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Malformed("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(Malformed("the first line is not c2sp.org/tlog-proof@v1"));
        }
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            let extra = extra.strip_prefix("extra ").and_then(decode_base64);
            extra.ok_or(Malformed("the extra line is not base64"))?;
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let index = index.ok_or(Malformed("no `index` line with a decimal number"))?;
        let hash = |line| decode_base64(line).and_then(|hash| hash.try_into().ok()).map(TreeHash);
        let hashes: Option<Vec<_>> = lines.map(hash).collect();
        let hashes = hashes.ok_or(Malformed("a hash is not 32 bytes in base64"))?;
        if hashes.len() > PROOF_HASHES_MAX {
            return Err(Malformed("more than 63 hashes"));
        }
        Ok(Self { index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that `entry` is at the proof's index in a tree that one of `keys` signed.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, entry: &[u8], keys: &[VerifierKey]) -> Result<IncludedEntry, TlogProofError> {
        let checkpoint = verify_checkpoint(self.checkpoint.as_bytes(), keys).map_err(TlogProofError::Checkpoint)?;
        self.verify_in(entry, checkpoint)
    }

    /// Checks that `entry` is at the proof's index in the tree of a checkpoint that was believed already, for example
    /// because enough witnesses cosigned it ([`crate::policy`]).
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify_in(&self, entry: &[u8], checkpoint: VerifiedCheckpoint) -> Result<IncludedEntry, TlogProofError> {
        IncludedEntry::new(self.index, &leaf_hash(entry), &self.hashes, checkpoint).map_err(TlogProofError::NotIncluded)
    }
}

impl core::fmt::Display for TlogProof {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{HEADER}\nindex {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", encode_base64(&hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
