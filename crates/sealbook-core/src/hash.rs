//! Digests: what each is called, and the domain that separates it from every other.

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt as _, hash_derive_key_context};
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

/// Keys that BLAKE3 derives from the contexts, once.
static CHAIN_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(CHAIN_CONTEXT));
static SEAL_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(SEAL_CONTEXT));

/// Chain value of an entry. The entry names its predecessor's value, so the bytes alone are enough.
#[must_use]
pub fn chain_value(entry: &[u8]) -> ChainValue {
    if is(Bug::ChainWithoutDomain) {
        return ChainValue(*blake3::hash(entry).as_bytes());
    }
    ChainValue(*blake3::Hasher::new_from_context_key(&CHAIN_KEY).update(entry).finalize().as_bytes())
}

/// Commitment to `value` of the field at `path`: BLAKE3 derive-key over salt, length of the path in two bytes
/// (big-endian), path, value.
#[must_use]
pub fn commitment(salt: &[u8; SALT_BYTES], path: &str, value: &[u8]) -> Commitment {
    let mut hasher = blake3::Hasher::new_from_context_key(&SEAL_KEY);
    hasher.update(salt);
    hasher.update(&u16::try_from(path.len()).unwrap_or(u16::MAX).to_be_bytes());
    if !is(Bug::CommitmentWithoutPath) {
        hasher.update(path.as_bytes());
    }
    hasher.update(value);
    Commitment(*hasher.finalize().as_bytes())
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
