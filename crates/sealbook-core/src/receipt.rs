//! COSE receipts (RFC 9942): that an entry is in a tree, or that a tree continues another, under one signature over the root.
//!
//! A receipt carries index and size outside the signature, and a root does not commit to a size: one receipt verifies
//! with several pairs of them. So nothing here tells them: [`SignedEntry::at`] and [`SignedGrowth::between`] give them
//! only together with signed checkpoints of the same roots.

mod strict;
mod write;

pub use write::UnsignedReceipt;

use crate::cbor::{DecodeError, Reader, Writer};
use crate::checkpoint::VerifiedCheckpoint;
use crate::hash::TreeHash;
use crate::limits::{PROOF_HASHES_MAX, RECEIPT_BYTES_MAX};
use crate::note::{ED25519, NoteError, VerifierKey};
use crate::proof::IncludedEntry;
use crate::tree::{ProofError, consistency_root, inclusion_root, leaf_hash, verify_consistency};

/// Media type of a receipt.
pub const MEDIA_TYPE: &str = "application/scitt-receipt+cose";
/// Suffix of a receipt's file.
pub const SUFFIX: &str = "receipt";

/// COSE algorithm EdDSA (RFC 9053 §2.2), which receipts are written with.
const EDDSA: i64 = -8;
/// COSE algorithm Ed25519 (RFC 9864), which is the same signature.
const ED25519_ALGORITHM: i64 = -19;
/// Tag of COSE_Sign1 (RFC 9052 §4.2).
const COSE_SIGN1: u64 = 18;
/// Verifiable data structure RFC9162_SHA256 (RFC 9942).
const RFC9162_SHA256: i64 = 1;

/// Header labels, as they are encoded: strict bytes have one spelling of each.
mod label {
    pub(super) const ALGORITHM: &[u8] = &[1];
    pub(super) const CRITICAL: &[u8] = &[2];
    pub(super) const KEY_ID: &[u8] = &[4];
    pub(super) const CLAIMS: &[u8] = &[15];
    pub(super) const STRUCTURE: &[u8] = &[0x19, 0x01, 0x8b];
    pub(super) const PROOFS: &[u8] = &[0x19, 0x01, 0x8c];
    pub(super) const INCLUSION: &[u8] = &[0x20];
    pub(super) const CONSISTENCY: &[u8] = &[0x21];
    pub(super) const UNDERSTOOD: [&[u8]; 5] = [ALGORITHM, CRITICAL, KEY_ID, CLAIMS, STRUCTURE];
}

/// Why a receipt is not written, or does not show what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// The bytes are no receipt in strict encoding.
    Malformed(String),
    /// The proof does not fit, or leads elsewhere.
    Proof(ProofError),
    /// No given key signed the root that the proof leads to. With the wrong entry the root is another one.
    NotSigned,
    /// The checkpoint is not one of this root, size and ledger.
    Unbound(&'static str),
    /// The checkpoint that a receipt should repeat cannot be believed.
    Checkpoint(NoteError),
}

impl core::fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed receipt: {why}"),
            Self::Proof(error) => write!(f, "the receipt does not prove: {error}"),
            Self::NotSigned => f.write_str("no given key signed the root that entry and receipt lead to"),
            Self::Unbound(why) => write!(f, "the checkpoint does not go with the receipt: {why}"),
            Self::Checkpoint(error) => write!(f, "checkpoint: {error}"),
        }
    }
}

impl std::error::Error for ReceiptError {}

impl From<DecodeError> for ReceiptError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

fn malformed<T>(why: &str) -> Result<T, ReceiptError> {
    Err(ReceiptError::Malformed(why.to_owned()))
}

/// Two numbers and hashes: size and index of an inclusion proof, old and new size of a consistency proof.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    first: u64,
    second: u64,
    hashes: Vec<TreeHash>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    Inclusion(Path),
    Consistency(Path),
}

/// A receipt that was read, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    protected: Vec<u8>,
    claims: Claims,
    proof: Proof,
    signature: Vec<u8>,
}

/// Who says it about whom (CWT claims `iss` and `sub`, RFC 8392), under the signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Issuer: the origin of the ledger.
    pub issuer: Option<String>,
    /// Subject of the entry.
    pub subject: Option<String>,
}

/// That an entry is in some tree whose root was signed. Where, and in how large a tree, [`Self::at`] tells.
/// Only [`Receipt::verify_inclusion`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEntry {
    root: TreeHash,
    key: VerifierKey,
    claims: Claims,
    leaf: TreeHash,
    path: Path,
}

