//! Numbers and bytes from a seed.

use std::io;
use std::sync::Mutex;

use super::lock;
use crate::Entropy;

/// Numbers from a seed (SplitMix64): the same seed, the same numbers. Never for real keys.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A stream from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll().checked_rem(limit).unwrap_or(0)
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Another stream, which does not depend on how many numbers are taken from this one later.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.roll())
    }
}

/// Bytes from a seed: the same seed, the same bytes. Never for real keys.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<Dice>);

impl SeededEntropy {
    /// A stream from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Dice::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut dice = lock(&self.0);
        for chunk in bytes.chunks_mut(8) {
            chunk.iter_mut().zip(dice.roll().to_le_bytes()).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}
