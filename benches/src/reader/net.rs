//! A net of two layers, fitted by stochastic gradient descent with momentum.

use super::letters::Example;
use deid::pixels::detect::{HIDDEN, LETTERS, Patch, dot};
use sim::random::Random;

/// The class of what is no letter.
pub(super) const NONE: usize = LETTERS.len();
const CLASSES: usize = NONE + 1;
const INPUTS: usize = 256;
const BATCH: usize = 32;
const MOMENTUM: f32 = 0.9;
const DECAY: f32 = 1e-4;

/// One layer: a row of weights for each output, and how they were moved last.
#[derive(Clone)]
struct Layer {
    inputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    moved: Vec<f32>,
    bias_moved: Vec<f32>,
    slope: Vec<f32>,
    bias_slope: Vec<f32>,
}

impl Layer {
    fn new(inputs: usize, outputs: usize, random: &mut Random) -> Self {
        let spread = (2.0 / inputs as f32).sqrt();
        let all = inputs * outputs;
        Self {
            inputs,
            weights: (0..all).map(|_| spread * random.noise()).collect(),
            bias: vec![0.0; outputs],
            moved: vec![0.0; all],
            bias_moved: vec![0.0; outputs],
            slope: vec![0.0; all],
            bias_slope: vec![0.0; outputs],
        }
    }

    fn run(&self, input: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.inputs);
        rows.zip(&self.bias).map(|(row, bias)| bias + dot(row, input)).collect()
    }

    /// Adds what one example says; gives what it says of the input.
    fn blame(&mut self, input: &[f32], error: &[f32]) -> Vec<f32> {
        let mut back = vec![0.0; self.inputs];
        for (at, error) in error.iter().enumerate().filter(|(_, error)| **error != 0.0) {
            let of = at * self.inputs..(at + 1) * self.inputs;
            self.bias_slope[at] += error;
            add(&mut self.slope[of.clone()], input, *error);
            add(&mut back, &self.weights[of], *error);
        }
        back
    }

    fn step(&mut self, rate: f32) {
        let Self { weights, bias, moved, bias_moved, slope, bias_slope, .. } = self;
        for ((weight, moved), slope) in weights.iter_mut().zip(moved).zip(slope) {
            *moved = MOMENTUM * *moved - rate * (*slope / BATCH as f32 + DECAY * *weight);
            *weight += *moved;
            *slope = 0.0;
        }
        for ((weight, moved), slope) in bias.iter_mut().zip(bias_moved).zip(bias_slope) {
            *moved = MOMENTUM * *moved - rate * *slope / BATCH as f32;
            *weight += *moved;
            *slope = 0.0;
        }
    }

    fn unit(&self) -> f32 {
        self.weights.iter().fold(1e-9f32, |most, weight| most.max(weight.abs())) / 127.0
    }

    #[expect(clippy::cast_possible_truncation, reason = "within 127 by the unit")]
    fn whole(&self) -> Vec<i8> {
        let unit = self.unit();
        self.weights.iter().map(|weight| (weight / unit).round() as i8).collect()
    }
}

fn add(to: &mut [f32], what: &[f32], times: f32) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

/// The net.
pub(super) struct Net {
    first: Layer,
    second: Layer,
}

impl Net {
    pub(super) fn new(random: &mut Random) -> Self {
        Self { first: Layer::new(INPUTS, HIDDEN, random), second: Layer::new(HIDDEN, CLASSES, random) }
    }

    fn run(&self, patch: &Patch) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let input: Vec<f32> = patch.iter().map(|value| f32::from(*value) / 255.0).collect();
        let hidden: Vec<f32> = self.first.run(&input).into_iter().map(|value| value.max(0.0)).collect();
        let mut shares = self.second.run(&hidden);
        let top = shares.iter().copied().fold(f32::MIN, f32::max);
        shares.iter_mut().for_each(|share| *share = (*share - top).exp());
        let sum: f32 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        (input, hidden, shares)
    }

    /// The likeliest class.
    pub(super) fn guess(&self, patch: &Patch) -> usize {
        let shares = self.run(patch).2;
        shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(NONE, |(at, _)| at)
    }

    /// Looks at all examples once, in any order; gives the mean loss.
    pub(super) fn learn(&mut self, examples: &[Example], rate: f32, random: &mut Random) -> f32 {
        let mut order: Vec<usize> = (0..examples.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, usize::try_from(random.below(at as u64 + 1)).unwrap_or(0));
        }
        let mut loss = 0.0;
        for batch in order.chunks(BATCH) {
            for at in batch {
                let example = &examples[*at];
                let (input, hidden, mut error) = self.run(&example.patch);
                loss -= f64::from(error[example.class].max(1e-9).ln());
                error[example.class] -= 1.0;
                let mut back = self.second.blame(&hidden, &error);
                back.iter_mut()
                    .zip(&hidden)
                    .filter(|(_, hidden)| **hidden <= 0.0)
                    .for_each(|(back, _)| *back = 0.0);
                self.first.blame(&input, &back);
            }
            self.first.step(rate);
            self.second.step(rate);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a mean of some units")]
        {
            (loss / examples.len() as f64) as f32
        }
    }

    /// With weights of 8 bits.
    pub(super) fn rounded(mut self) -> Self {
        for layer in [&mut self.first, &mut self.second] {
            let unit = layer.unit();
            layer.weights = layer.whole().iter().map(|weight| f32::from(*weight) * unit).collect();
        }
        self
    }

    /// As `deid` reads it: for each layer the unit of its weights, the weights, the biases.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for layer in [&self.first, &self.second] {
            out.extend(layer.unit().to_le_bytes());
            out.extend(layer.whole().iter().map(|weight| weight.cast_unsigned()));
            out.extend(layer.bias.iter().flat_map(|bias| bias.to_le_bytes()));
        }
        out
    }
}