impl SignedEntry {
    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.root
    }

    /// The key that signed it.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Issuer and subject, as signed.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Index and tree size, once a signed checkpoint of the same ledger and root says how large the tree is.
    ///
    /// # Errors
    /// When the checkpoint is of another ledger, root or size, or the receipt's index does not lead to it.
    pub fn at(&self, checkpoint: &VerifiedCheckpoint) -> Result<IncludedEntry, ReceiptError> {
        bind(&self.key, &self.root, self.path.first, checkpoint)?;
        IncludedEntry::new(self.path.second, &self.leaf, &self.path.hashes, checkpoint.clone())
            .map_err(ReceiptError::Proof)
    }
}

/// That a tree whose root was signed continues another. How large both are, [`Self::between`] tells.
/// Only [`Receipt::verify_consistency`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedGrowth {
    old_root: TreeHash,
    root: TreeHash,
    key: VerifierKey,
    path: Path,
}

impl SignedGrowth {
    /// Root of the newer tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.root
    }

    /// The key that signed it.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Both sizes, once signed checkpoints of the same roots say how large the trees are.
    ///
    /// # Errors
    /// When a checkpoint is of another ledger, root or size.
    pub fn between(&self, old: &VerifiedCheckpoint, new: &VerifiedCheckpoint) -> Result<(u64, u64), ReceiptError> {
        bind(&self.key, &self.old_root, self.path.first, old)?;
        bind(&self.key, &self.root, self.path.second, new)?;
        verify_consistency(old.size, new.size, &old.root, &new.root, &self.path.hashes).map_err(ReceiptError::Proof)?;
        Ok((old.size, new.size))
    }
}

fn bind(key: &VerifierKey, root: &TreeHash, size: u64, checkpoint: &VerifiedCheckpoint) -> Result<(), ReceiptError> {
    if checkpoint.origin != key.name() {
        Err(ReceiptError::Unbound("it is of another ledger than the key"))
    } else if checkpoint.root != *root {
        Err(ReceiptError::Unbound("it is of another tree"))
    } else if checkpoint.size != size {
        Err(ReceiptError::Unbound("the receipt names another size for the same root, so it was changed"))
    } else {
        Ok(())
    }
}

impl Receipt {
    /// Reads a receipt strictly.
    ///
    /// # Errors
    /// What makes the bytes no receipt of this tree in strict encoding.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return malformed("larger than 64 KiB");
        }
        strict::check(bytes).or_else(malformed)?;
        let mut r = Reader::new(bytes);
        if r.tag()? != COSE_SIGN1 || r.array()? != 4 {
            return malformed("no COSE_Sign1 with its tag");
        }
        let protected = r.bytes()?;
        strict::check(protected).or_else(malformed)?;
        let (claims, labels) = read_protected(protected)?;
        let proof = read_unprotected(&mut r, &labels)?;
        if !r.null()? {
            return malformed("the payload is attached: it must be computed from the entry instead");
        }
        let signature = r.bytes()?.to_owned();
        Ok(Self { protected: protected.to_owned(), claims, proof, signature })
    }

    /// Checks that `entry` is in a tree whose root one of `keys` signed.
    ///
    /// # Errors
    /// Why that is not shown.
    pub fn verify_inclusion(&self, entry: &[u8], keys: &[VerifierKey]) -> Result<SignedEntry, ReceiptError> {
        let Proof::Inclusion(path) = &self.proof else {
            return malformed("this is a consistency receipt: it speaks of no entry");
        };
        let leaf = leaf_hash(entry);
        let root = inclusion_root(path.second, path.first, &leaf, &path.hashes).map_err(ReceiptError::Proof)?;
        let key = self.signer(&root, keys)?;
        Ok(SignedEntry { root, key, claims: self.claims.clone(), leaf, path: path.clone() })
    }

    /// Checks that the tree with `old_root` is the beginning of one whose root one of `keys` signed.
    ///
    /// # Errors
    /// Why that is not shown.
    pub fn verify_consistency(&self, old_root: &TreeHash, keys: &[VerifierKey]) -> Result<SignedGrowth, ReceiptError> {
        let Proof::Consistency(path) = &self.proof else {
            return malformed("this is an inclusion receipt: it speaks of no older tree");
        };
        let root = consistency_root(path.first, path.second, old_root, &path.hashes).map_err(ReceiptError::Proof)?;
        let key = self.signer(&root, keys)?;
        Ok(SignedGrowth { old_root: *old_root, root, key, path: path.clone() })
    }

    fn signer(&self, root: &TreeHash, keys: &[VerifierKey]) -> Result<VerifierKey, ReceiptError> {
        let message = signed_bytes(&self.protected, root);
        let mut logs = keys.iter().filter(|key| key.kind() == ED25519);
        logs.find(|key| key.verifies(&message, &self.signature)).cloned().ok_or(ReceiptError::NotSigned)
    }
}

