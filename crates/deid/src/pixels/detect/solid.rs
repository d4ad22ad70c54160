//! Ink of one value: where noise is as bright as the letters, only that they are all alike tells them apart.

use super::level::Level;
use super::shape::{Builder, Run, Shape};
use std::cmp::Reverse;

/// One of so many rows is counted: no letter is so low that it could be told from noise.
const ROWS_OF: usize = 3;
/// So many neighbours in them are alike at least in the ink of a text,
const ALIKE_MIN: u32 = 10;
/// which is one of so many of its pixels,
const ALIKE_OF: u32 = 6;
/// and so many times more often than elsewhere in the image. Where that is smooth each step is ink without this.
const ALIKE_TIMES: f32 = 5.0;
/// What more than one of so many pixels has is what is written on.
const PAPER_OF: u32 = 16;
/// Values looked at, those with the most neighbours alike.
const VALUES_MAX: usize = 3;
/// What ink and paper are once they are told apart, and what had to be exceeded.
const INK: u16 = 255;
const OVER: u16 = 64;

/// How often a value is there.
#[derive(Clone, Copy, Default)]
struct Count {
    pixels: u32,
    /// Pixels whose neighbour on the left has it too.
    alike: u32,
}

/// The values that can be the ink of a text.
pub(super) fn values(level: &Level<'_>) -> Vec<u16> {
    let (low, high) = level.ends();
    let mut counts = vec![Count::default(); usize::from(high - low) + 1];
    for run in (0..level.height).step_by(ROWS_OF).flat_map(|y| level.row(y).chunk_by(PartialEq::eq)) {
        let count = &mut counts[usize::from(run[0] - low)];
        count.pixels += run.len() as u32;
        count.alike += run.len() as u32 - 1;
    }
    let most = (level.width * level.height.div_ceil(ROWS_OF)) as u32 / PAPER_OF;
    let mut all = Count::default();
    let mut inks = Vec::new();
    for (count, value) in counts.into_iter().zip(low..=high).filter(|(count, _)| count.pixels <= most) {
        all = Count { pixels: all.pixels + count.pixels, alike: all.alike + count.alike };
        if count.alike >= ALIKE_MIN && count.alike * ALIKE_OF >= count.pixels {
            inks.push((count, value));
        }
    }
    inks.retain(|(count, _)| {
        let elsewhere = (all.alike - count.alike) as f32 / (all.pixels - count.pixels).max(1) as f32;
        count.alike as f32 >= ALIKE_TIMES * elsewhere * count.pixels as f32
    });
    inks.sort_unstable_by_key(|(count, value)| (Reverse(count.alike), *value));
    inks.truncate(VALUES_MAX);
    inks.into_iter().map(|(_, value)| value).collect()
}

/// The image as ink of this value.
pub(super) fn plane(level: &Level<'_>, value: u16) -> Level<'static> {
    let mut samples = Vec::with_capacity(level.width * level.height);
    for y in 0..level.height {
        samples.extend(level.row(y).iter().map(|sample| if *sample == value { INK } else { 0 }));
    }
    level.with(samples)
}

/// What hangs together in a plane of ink.
pub(super) fn shapes(plane: &Level<'_>) -> Vec<Shape> {
    let mut builder = Builder::default();
    for y in 0..plane.height {
        let row = plane.row(y);
        builder.row(y, |runs| {
            let mut at = 0;
            while let Some(start) = row[at..].iter().position(|sample| *sample == INK).map(|skip| at + skip) {
                let end = row[start..]
                    .iter()
                    .position(|sample| *sample != INK)
                    .map_or(row.len(), |len| start + len);
                runs.push(Run::new(row, row, OVER, start, end));
                at = end;
            }
        });
        if y % 64 == 63 {
            builder.sweep(y + 1);
        }
    }
    builder.finish()
}
