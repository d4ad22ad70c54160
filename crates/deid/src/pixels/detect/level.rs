//! An image at one of its reductions.

use std::borrow::Cow;

/// An image of no more values than this has no slopes.
const FEW_VALUES: u16 = 8;
/// An image of no more values than this, far apart, is a drawing: their distance is no slope's step.
const SOME_VALUES: u32 = 64;

/// Samples of a reduction by `2^reduction`.
pub(super) struct Level<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Samples from one row to the next.
    pub(super) stride: usize,
    pub(super) samples: Cow<'a, [u16]>,
    pub(super) reduction: u32,
    /// What rounding to whole numbers can make of a smooth slope: nothing below is ink.
    pub(super) floor: u32,
    /// How many of its units make one of the level before.
    pub(super) gain: u32,
}

impl Level<'_> {
    /// The samples of a row.
    pub(super) fn row(&self, y: usize) -> &[u16] {
        &self.samples[y * self.stride..][..self.width]
    }

    /// The image itself. Where it has few values each step of them is ink; else a step of one may be a slope's.
    pub(super) fn whole(width: usize, height: usize, stride: usize, samples: &[u16]) -> Level<'_> {
        let mut level =
            Level { width, height, stride, samples: Cow::Borrowed(samples), reduction: 0, floor: 0, gain: 1 };
        let (low, high) = level.ends();
        level.floor = match level.step(low) {
            step if step > 1 && level.values() > SOME_VALUES => u32::from(step),
            _ => u32::from(high.saturating_sub(low) > FEW_VALUES),
        };
        level
    }

    /// The least value and the greatest.
    pub(super) fn ends(&self) -> (u16, u16) {
        let rows = (0..self.height).map(|y| ends(self.row(y)));
        rows.fold((u16::MAX, 0), |a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Other samples in its place, of few values.
    pub(super) fn with(&self, samples: Vec<u16>) -> Level<'static> {
        let samples = Cow::Owned(samples);
        Level { stride: self.width, samples, floor: 0, ..*self }
    }

    /// How many values there are.
    fn values(&self) -> u32 {
        let mut seen = vec![0u64; 1 << 10];
        for sample in (0..self.height).flat_map(|y| self.row(y)) {
            seen[usize::from(sample >> 6)] |= 1 << (sample & 63);
        }
        seen.iter().map(|bits| bits.count_ones()).sum()
    }

    /// What all samples are multiples of, counted from the least: 1 but for images that were made of fewer bits.
    fn step(&self, low: u16) -> u16 {
        let mut step = 0;
        for sample in (0..self.height).flat_map(|y| self.row(y)) {
            let above = sample - low;
            if step == 0 || !above.is_multiple_of(step) {
                step = common_divisor(above, step);
            }
            if step == 1 {
                break;
            }
        }
        step.max(1)
    }

    /// Reduced by two, each sample the sum of four where 16 bits hold it, so that small steps are not rounded away.
    /// The last column or row of an odd number counts twice.
    pub(super) fn halved(&self) -> Level<'static> {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let top = (0..self.height).map(|y| ends(self.row(y)).1).max().unwrap_or(0);
        let shift = (0..2).find(|shift| (u32::from(top) * 4) >> shift <= u32::from(u16::MAX)).unwrap_or(2);
        let mut samples = vec![0u16; width * height];
        for (y, out) in samples.chunks_exact_mut(width).enumerate() {
            let upper = self.row(2 * y);
            let lower = self.row((2 * y + 1).min(self.height - 1));
            let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
            for (out, (a, b)) in out.iter_mut().zip(pairs) {
                let sum = u32::from(a[0]) + u32::from(a[1]) + u32::from(b[0]) + u32::from(b[1]);
                *out = (sum >> shift) as u16;
            }
            if self.width % 2 == 1 {
                let sum = 2 * (u32::from(upper[self.width - 1]) + u32::from(lower[self.width - 1]));
                out[width - 1] = (sum >> shift) as u16;
            }
        }
        Level {
            width,
            height,
            stride: width,
            samples: Cow::Owned(samples),
            reduction: self.reduction + 1,
            floor: (self.floor * 4) >> shift,
            gain: 4 >> shift,
        }
    }
}

/// The greatest common divisor (Euclid).
fn common_divisor(a: u16, b: u16) -> u16 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// The least and the greatest.
pub(super) fn ends(row: &[u16]) -> (u16, u16) {
    row.iter().fold((u16::MAX, 0), |(low, high), sample| (low.min(*sample), high.max(*sample)))
}