/// `Sig_structure` of RFC 9052 §4.4 with the root as the payload. Its first byte begins no UTF-8 text, so that it can
/// be taken for no signed note, nor a note for it.
fn signed_bytes(protected: &[u8], root: &TreeHash) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(4);
    w.text("Signature1");
    w.bytes(protected);
    w.bytes(&[]);
    w.bytes(&root.0);
    w.into_bytes()
}

fn read_protected(bytes: &[u8]) -> Result<(Claims, Vec<&[u8]>), ReceiptError> {
    let mut r = Reader::new(bytes);
    let (mut algorithm, mut structure, mut claims, mut labels) = (None, None, Claims::default(), Vec::new());
    for _ in 0..r.map()? {
        let found = r.skip()?;
        labels.push(found);
        match found {
            label::ALGORITHM => algorithm = Some(r.int()?),
            label::STRUCTURE => structure = Some(r.int()?),
            label::CLAIMS => claims = read_claims(&mut r)?,
            label::CRITICAL => {
                for _ in 0..r.array()? {
                    if !label::UNDERSTOOD.contains(&r.skip()?) {
                        return malformed("it has a critical header that is not known here");
                    }
                }
            }
            _ => {
                r.skip()?;
            }
        }
    }
    if !matches!(algorithm, Some(EDDSA | ED25519_ALGORITHM)) {
        return malformed("the protected header does not name EdDSA (-8) or Ed25519 (-19)");
    }
    if structure != Some(RFC9162_SHA256) {
        return malformed("the protected header does not name the tree RFC9162_SHA256");
    }
    Ok((claims, labels))
}

fn read_claims(r: &mut Reader<'_>) -> Result<Claims, ReceiptError> {
    let mut claims = Claims::default();
    for _ in 0..r.map()? {
        match r.skip()? {
            [1] => claims.issuer = Some(r.text()?.to_owned()),
            [2] => claims.subject = Some(r.text()?.to_owned()),
            _ => {
                r.skip()?;
            }
        }
    }
    Ok(claims)
}

fn read_unprotected(r: &mut Reader<'_>, protected: &[&[u8]]) -> Result<Proof, ReceiptError> {
    let mut proof = None;
    for _ in 0..r.map()? {
        let found = r.skip()?;
        if found == label::STRUCTURE || protected.contains(&found) {
            return malformed("a header that must be under the signature is outside it");
        }
        if found == label::PROOFS {
            proof = Some(read_proofs(r)?);
        } else {
            r.skip()?;
        }
    }
    proof.map_or_else(|| malformed("it holds no proof"), Ok)
}

fn read_proofs(r: &mut Reader<'_>) -> Result<Proof, ReceiptError> {
    if r.map()? != 1 {
        return malformed("expected one kind of proof");
    }
    let kind = r.skip()?;
    if r.array()? != 1 {
        return malformed("expected one proof");
    }
    let path = read_path(r.bytes()?)?;
    match kind {
        label::INCLUSION => Ok(Proof::Inclusion(path)),
        label::CONSISTENCY => Ok(Proof::Consistency(path)),
        _ => malformed("a kind of proof that is not known here"),
    }
}

fn read_path(bytes: &[u8]) -> Result<Path, ReceiptError> {
    strict::check(bytes).or_else(malformed)?;
    let mut r = Reader::new(bytes);
    if r.array()? != 3 {
        return malformed("a proof has three parts");
    }
    let (first, second) = (r.uint()?, r.uint()?);
    let count = r.array()?;
    if count == 0 {
        return malformed("the path is empty: a tree of one entry has no receipt");
    }
    if count > PROOF_HASHES_MAX as u64 {
        return malformed("the path has more than 63 hashes");
    }
    let hashes = (0..count).map(|_| r.array_of().map(TreeHash)).collect::<Result<_, _>>()?;
    Ok(Path { first, second, hashes })
}
