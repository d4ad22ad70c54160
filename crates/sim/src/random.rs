//! A small deterministic generator (SplitMix64): the same seed plays the same region on every machine.

/// A stream of numbers that depends on its seed alone. Not for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of a seed and a label, so that one part of the plan does not move when another changes.
    pub fn labelled(seed: u64, label: &str) -> Self {
        // FNV-1a over the label.
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut stream = Self(seed ^ hash);
        stream.next_u64();
        stream
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = u64::try_from(i64::from(high) - i64::from(low) + 1).unwrap_or(1);
        low.saturating_add(i32::try_from(self.below(span)).unwrap_or(0))
    }

    /// One of several; the list must not be empty.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let index = self.below(of.len() as u64);
        of[usize::try_from(index).unwrap_or(0)]
    }

    /// Noise of mean 0 and standard deviation about 1 (a sum of four uniform numbers).
    pub fn noise(&mut self) -> f32 {
        let bits = self.next_u64();
        let sum: u32 = (0..4).map(|i| u32::try_from((bits >> (16 * i)) & 0xffff).unwrap_or(0)).sum();
        (sum as f32 / 65_536.0 - 2.0) * 1.732
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_plays_the_same_stream_and_a_label_another() {
        let draw = |mut r: Random| (0..8).map(|_| r.next_u64()).collect::<Vec<_>>();
        assert_eq!(draw(Random::labelled(7, "people")), draw(Random::labelled(7, "people")));
        assert_ne!(draw(Random::labelled(7, "people")), draw(Random::labelled(7, "images")));
        assert_ne!(draw(Random::labelled(7, "people")), draw(Random::labelled(8, "people")));
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(1);
        for _ in 0..1000 {
            assert!((-3..=4).contains(&random.between(-3, 4)));
            assert!(random.noise().abs() < 4.0);
        }
    }
}
