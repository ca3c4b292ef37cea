//! The secret of a token: 256 random bits, of which only a digest is kept.

use std::io;

use sealbook_core::hash::{hex, sha256};
use sealbook_disk::Entropy;
use subtle::ConstantTimeEq as _;

/// With what every token begins, so that it is recognised where it must not be.
pub(crate) const PREFIX: &str = "sbk_";
/// Random bytes of a token.
const BYTES: usize = 32;
/// Characters of a token.
pub(crate) const CHARS: usize = PREFIX.len() + 2 * BYTES;
/// Characters of a token's id.
pub(crate) const ID_CHARS: usize = 16;

/// SHA-256 of a token. A token has 256 random bits, so that nobody can search for one that fits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// Of a token as it was shown.
    pub(crate) fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }

    /// From hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Whether they are the same, in a time that does not depend on where they differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The public name of the token: the first digits of the digest. Whoever finds a token can compute which it is.
    pub(crate) fn id(&self) -> String {
        let mut id = self.hex();
        id.truncate(ID_CHARS);
        id
    }

    pub(crate) fn hex(&self) -> String {
        hex(&self.0)
    }
}

/// A new token.
pub(crate) fn generate(entropy: &dyn Entropy) -> io::Result<String> {
    let mut bytes = [0; BYTES];
    entropy.fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", hex(&bytes)))
}

/// Whether a text can be a token at all.
pub(crate) fn has_form(text: &str) -> bool {
    text.len() == CHARS && text.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use sealbook_disk::SeededEntropy;

    use super::*;

    #[test]
    fn a_token_has_256_random_bits_and_is_known_by_its_digest() {
        let entropy = SeededEntropy::new(1);
        let (one, two) = (generate(&entropy).unwrap(), generate(&entropy).unwrap());
        assert!(has_form(&one) && one != two);
        let digest = Digest::of(&one);
        assert!(digest.is(&Digest::parse(&digest.hex()).unwrap()) && !digest.is(&Digest::of(&two)));
        assert_eq!(digest.id(), hex(&sha256(one.as_bytes()))[..16]);
    }

    #[test]
    fn what_is_no_digest_is_none() {
        let good = Digest::of("x").hex();
        for bad in ["", &good[1..], &good.to_uppercase(), &format!("{good}0"), &good.replace(&good[..1], "g")] {
            assert!(Digest::parse(bad).is_none(), "{bad}");
        }
    }
}
