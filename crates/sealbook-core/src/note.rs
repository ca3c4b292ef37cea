//! Signed notes: text, signatures, verifier keys (C2SP signed-note, Ed25519).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::cosignature::{cosigned_bytes, time_is_valid};
use crate::hash::{hex, sha256};
use crate::limits::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};

/// Signature type of an Ed25519 note signature.
pub const ED25519: u8 = 0x01;
/// Signature type of an Ed25519 timestamped cosignature (C2SP tlog-cosignature).
pub const ED25519_COSIGNATURE: u8 = 0x04;

/// Why a note or a key cannot be read or believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// The bytes are no signed note.
    Malformed(&'static str),
    /// The text is no verifier key.
    BadKey(&'static str),
    /// No signature is by a key that was given.
    NotSigned,
    /// A signature by a given key does not verify; the whole note is worthless then.
    BadSignature {
        /// Name of the key.
        name: String,
    },
}

impl core::fmt::Display for NoteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed signed note: {why}"),
            Self::BadKey(why) => write!(f, "not a verifier key: {why}"),
            Self::NotSigned => f.write_str("no signature by the given key"),
            Self::BadSignature { name } => write!(f, "the signature by {name} does not verify"),
        }
    }
}

impl std::error::Error for NoteError {}

/// Standard base64 with padding; every other spelling is refused.
#[must_use]
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Standard base64 with padding.
#[must_use]
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A key that checks signatures: name, key id, Ed25519 public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    kind: u8,
    key: VerifyingKey,
}

impl VerifierKey {
    /// A key for note signatures.
    ///
    /// # Errors
    /// When `name` cannot name a key, or the bytes are no public key.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        Self::of_kind(name, ED25519, public)
    }

    /// A key for cosignatures of checkpoints (C2SP tlog-cosignature).
    ///
    /// # Errors
    /// When `name` cannot name a key, or the bytes are no public key.
    pub fn cosigner(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        Self::of_kind(name, ED25519_COSIGNATURE, public)
    }

    fn of_kind(name: &str, kind: u8, public: &[u8; 32]) -> Result<Self, NoteError> {
        if !name_is_valid(name) {
            return Err(NoteError::BadKey("the name is empty, or has a space or a plus sign"));
        }
        let key = VerifyingKey::from_bytes(public).map_err(|_| NoteError::BadKey("not an Ed25519 public key"))?;
        Ok(Self { name: name.to_owned(), id: key_id(name, kind, public), kind, key })
    }

    /// Reads `name+hash+key`, for note signatures or for cosignatures.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::BadKey("expected name+hash+key"));
        };
        let bytes = decode_base64(key).ok_or(NoteError::BadKey("the key is not base64"))?;
        let Some((kind @ (&ED25519 | &ED25519_COSIGNATURE), public)) = bytes.split_first() else {
            return Err(NoteError::BadKey("the key is not of a known type"));
        };
        let public = public.try_into().map_err(|_| NoteError::BadKey("an Ed25519 key has 32 bytes"))?;
        let verifier = Self::of_kind(name, *kind, public)?;
        if hex(&verifier.id) != id {
            return Err(NoteError::BadKey("the hash does not belong to name and key"));
        }
        Ok(verifier)
    }

    /// Name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Key id.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Signature type: [`ED25519`] or [`ED25519_COSIGNATURE`].
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` (what follows the key id in a signature line) is this key's over `text`.
    #[must_use]
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let verify = |message: &[u8], signature: &[u8]| {
            Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
        };
        if self.kind == ED25519 {
            return verify(text, signature);
        }
        let Some((time, signature)) = signature.split_first_chunk::<8>() else {
            return false;
        };
        let time = u64::from_be_bytes(*time);
        time_is_valid(time) && verify(&cosigned_bytes(time, text), signature)
    }
}

/// Whether all of these signatures (key, text, signature) verify: half the work of one by one. False says that one of
/// them may not, or that a key is not fit for this; then each must be checked with [`VerifierKey::verifies`].
///
/// Only the holder of a key can make signatures that this takes and a check one by one does not (with points of small
/// order).
#[must_use]
pub fn verify_together<'a>(signed: impl Iterator<Item = (&'a VerifierKey, &'a [u8], &'a [u8; 64])>) -> bool {
    let (mut texts, mut signatures, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (key, text, signature) in signed {
        if key.kind != ED25519 || key.key.is_weak() {
            return false;
        }
        texts.push(text);
        signatures.push(Signature::from_bytes(signature));
        keys.push(key.key);
    }
    ed25519_dalek::verify_batch(&texts, &signatures, &keys).is_ok()
}

impl core::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut typed = vec![self.kind];
        typed.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(&self.id), encode_base64(&typed))
    }
}

/// Whether `name` may name a key: not empty, no white space, no plus sign.
#[must_use]
pub fn name_is_valid(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// Key id: the first four bytes of SHA-256 over name, line feed, type, public key.
#[must_use]
pub fn key_id(name: &str, kind: u8, public: &[u8]) -> [u8; 4] {
    let digest = sha256(&[name.as_bytes(), b"\n", &[kind], public].concat());
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The line that carries a signature.
#[must_use]
pub fn signature_line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    format!("\u{2014} {name} {}\n", encode_base64(&[&id, signature].concat()))
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignatureLine {
    pub(crate) name: String,
    pub(crate) id: [u8; 4],
    pub(crate) signature: Vec<u8>,
}

/// A signed note that was read, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Splits a note into its text and its signatures.
    ///
    /// # Errors
    /// What makes the bytes no signed note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Malformed("larger than a megabyte"));
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Malformed("a control character"));
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed("no blank line before the signatures"))?;
        let (text, rest) = note.split_at_checked(split + 1).ok_or(NoteError::Malformed("no text"))?;
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or(NoteError::Malformed("no line feed at the end"))?;
        let signatures = lines.split('\n').map(parse_line).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > NOTE_SIGNATURES_MAX {
            return Err(NoteError::Malformed("more than 100 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The signed text, without believing it.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// What follows the key id in every signature line under this key's name and id, not yet believed.
    pub fn signatures_by<'n>(&'n self, key: &'n VerifierKey) -> impl Iterator<Item = &'n [u8]> {
        let lines = self.signatures.iter().filter(|line| key.name == line.name && key.id == line.id);
        lines.map(|line| line.signature.as_slice())
    }

    /// The text, once at least one of `keys` has signed it and no signature by any of them is bad.
    /// Signatures by other keys are passed over.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`] or [`NoteError::BadSignature`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<&str, NoteError> {
        let mut signed = false;
        for key in keys {
            for signature in self.signatures_by(key) {
                if !key.verifies(self.text.as_bytes(), signature) {
                    return Err(NoteError::BadSignature { name: key.name.clone() });
                }
                signed = true;
            }
        }
        if signed { Ok(&self.text) } else { Err(NoteError::NotSigned) }
    }
}

