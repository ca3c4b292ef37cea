//! The rules: the bytes of events and entries, chain, tree, proofs, notes and checkpoints, and the checks of all these.
//!
//! Takes: bytes and values.
//! Gives: bytes, digests, and verified values that nobody else can construct.
//! Never: reads a file, a clock or randomness, holds a private key, waits.
//! Next:  `sealbook-disk`.

pub mod cbor;
pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod event;
pub mod hash;
pub mod limits;
pub mod note;
pub mod pack;
pub mod planted;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod record;
pub mod segment;
pub mod tile;
pub mod time;
pub mod tree;
pub mod view;
pub mod words;
