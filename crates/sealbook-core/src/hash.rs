//! Digests: what each is called, and the domain that separates it from every other.

use std::cell::RefCell;

use blake3::Hasher;
use blake3::hazmat::{HasherExt as _, hash_derive_key_context};
use sha2::{Digest as _, Sha256};

use crate::planted::{Bug, is};

/// Context of the chain value (BLAKE3 derive-key mode). Changing it is a new format.
pub const CHAIN_CONTEXT: &str = "sealbook 2026-11 chain v1: value of an entry";
/// Context of the commitment to a sealed value (BLAKE3 derive-key mode).
pub const SEAL_CONTEXT: &str = "sealbook 2026-11 seal v1: salt, field path, value";

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

digest! {
    /// Value of an entry in the hash chain; all zeros before the first.
    ChainValue
}
digest! {
    /// Node of the Merkle tree (RFC 6962 §2.1), a leaf or a root among them.
    TreeHash
}
digest! {
    /// Salted commitment to a sealed value.
    Commitment
}

thread_local! {
    // One for all entries: a hasher has nearly 2 KiB, and to make one takes longer than a block.
    static CHAIN: RefCell<Hasher> = RefCell::new(derived_by(CHAIN_CONTEXT));
    static SEAL: RefCell<Hasher> = RefCell::new(derived_by(SEAL_CONTEXT));
}

fn derived_by(context: &str) -> Hasher {
    Hasher::new_from_context_key(&hash_derive_key_context(context))
}

/// What `hasher` gives for `input`; it is as before afterwards.
fn digest_with(hasher: &mut Hasher, input: &[&[u8]]) -> [u8; 32] {
    for part in input {
        hasher.update(part);
    }
    let digest = *hasher.finalize().as_bytes();
    hasher.reset();
    digest
}

/// Chain value of an entry. The entry names its predecessor's value, so the bytes alone are enough.
#[must_use]
pub fn chain_value(entry: &[u8]) -> ChainValue {
    if is(Bug::ChainWithoutDomain) {
        return ChainValue(*blake3::hash(entry).as_bytes());
    }
    ChainValue(CHAIN.with_borrow_mut(|hasher| digest_with(hasher, &[entry])))
}

/// Commitment to `value` of the field at `path`: BLAKE3 derive-key over salt, length of the path in two bytes
/// (big-endian), path, value.
#[must_use]
pub fn commitment(salt: &[u8; SALT_BYTES], path: &str, value: &[u8]) -> Commitment {
    let length = u16::try_from(path.len()).unwrap_or(u16::MAX).to_be_bytes();
    let path = if is(Bug::CommitmentWithoutPath) { &[] } else { path.as_bytes() };
    Commitment(SEAL.with_borrow_mut(|hasher| digest_with(hasher, &[salt, &length, path, value])))
}

/// Bytes of the salt of a sealed value.
pub const SALT_BYTES: usize = 16;

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