/// Reads a signature line without its line feed.
pub(crate) fn parse_line(line: &str) -> Result<SignatureLine, NoteError> {
    const BAD: NoteError = NoteError::Malformed("a signature line is not `— name base64`");
    let (name, encoded) = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or(BAD)?;
    let bytes = decode_base64(encoded).ok_or(BAD)?;
    let (id, signature) = bytes.split_first_chunk::<4>().ok_or(BAD)?;
    if !name_is_valid(name) || signature.is_empty() {
        return Err(BAD);
    }
    Ok(SignatureLine { name: name.to_owned(), id: *id, signature: signature.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_known_note_verifies_and_its_key_prints_as_it_was_read() {
        let key = VerifierKey::parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        let note = Note::parse(NOTE.as_bytes()).unwrap();
        assert!(note.verify(&[key]).unwrap().ends_with("problem is.\n"));
    }

    #[test]
    fn every_mangling_of_a_key_is_refused() {
        for cut in 0..KEY.len() {
            assert!(VerifierKey::parse(&KEY[..cut]).is_err());
            for delta in [1u8, 255] {
                let mut bytes = KEY.as_bytes().to_vec();
                bytes[cut] = bytes[cut].wrapping_add(delta);
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(VerifierKey::parse(&text).is_err(), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_bad_signature_of_a_known_key_spoils_the_note_and_unknown_ones_do_not() {
        let key = VerifierKey::parse(KEY).unwrap();
        let grease = "— PeterNeumann AAAAAAECAwQ=\n— other.example/x AQIDBAUG\n";
        let note = Note::parse(format!("{NOTE}{grease}").as_bytes()).unwrap();
        assert!(note.verify(std::slice::from_ref(&key)).is_ok());
        let bad = NOTE.replace("problem is.", "problem was.");
        let bad = Note::parse(bad.as_bytes()).unwrap();
        assert_eq!(
            bad.verify(std::slice::from_ref(&key)),
            Err(NoteError::BadSignature { name: "PeterNeumann".into() })
        );
        let other =
            VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
        assert_eq!(Note::parse(NOTE.as_bytes()).unwrap().verify(&[other]), Err(NoteError::NotSigned));
    }

    #[test]
    fn control_characters_missing_line_feeds_and_bad_base64_are_refused() {
        for bad in [
            NOTE.replace("problem,\n", "problem,\r\n"),
            NOTE.replace("problem,\n", "problem,\t\n"),
            NOTE.replace("\n\n", "\n"),
            NOTE.trim_end().to_owned(),
            NOTE.replace("nAM=", "nAN="),
            NOTE.replace("— Peter", "- Peter"),
            String::new(),
        ] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
