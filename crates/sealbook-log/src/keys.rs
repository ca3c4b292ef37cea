//! The signing key of a log: made, kept in a private file, used for checkpoints and nothing else.

use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey};
use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::note::{ED25519, VerifierKey, decode_base64, encode_base64, signature_line};
use sealbook_core::receipt::UnsignedReceipt;
use sealbook_core::segment::Commit;
use sealbook_disk::{World, read_file, replace_file};
use zeroize::Zeroizing;

use crate::error::LogError;
use crate::layout::Layout;
use crate::lookup::Secret;
use crate::ring::Ring;

/// Context of the key that seals commits, which is derived from the signing key.
const SEAL_CONTEXT: &str = "sealbook 2026-11 writer's seal v1: key";
const PREFIX: &str = "PRIVATE+KEY+";
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The private key of a log. Its name is the origin of the log.
#[derive(Clone)]
pub struct LogKey {
    key: SigningKey,
    verifier: VerifierKey,
}

impl core::fmt::Debug for LogKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "LogKey({})", self.verifier)
    }
}

impl LogKey {
    pub(crate) fn generate(world: &World, origin: &str) -> Result<Self, LogError> {
        let mut seed = Zeroizing::new([0; 32]);
        world.entropy.fill(seed.as_mut()).map_err(LogError::io("random bytes"))?;
        Self::from_seed(&seed, origin)
            .ok_or(LogError::BadOrigin { origin: origin.to_owned(), why: "a name has no white space and no plus sign" })
    }

    fn from_seed(seed: &[u8; 32], origin: &str) -> Option<Self> {
        let key = SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(origin, key.verifying_key().as_bytes()).ok()?;
        Some(Self { key, verifier })
    }

    /// Reads the key of a ledger.
    ///
    /// # Errors
    /// When the file is missing or is no key.
    pub fn load(world: &World, layout: &Layout) -> Result<Self, LogError> {
        Self::load_from(world, layout.signing_key())
    }

    /// The key that was made to take over, if the change was not finished.
    pub(crate) fn load_next(world: &World, layout: &Layout) -> Result<Option<Self>, LogError> {
        let path = layout.next_key();
        if world.disk.exists(&path) { Self::load_from(world, path).map(Some) } else { Ok(None) }
    }

    fn load_from(world: &World, path: PathBuf) -> Result<Self, LogError> {
        let bytes = read_file(&*world.disk, &path, KEY_FILE_BYTES_MAX).map_err(LogError::io(&path))?;
        let bytes = Zeroizing::new(bytes);
        let parsed = core::str::from_utf8(&bytes).ok().and_then(|text| Self::parse(text.trim_end()));
        parsed.ok_or(LogError::BadKey { path, detail: "is no Ed25519 signing key in note format".to_owned() })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.splitn(3, '+');
        let (name, id, typed) = (parts.next()?, parts.next()?, parts.next()?);
        let typed = Zeroizing::new(decode_base64(typed)?);
        let (kind, seed) = typed.split_first()?;
        let key = Self::from_seed(seed.try_into().ok()?, name)?;
        (*kind == ED25519 && sealbook_core::hash::hex(&key.verifier.id()) == id).then_some(key)
    }

    /// Writes the private half into a file that only its owner can read.
    pub(crate) fn store(&self, world: &World, path: &Path) -> Result<(), LogError> {
        let typed = Zeroizing::new([&[ED25519][..], self.key.as_bytes()].concat());
        let id = sealbook_core::hash::hex(&self.verifier.id());
        let text = Zeroizing::new(format!("{PREFIX}{}+{id}+{}\n", self.verifier.name(), encode_base64(&typed)));
        replace_file(&*world.disk, path, text.as_bytes(), true).map_err(LogError::io(path))
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a checkpoint. The caller answers for never asking this for two trees that contradict each other.
    pub(crate) fn sign(&self, checkpoint: &Checkpoint) -> [u8; 64] {
        self.key.sign(checkpoint.text().as_bytes()).to_bytes()
    }

    /// The seal of a commit: it tells the log's own batches from those that somebody else put behind them while the log
    /// was closed, before they are signed.
    pub(crate) fn seal(&self, commit: &Commit) -> [u8; 32] {
        let key = Zeroizing::new(blake3::derive_key(SEAL_CONTEXT, self.key.as_bytes()));
        *blake3::keyed_hash(&key, &commit.sealed_bytes()).as_bytes()
    }

    /// Signs a receipt; the bytes of the whole receipt. It says nothing that a checkpoint by this key has not said before.
    #[must_use]
    pub fn sign_receipt(&self, receipt: &UnsignedReceipt) -> Vec<u8> {
        receipt.signed(&self.key.sign(receipt.message()).to_bytes())
    }

    /// Signs the text of a note that is not a checkpoint, such as a pack's manifest; `text` ends in a line feed.
    #[must_use]
    pub fn sign_note(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        format!("{text}\n{}", signature_line(self.verifier.name(), self.verifier.id(), &signature))
    }
}

/// Puts a key and the public halves of all into their files; the key is then no longer the next one.
pub(crate) fn install(world: &World, layout: &Layout, key: &LogKey, ring: &Ring) -> Result<(), LogError> {
    key.store(world, &layout.signing_key())?;
    list(world, layout, ring)?;
    forget_next(world, layout)
}

/// Writes the list of the public keys, unless it is there: a crash may have come between a new key and the list.
pub(crate) fn list(world: &World, layout: &Layout, ring: &Ring) -> Result<(), LogError> {
    let (path, lines) = (layout.verifier_key(), ring.lines());
    if read_file(&*world.disk, &path, lines.len() as u64).is_ok_and(|listed| listed == lines.as_bytes()) {
        return Ok(());
    }
    replace_file(&*world.disk, &path, lines.as_bytes(), false).map_err(LogError::io(path))
}

/// Removes the file of a key that does not have to take over any more.
pub(crate) fn forget_next(world: &World, layout: &Layout) -> Result<(), LogError> {
    let path = layout.next_key();
    if world.disk.exists(&path) {
        world.disk.remove(&path).map_err(LogError::io(&path))?;
        world.disk.sync_dir(&layout.keys()).map_err(LogError::io(layout.keys()))?;
    }
    Ok(())
}

/// The secret of the lookup files; made where there is none.
pub(crate) fn lookup_secret(world: &World, layout: &Layout) -> Result<Secret, LogError> {
    let path = layout.lookup_secret();
    if world.disk.exists(&path) {
        let bytes = read_file(&*world.disk, &path, KEY_FILE_BYTES_MAX).map_err(LogError::io(&path))?;
        if let Ok(secret) = Secret::try_from(bytes.as_slice()) {
            return Ok(secret);
        }
    }
    let mut secret = Secret::default();
    world.entropy.fill(&mut secret).map_err(LogError::io("random bytes"))?;
    replace_file(&*world.disk, &path, &secret, true).map_err(LogError::io(path))?;
    Ok(secret)
}

/// A checkpoint with its signature, as a note.
pub(crate) fn signed_note(verifier: &VerifierKey, checkpoint: &Checkpoint, signature: &[u8; 64]) -> String {
    format!("{}\n{}", checkpoint.text(), signature_line(verifier.name(), verifier.id(), signature))
}
