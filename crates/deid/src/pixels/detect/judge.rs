//! When a group of shapes is text: a sum of what speaks for it and against it.
//!
//! The weights were fitted by logistic regression to groups of shapes in the development pictures of `sim::lettering` and
//! are data like any table; docs/detector.md says how, and what they find in pictures that they were not fitted to.

use super::shape::{Shape, majority};

/// What is measured of a group.
const MEASURES: usize = 11;

/// What one kind of group is weighed with.
struct Weights {
    bias: f32,
    of: [f32; MEASURES],
}

const WORD: Weights =
    Weights { bias: -14.90, of: [0.88, 0.0, -1.20, 7.57, 0.0, -6.10, 1.20, 1.63, 4.69, 0.0, 1.65] };
const PAIR: Weights =
    Weights { bias: -20.00, of: [3.11, -1.67, -1.56, 12.90, -2.74, -8.66, 4.26, 2.22, 9.40, 0.0, -0.69] };
const LINE: Weights =
    Weights { bias: -35.40, of: [1.86, -1.12, -0.93, 25.11, -6.77, -16.25, 3.16, 3.37, 19.11, 3.64, -1.79] };

/// Fewer letters tell nothing of a person.
const LETTERS_MIN: u32 = 3;
/// Strength beyond this says no more.
const STRENGTH_MAX: f32 = 8.0;
/// What is sharp must be sharp a level below, too: more so on the reductions by 4 and 8, where ribs and folds are as thin as letters.
const CRISPNESS_MIN: [f32; 4] = [0.5, 0.5, 0.68, 0.68];
/// A single shape that does not turn back is any corner or curve; a few of them side by side are ribs or folds.
const TURNS_MIN: [f32; 5] = [0.0, 1.8, 1.2, 1.08, 1.08];

/// Whether letters that stand in a line are text; `count` is how many letters they make, where some touch, `reduction` the
/// level that they were found on.
pub(super) fn is_text(letters: &[&Shape], count: u32, height: u32, reduction: u32) -> bool {
    // One letter or two name nobody: they are the L or R of a side, AP, LT, or no letters at all.
    // One shape on a reduction is a bone or a fold: letters that touch there stand apart on the image itself.
    if letters.is_empty() || count < LETTERS_MIN || height < 5 || (letters.len() == 1 && reduction > 0) {
        return false;
    }
    let of = |value: &dyn Fn(&Shape) -> f32| {
        letters.iter().map(|shape| value(shape)).sum::<f32>() / letters.len() as f32
    };
    let turns = of(&Shape::turns);
    let turns_min = TURNS_MIN.get(letters.len()).copied().unwrap_or(0.0);
    let crispness_min = CRISPNESS_MIN.get(reduction as usize).copied().unwrap_or(1.0);
    if of(&Shape::crispness) < crispness_min || turns < turns_min {
        return false;
    }
    let evidence = |shape: &Shape| (shape.strength().min(STRENGTH_MAX) - 1.0) * (shape.area as f32).sqrt();
    let all: f32 = letters.iter().map(|shape| evidence(shape)).sum();
    let most = letters.iter().map(|shape| evidence(shape)).fold(0.0, f32::max);
    let ink = of(&Shape::ink);
    let spread = of(&|shape| (shape.ink() - ink).abs()) / of(&Shape::contrast).max(1.0);
    let vote = letters.iter().fold((0, 0), |vote, shape| majority(vote, shape.vote()));
    let runs: u32 = letters.iter().map(|shape| shape.runs()).sum();
    let measures: [f32; MEASURES] = [
        (all + 0.1).ln(),
        (most + 0.1).ln(),
        of(&Shape::strength).clamp(0.1, STRENGTH_MAX).ln(),
        of(&Shape::sharpness),
        spread.min(1.0),
        of(&Shape::unevenness).min(1.0),
        vote.1 as f32 / runs as f32,
        turns.min(2.0),
        of(&Shape::fill),
        (letters.len() as f32).min(12.0).ln(),
        (count as f32).min(24.0).ln(),
    ];
    let weights = match (letters.len(), count) {
        (1, _) => &WORD,
        (2, _) => &PAIR,
        _ => &LINE,
    };
    weights.bias + weights.of.iter().zip(measures).map(|(weight, value)| weight * value).sum::<f32>() > 0.0
}
