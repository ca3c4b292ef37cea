//! Undoes gzip, counting what comes out.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

/// First bytes of a gzip file (RFC 1952 §2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a body could not be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// More came out than is allowed.
    #[error("decompressed size is above the limit of {limit} bytes; send smaller bodies or raise the limit")]
    TooLarge {
        /// Most bytes allowed.
        limit: usize,
    },
    /// The gzip stream is damaged or ends too soon.
    #[error("gzip is damaged after {decompressed} decompressed bytes: {problem}")]
    Damaged {
        /// Bytes that came out before.
        decompressed: usize,
        /// What the decoder says.
        problem: String,
    },
}

/// The bytes themselves, or what their gzip holds; told apart by the first two bytes. One layer only.
///
/// # Errors
/// Says that the result is larger than `limit` bytes, or how far a damaged stream could be read.
pub fn decompress(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, DecompressError> {
    if !bytes.starts_with(&MAGIC) {
        if bytes.len() > limit {
            return Err(DecompressError::TooLarge { limit });
        }
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::new();
    // One byte more than allowed tells a full result from a result that is too large.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match MultiGzDecoder::new(bytes).take(most).read_to_end(&mut out) {
        _ if out.len() > limit => Err(DecompressError::TooLarge { limit }),
        Ok(_) => Ok(Cow::Owned(out)),
        Err(e) => Err(DecompressError::Damaged { decompressed: out.len(), problem: e.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_bytes_pass_and_gzip_is_undone() {
        assert_eq!(decompress(b"[]", 2).unwrap().as_ref(), b"[]");
        assert_eq!(decompress(&gzip(b"[1]"), 3).unwrap().as_ref(), b"[1]");
        let two = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(decompress(&two, 9).unwrap().as_ref(), b"ab");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(decompress(&bomb, 1 << 20), Err(DecompressError::TooLarge { limit: 1 << 20 }));
        assert_eq!(decompress(b"12345", 4), Err(DecompressError::TooLarge { limit: 4 }));
    }

    #[test]
    fn a_truncated_or_damaged_stream_is_an_error() {
        let whole = gzip(&(0..20_000_u32).flat_map(u32::to_be_bytes).collect::<Vec<_>>());
        for cut in [2, 9, 10, whole.len() / 2, whole.len() - 1] {
            assert!(
                matches!(decompress(whole.get(..cut).unwrap(), 1 << 20), Err(DecompressError::Damaged { .. })),
                "cut at {cut}"
            );
        }
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        assert!(decompress(&flipped, 1 << 20).is_err());
    }
}
