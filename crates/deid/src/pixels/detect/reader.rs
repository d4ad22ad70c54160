//! Which letter a shape is, and whether it is any: a net of two layers over sixteen by sixteen squares.
//!
//! Its weights are data (`letters.bin`): `bench reader` makes them from typefaces that it draws itself, and docs/detector.md
//! says which. It reads capitals, small letters and numerals alike; O and 0, I, 1 and l are one letter to it.

use super::hat::Ink;
use super::level::Level;
use super::shape::Shape;
use std::sync::LazyLock;

/// Squares along each side of a patch.
const SIDE: usize = 16;
/// What it tells apart; the last one is no letter at all.
pub const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ23456789";
const CLASSES: usize = LETTERS.len() + 1;
const INPUTS: usize = SIDE * SIDE;
/// Values between its two layers.
pub const HIDDEN: usize = 128;

/// A shape as the reader sees it: how much of each square is ink, row by row, 0 to 255; its longer side fills the patch.
pub type Patch = [u8; INPUTS];

/// Cuts a shape out of its level.
pub(super) fn patch(level: &Level<'_>, shape: &Shape, ink: Ink) -> Patch {
    let (width, height) = (shape.width() as f32, shape.height() as f32);
    let (left, top) = (shape.left as f32, shape.top as f32);
    let side = width.max(height);
    let contrast = shape.contrast().max(1.0);
    let paper = match ink {
        Ink::Bright => shape.ink() - contrast,
        Ink::Dark => shape.ink() + contrast,
    };
    let sign = if ink == Ink::Bright { 1.0 } else { -1.0 };
    let step = side / SIDE as f32;
    let pieces = pieces(step);
    // The square that the shape lies in the middle of.
    let columns = points(left, width, left - (side - width) / 2.0, step, level.width - 1);
    let lines = points(top, height, top - (side - height) / 2.0, step, level.height - 1);
    let mut sums = [0.0; INPUTS];
    for (y, line) in &lines {
        let (upper, lower) = (level.row(line.low), level.row(line.high));
        for (x, column) in &columns {
            let value = line.between(column.between_of(upper), column.between_of(lower));
            sums[y * SIDE + x] += (sign * (value - paper) / contrast).clamp(0.0, 1.0);
        }
    }
    sums.map(|sum: f32| (sum / (pieces * pieces) as f32 * 255.0) as u8)
}

/// A point between two samples of a row or column.
struct Point {
    low: usize,
    high: usize,
    /// How far it is from the lower one to the higher one.
    share: f32,
}

impl Point {
    fn between(&self, low: f32, high: f32) -> f32 {
        low * (1.0 - self.share) + high * self.share
    }

    fn between_of(&self, row: &[u16]) -> f32 {
        self.between(f32::from(row[self.low]), f32::from(row[self.high]))
    }
}

/// The points looked at along each side of a square.
fn pieces(step: f32) -> usize {
    (step.ceil() as usize).max(1)
}

/// Along one side of a patch, the points of each square; none beside the shape.
fn points(begin: f32, length: f32, from: f32, step: f32, last: usize) -> Vec<(usize, Point)> {
    let pieces = pieces(step);
    let point = |at: usize| {
        let (place, piece) = (at / pieces, at % pieces);
        let along = from + (place as f32 + (piece as f32 + 0.5) / pieces as f32) * step;
        let sample = (along - 0.5).clamp(0.0, last as f32);
        let low = sample as usize;
        let point = Point { low, high: (low + 1).min(last), share: sample - low as f32 };
        (begin..begin + length).contains(&along).then_some((place, point))
    };
    (0..SIDE * pieces).filter_map(point).collect()
}

/// A patch turned by so many quarters to the right.
pub(super) fn turned(patch: &Patch, quarters: u32) -> Patch {
    let mut out = *patch;
    for _ in 0..quarters % 4 {
        let from = out;
        for (at, value) in out.iter_mut().enumerate() {
            let (x, y) = (at % SIDE, at / SIDE);
            *value = from[(SIDE - 1 - x) * SIDE + y];
        }
    }
    out
}

/// What the reader takes a patch for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// How likely each of [`LETTERS`] is.
    shares: [f32; LETTERS.len()],
    /// How likely it is none.
    pub(super) none: f32,
}

impl Reading {
    /// How likely it is this letter.
    pub(super) fn share(&self, letter: u8) -> f32 {
        LETTERS.bytes().position(|own| own == letter).map_or(0.0, |class| self.shares[class])
    }
}

/// Reads a patch that stands upright.
pub(super) fn read(patch: &Patch) -> Reading {
    let scores = NET.run(patch);
    let top = scores.iter().copied().fold(f32::MIN, f32::max);
    let shares = scores.map(|score| (score - top).exp());
    let sum: f32 = shares.iter().sum();
    let [letters @ .., none] = shares.map(|share| share / sum);
    Reading { shares: letters, none }
}

/// The layers, one row of weights for each output.
struct Net {
    /// In units: a patch is whole numbers, and so are its products with these.
    first: Vec<[i16; INPUTS]>,
    first_unit: f32,
    first_bias: Vec<f32>,
    second: Vec<f32>,
    second_bias: Vec<f32>,
}

static NET: LazyLock<Net> = LazyLock::new(|| Net::parse(include_bytes!("letters.bin")));

impl Net {
    /// For each layer: the unit of its weights as f32, little-endian, the weights as i8, the biases as f32.
    fn parse(mut bytes: &[u8]) -> Self {
        let float = |bytes: &mut &[u8]| {
            let (head, rest) = bytes.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
            *bytes = rest;
            f32::from_le_bytes(*head)
        };
        let mut layer = |inputs: usize, outputs: usize| {
            let unit = float(&mut bytes);
            let (weights, rest) = bytes.split_at(inputs * outputs);
            bytes = rest;
            let biases: Vec<f32> = (0..outputs).map(|_| float(&mut bytes)).collect();
            (weights.iter().map(|weight| weight.cast_signed()), unit, biases)
        };
        let (weights, first_unit, first_bias) = layer(INPUTS, HIDDEN);
        let weights: Vec<i16> = weights.map(i16::from).collect();
        let first = weights.as_chunks().0.to_vec();
        let (weights, unit, second_bias) = layer(HIDDEN, CLASSES);
        let second = weights.map(|weight| f32::from(weight) * unit).collect();
        Self { first, first_unit, first_bias, second, second_bias }
    }

    fn run(&self, patch: &Patch) -> [f32; CLASSES] {
        let input = patch.map(i16::from);
        let unit = self.first_unit / 255.0;
        let mut hidden = [0.0; HIDDEN];
        for ((out, weights), bias) in hidden.iter_mut().zip(&self.first).zip(&self.first_bias) {
            *out = (bias + whole_dot(weights, &input) as f32 * unit).max(0.0);
        }
        let mut scores = [0.0; CLASSES];
        for ((out, weights), bias) in
            scores.iter_mut().zip(self.second.chunks_exact(HIDDEN)).zip(&self.second_bias)
        {
            *out = bias + dot(weights, &hidden);
        }
        scores
    }
}

/// As [`dot`], of whole numbers, which are half as wide.
fn whole_dot(a: &[i16; INPUTS], b: &[i16; INPUTS]) -> i32 {
    let mut sums = [0i32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for i in 0..8 {
            sums[i] += i32::from(a[i]) * i32::from(b[i]);
        }
    }
    sums.iter().sum()
}

/// Eight sums side by side, as a processor adds.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum()
}
