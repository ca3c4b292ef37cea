//! Checkpoints: origin, size and root of a log, signed (C2SP tlog-checkpoint).

use crate::hash::TreeHash;
use crate::note::{ED25519, Note, NoteError, VerifierKey, decode_base64, encode_base64};
use crate::tree::empty_root;

/// Origin, size and root: what a checkpoint says, not who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: TreeHash,
}

/// A checkpoint whose signature was checked. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
}

impl core::ops::Deref for VerifiedCheckpoint {
    type Target = Checkpoint;
    fn deref(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encode_base64(&self.root.0))
    }

    /// Reads the text of a checkpoint. Extension lines are passed over.
    ///
    /// # Errors
    /// What makes the text no checkpoint.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Malformed("no line feed at the end"))?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Malformed("a checkpoint has at least three lines"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(NoteError::Malformed("an empty line in the checkpoint"));
        }
        let size = parse_decimal(size).ok_or(NoteError::Malformed("the size is no decimal number below 2^63"))?;
        let root = decode_base64(root).and_then(|root| root.try_into().ok());
        let root = TreeHash(root.ok_or(NoteError::Malformed("the root is not 32 bytes in base64"))?);
        if size == 0 && root != empty_root() {
            return Err(NoteError::Malformed("a tree of no entries has another root"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// Reads a decimal number as the C2SP texts write it: digits only, no leading zero, below 2^63.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text && i64::try_from(number).is_ok()).then_some(number)
}

/// Reads a signed checkpoint and checks that one of `keys` signed it, as a log: a cosignature alone is not enough.
///
/// # Errors
/// What makes the bytes no checkpoint, or whose signature is missing or bad.
pub fn verify(note: &[u8], keys: &[VerifierKey]) -> Result<VerifiedCheckpoint, NoteError> {
    verify_note(&Note::parse(note)?, keys)
}

/// As [`verify`], of a note that was read before.
pub(crate) fn verify_note(note: &Note, keys: &[VerifierKey]) -> Result<VerifiedCheckpoint, NoteError> {
    let checkpoint = Checkpoint::parse(note.verify(keys)?)?;
    // A witness vouches for what it saw; only a log's own signature makes the checkpoint the log's.
    let mut logs = keys.iter().filter(|key| key.kind() == ED25519);
    if logs.any(|key| note.signatures_by(key).next().is_some()) {
        Ok(VerifiedCheckpoint { checkpoint })
    } else {
        Err(NoteError::NotSigned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
    const NOTE: &str = "example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n\n— example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n";

    #[test]
    fn a_known_checkpoint_verifies_and_prints_as_it_was_read() {
        let checkpoint = verify(NOTE.as_bytes(), &[VerifierKey::parse(KEY).unwrap()]).unwrap();
        assert_eq!(checkpoint.size, 15);
        assert!(NOTE.starts_with(&checkpoint.text()));
    }

    #[test]
    fn every_other_spelling_of_size_and_root_is_refused() {
        let good = "o\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n";
        assert!(Checkpoint::parse(good).is_ok());
        assert!(Checkpoint::parse(&format!("{good}extension\n")).is_ok());
        for bad in [
            good.replace("15", "015"),
            good.replace("15", "+15"),
            good.replace("15", "9223372036854775808"),
            good.replace("15", ""),
            good.replace("15", "-1"),
            good.replace("83cs=", "83ct="),
            good.replace("83cs=", "83cs"),
            good.replace("rKbD", ""),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            good.replace("o\n15", "\n15"),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
