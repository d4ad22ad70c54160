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
    let pieces = (step.ceil() as usize).max(1);
    // The square that the shape lies in the middle of.
    let (x_from, y_from) = (left - (side - width) / 2.0, top - (side - height) / 2.0);
    let mut patch = [0; INPUTS];
    for (at, out) in patch.iter_mut().enumerate() {
        let mut sum = 0.0;
        for piece in 0..pieces * pieces {
            let along =
                |place: usize, piece: usize| (place as f32 + (piece as f32 + 0.5) / pieces as f32) * step;
            let x = x_from + along(at % SIDE, piece % pieces);
            let y = y_from + along(at / SIDE, piece / pieces);
            if (left..left + width).contains(&x) && (top..top + height).contains(&y) {
                sum += (sign * (between(level, x - 0.5, y - 0.5) - paper) / contrast).clamp(0.0, 1.0);
            }
        }
        *out = (sum / (pieces * pieces) as f32 * 255.0) as u8;
    }
    patch
}

/// The value at a point between samples.
fn between(level: &Level<'_>, x: f32, y: f32) -> f32 {
    let (x, y) = (x.clamp(0.0, (level.width - 1) as f32), y.clamp(0.0, (level.height - 1) as f32));
    let (column, line) = (x as usize, y as usize);
    let next = (column + 1).min(level.width - 1);
    let (upper, lower) = (level.row(line), level.row((line + 1).min(level.height - 1)));
    let (right, down) = (x - column as f32, y - line as f32);
    let mix = |row: &[u16]| f32::from(row[column]) * (1.0 - right) + f32::from(row[next]) * right;
    mix(upper) * (1.0 - down) + mix(lower) * down
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
    first: Vec<f32>,
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
            let weights = weights.iter().map(|weight| f32::from(weight.cast_signed()) * unit).collect();
            (weights, (0..outputs).map(|_| float(&mut bytes)).collect())
        };
        let (first, first_bias) = layer(INPUTS, HIDDEN);
        let (second, second_bias) = layer(HIDDEN, CLASSES);
        Self { first, first_bias, second, second_bias }
    }

    fn run(&self, patch: &Patch) -> [f32; CLASSES] {
        let input = patch.map(|value| f32::from(value) / 255.0);
        let mut hidden = [0.0; HIDDEN];
        for ((out, weights), bias) in
            hidden.iter_mut().zip(self.first.chunks_exact(INPUTS)).zip(&self.first_bias)
        {
            *out = (bias + dot(weights, &input)).max(0.0);
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
