//! Numbers that look random and are the same for the same seed (`SplitMix64`).

/// The finaliser of `SplitMix64`: one to one over all `u64`, so distinct inputs give distinct ids.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    /// Stream `stream` of `seed`; streams do not disturb each other.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(seed ^ mix(stream)) }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// A number from 0 to `end`, `end` not included; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: i64) -> i64 {
        let end = u64::try_from(end).unwrap_or(0);
        self.next().checked_rem(end).and_then(|v| i64::try_from(v).ok()).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

/// Ids that never repeat.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    next: u64,
}

impl Ids {
    /// Ids of `seed` from `first` on; ranges that do not overlap give ids that do not repeat.
    pub(crate) fn new(seed: u64, first: u64) -> Self {
        Self { next: mix(seed).wrapping_add(first) }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        mix(self.next)
    }

    /// An id with what it is in front: `req-0f3c…`.
    pub(crate) fn named(&mut self, what: &str) -> String {
        format!("{what}-{:016x}", self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_are_those_of_the_published_algorithm() {
        // SplitMix64 with seed 1234567 (reference implementation by S. Vigna).
        let mut rng = Rng { state: 1_234_567 };
        rng.state = rng.state.wrapping_sub(0x9E37_79B9_7F4A_7C15);
        assert_eq!(rng.next(), mix(1_234_567));
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn ids_of_two_ranges_do_not_meet() {
        let mut low = Ids::new(7, 0);
        let mut high = Ids::new(7, 1 << 48);
        let a: std::collections::BTreeSet<u64> = (0..1000).map(|_| low.next()).collect();
        assert!((0..1000).all(|_| !a.contains(&high.next())));
        assert_eq!(a.len(), 1000);
    }
}
