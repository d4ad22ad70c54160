//! Blocks of eight by eight samples, and the frequencies that they are stored as (ISO/IEC 10918-1 A.3.3).

use std::f32::consts::{FRAC_1_SQRT_2, PI};
use std::sync::LazyLock;

/// Where a coefficient stands in a block, row by row, by its place in the stream (figure A.6).
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// How much of each frequency is in each sample.
static WAVES: LazyLock<[[f32; 8]; 8]> = LazyLock::new(|| {
    let wave = |frequency: usize, at: usize| {
        let scale = if frequency == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        scale / 2.0 * ((2 * at + 1) as f32 * frequency as f32 * PI / 16.0).cos()
    };
    std::array::from_fn(|frequency| std::array::from_fn(|at| wave(frequency, at)))
});

/// The samples of a block of frequencies, row by row, around zero.
pub(super) fn samples(frequencies: &[f32; 64]) -> [f32; 64] {
    let lines = by_line(frequencies, |line, at| (0..8).map(|n| line[n] * WAVES[n][at]).sum());
    by_line(&lines, |line, at| (0..8).map(|n| line[n] * WAVES[n][at]).sum())
}

/// Each row turned into another, and the block turned over: twice, and it stands as it stood.
fn by_line(block: &[f32; 64], of: impl Fn(&[f32], usize) -> f32) -> [f32; 64] {
    std::array::from_fn(|at| of(&block[at % 8 * 8..at % 8 * 8 + 8], at / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_sum_of_their_waves() {
        let block: [f32; 64] = std::array::from_fn(|at| ((at * 37 + at * at * 11) % 256) as f32 - 128.0);
        let scale = |frequency| if frequency == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let wave = |frequency: usize, at: usize| {
            scale(frequency) * ((2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0).cos()
        };
        for (at, sample) in samples(&block).into_iter().enumerate() {
            // A.3.3 as it stands there.
            let term = |n: usize| f64::from(block[n]) * wave(n % 8, at % 8) * wave(n / 8, at / 8);
            let sum = (0..64).map(term).sum::<f64>() / 4.0;
            assert!((sum - f64::from(sample)).abs() < 0.01, "{at}: {sample} for {sum}");
        }
    }

    #[test]
    fn each_frequency_stands_in_one_place() {
        let mut places = ZIGZAG.to_vec();
        places.sort_unstable();
        assert_eq!(places, (0..64).collect::<Vec<_>>());
    }
}
