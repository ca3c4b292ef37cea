//! Cosignatures: that witnesses saw a checkpoint, and when (C2SP tlog-cosignature); what a log sends to a witness and what
//! it gets back (C2SP tlog-witness).

use core::fmt;

use crate::checkpoint::parse_decimal;
use crate::hash::TreeHash;
use crate::limits::{NOTE_BYTES_MAX, PROOF_HASHES_MAX};
use crate::note::{
    ED25519_COSIGNATURE, Note, NoteError, SignatureLine, VerifierKey, decode_base64, encode_base64, parse_line,
    signature_line,
};

/// Content type of the answer of a witness that saw another size.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// The bytes that a witness signs: a header, the time in seconds since the Unix epoch, the text of the checkpoint.
#[must_use]
pub fn cosigned_bytes(time: u64, checkpoint_text: &[u8]) -> Vec<u8> {
    [format!("cosignature/v1\ntime {time}\n").as_bytes(), checkpoint_text].concat()
}

/// Whether `time` may stand in the cosignature of a checkpoint: from 1 to 2^63-1.
#[must_use]
pub fn time_is_valid(time: u64) -> bool {
    time > 0 && i64::try_from(time).is_ok()
}

/// The line that carries a cosignature.
#[must_use]
pub fn cosignature_line(key: &VerifierKey, time: u64, signature: &[u8; 64]) -> String {
    signature_line(key.name(), key.id(), &[&time.to_be_bytes()[..], signature].concat())
}

/// That a witness had seen a checkpoint, and none larger that contradicts it, at a time. Only [`cosignatures`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    key: VerifierKey,
    time: u64,
}

impl Cosignature {
    /// The witness.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// When, in seconds since the Unix epoch by the witness's clock.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }
}

/// The cosignatures by `witnesses` under a checkpoint: for each public key the newest, whatever names it goes by. Lines by
/// others are passed over, and so are times after `not_after` (a clock that runs ahead), where that is given.
///
/// # Errors
/// [`NoteError::BadSignature`] when a line by one of them does not verify; the whole note is worthless then.
pub fn cosignatures(
    note: &Note,
    witnesses: &[VerifierKey],
    not_after: Option<u64>,
) -> Result<Vec<Cosignature>, NoteError> {
    let mut found: Vec<Cosignature> = Vec::new();
    for key in witnesses.iter().filter(|key| key.kind() == ED25519_COSIGNATURE) {
        for signature in note.signatures_by(key) {
            if !key.verifies(note.unverified_text().as_bytes(), signature) {
                return Err(NoteError::BadSignature { name: key.name().to_owned() });
            }
            let time = signature.first_chunk().map_or(0, |time| u64::from_be_bytes(*time));
            if not_after.is_some_and(|limit| time > limit) {
                continue;
            }
            match found.iter_mut().find(|known| known.key.public() == key.public()) {
                Some(known) => known.time = known.time.max(time),
                None => found.push(Cosignature { key: key.clone(), time }),
            }
        }
    }
    Ok(found)
}

/// What a log sends to a witness: the size that the witness saw last, the proof that leads from it, the new checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size that the witness cosigned last; 0 for the first time.
    pub old: u64,
    /// RFC 6962 consistency proof from there; empty for 0.
    pub proof: Vec<TreeHash>,
    /// The signed checkpoint, as it is.
    pub checkpoint: String,
}

impl AddCheckpoint {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// What makes the bytes no such request (a witness answers 400).
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        use NoteError::Malformed;
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(Malformed("larger than a megabyte"));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| Malformed("not UTF-8"))?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Malformed("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(parse_decimal);
        let old = old.ok_or(Malformed("no `old` line with a decimal number"))?;
        let hash = |line| decode_base64(line).and_then(|hash| hash.try_into().ok()).map(TreeHash);
        let proof: Option<Vec<_>> = lines.map(hash).collect();
        let proof = proof.ok_or(Malformed("a hash is not 32 bytes in base64"))?;
        if proof.len() > PROOF_HASHES_MAX {
            return Err(Malformed("more than 63 hashes"));
        }
        Ok(Self { old, proof, checkpoint: checkpoint.to_owned() })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", encode_base64(&hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What a witness answered, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Signature lines, to be handed to [`add_cosignatures`].
    Cosigned(String),
    /// The witness cosigned this size last: prove from there and ask again.
    LastSeen(u64),
    /// It will not; the status says why.
    Refused(u16),
}

impl Answer {
    /// Reads status, content type and body of an answer to [`AddCheckpoint`].
    ///
    /// # Errors
    /// When a witness does not answer like this.
    pub fn parse(status: u16, content_type: &str, body: &[u8]) -> Result<Self, NoteError> {
        let lines = || {
            let text = core::str::from_utf8(body).map_err(|_| NoteError::Malformed("the answer is not UTF-8"))?;
            text.strip_suffix('\n').ok_or(NoteError::Malformed("no line feed at the end of the answer"))
        };
        match status {
            200 => {
                let text = lines()?;
                for line in text.split('\n') {
                    parse_line(line)?;
                }
                Ok(Self::Cosigned(format!("{text}\n")))
            }
            409 if content_type == SIZE_CONTENT_TYPE => {
                let size = parse_decimal(lines()?).ok_or(NoteError::Malformed("the size is no decimal number"))?;
                Ok(Self::LastSeen(size))
            }
            other => Ok(Self::Refused(other)),
        }
    }
}

/// A signed checkpoint with the cosignatures that a witness answered with. Lines by other keys than `witnesses`, and lines
/// that are there already, are left out.
///
/// # Errors
/// When no line is by one of them, or one of theirs does not verify: the answer is then worthless.
pub fn add_cosignatures(checkpoint: &str, lines: &str, witnesses: &[VerifierKey]) -> Result<String, NoteError> {
    let cosigners = || witnesses.iter().filter(|key| key.kind() == ED25519_COSIGNATURE);
    let text = Note::parse(checkpoint.as_bytes())?.unverified_text().to_owned();
    let mut with = checkpoint.to_owned();
    let mut known = false;
    for line in lines.lines() {
        let SignatureLine { name, id, signature } = parse_line(line)?;
        let Some(key) = cosigners().find(|key| key.name() == name && key.id() == id) else { continue };
        if !key.verifies(text.as_bytes(), &signature) {
            return Err(NoteError::BadSignature { name });
        }
        known = true;
        let line = signature_line(&name, id, &signature);
        if !with.contains(&line) {
            with.push_str(&line);
        }
    }
    if !known {
        return Err(NoteError::NotSigned);
    }
    Note::parse(with.as_bytes())?;
    Ok(with)
}
