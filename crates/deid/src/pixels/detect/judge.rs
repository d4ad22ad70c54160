//! When a group of shapes is text: a sum of what speaks for it and against it.
//!
//! The weights were fitted by logistic regression to groups of shapes in the development pictures of `sim::lettering` and
//! are data like any table; docs/detector.md says how, and what they find in pictures that they were not fitted to.

use super::line::{Mark, Page};
use super::shape::{Shape, majority};

/// What is measured of a group, and at last how much it reads like letters.
const MEASURES: usize = 12;

/// What one kind of group is weighed with.
struct Weights {
    bias: f32,
    of: [f32; MEASURES],
}

/// Where shapes touch, one or two of them make a word; each pair first without a reading, then with one.
const WORD: [Weights; 2] = [
    Weights { bias: -19.34, of: [0.87, 0.87, -3.05, 12.01, 0.0, -1.47, 2.21, 2.53, 2.83, 0.0, -0.74, 0.0] },
    Weights { bias: -6.76, of: [0.64, 0.64, -1.57, 6.35, 0.0, -2.57, 0.17, -1.39, 2.55, 0.0, 0.0, 0.12] },
];
const PAIR: [Weights; 2] = [
    Weights {
        bias: -33.33,
        of: [1.45, -0.32, -2.73, 26.94, -3.81, -3.31, 1.26, 0.49, 16.37, 0.0, -0.03, 0.0],
    },
    Weights { bias: -9.31, of: [1.32, -0.13, -0.95, 3.9, -3.2, -3.38, 2.71, 0.44, 6.69, 0.0, 0.02, 0.4] },
];
const LINE: [Weights; 2] = [
    Weights {
        bias: -8.95,
        of: [1.45, -0.51, -1.22, 12.56, -4.53, -1.69, 2.94, -2.9, 10.06, -1.41, -1.24, 0.0],
    },
    Weights {
        bias: -10.01,
        of: [1.27, -0.1, -0.94, 5.87, -3.35, -4.36, 3.28, -0.25, 9.75, 0.12, 0.01, 0.65],
    },
];

/// Fewer letters tell nothing of a person.
const LETTERS_MIN: u32 = 3;
/// Strength beyond this says no more.
const STRENGTH_MAX: f32 = 8.0;
/// Letters as high as this, pixels of the level, can be read: what then looks less like letters is none. Two shapes alone are sooner
/// asked; and so is what only a reduction shows, for larger letters are read better, and bones and vessels are as large.
struct Readable {
    height_px: u32,
    likeness_min: f32,
}
const READABLE: [Readable; 2] =
    [Readable { height_px: 12, likeness_min: -0.5 }, Readable { height_px: 8, likeness_min: 2.0 }];
const PAIR_READABLE: [Readable; 2] =
    [Readable { height_px: 10, likeness_min: 1.0 }, Readable { height_px: 8, likeness_min: 3.0 }];
/// Shapes in ink of one value, and letters that were cut apart, are known by their looks alone: they look so much like letters,
const LOOKS_MIN: f32 = 1.5;
/// and in ink of one value there are so many.
const SOLID_LETTERS_MIN: usize = 3;
/// Letters no higher than this touch each other, in a shape of at least so many tenths of its height. No reader knows them before they are
/// cut apart.
const TOUCHING_PX: u32 = 11;
const TOUCHING_TENTHS: u32 = 20;
/// Where none is so long, a corner or an arc may look like two letters, and more is asked.
const LONG_TENTHS: u32 = 30;
const SHORT_LOOKS_MIN: f32 = 3.0;
/// What is no writing is left uncut: it seldom turns back, is as blurred as what it lies on, or of many inks.
const TOUCHING_TURNS_MIN: f32 = 1.2;
const TOUCHING_SHARPNESS_MIN: f32 = 0.6;
const TOUCHING_SPREAD_MAX: f32 = 0.36;
/// Nothing looks more like letters than this.
const LIKENESS_MAX: f32 = 6.91;
/// What is sharp must be sharp a level below, too: more so on the reductions by 4 and 8, where ribs and folds are as thin as letters.
const CRISPNESS_MIN: [f32; 4] = [0.5, 0.5, 0.68, 0.68];
/// A single shape that does not turn back is any corner or curve; a few of them side by side are ribs or folds.
const TURNS_MIN: [f32; 5] = [0.0, 1.8, 1.2, 1.08, 1.08];

/// Shapes that stand in a line.
pub(super) struct Group<'a> {
    letters: Vec<&'a Shape>,
    /// How many letters they make, where some touch.
    count: u32,
    /// The highest of them, pixels of the level.
    height: u32,
    /// How long the longest of them is, in tenths of its height.
    longest: u32,
    /// The level that they were found on.
    reduction: u32,
    /// It is a plane of ink of one value.
    is_solid: bool,
}

impl<'a> Group<'a> {
    /// Nothing yet.
    pub(super) fn on(page: &Page<'_>) -> Self {
        let (reduction, is_solid) = (page.level.reduction, page.is_solid);
        Self { letters: Vec::new(), count: 0, height: 0, longest: 0, reduction, is_solid }
    }

    /// Takes in a shape that makes so many letters.
    pub(super) fn add(&mut self, mark: &'a Mark, letters: u32) {
        self.letters.push(&mark.shape);
        self.count += letters.min(8);
        self.height = self.height.max(mark.height());
        self.longest = self.longest.max(mark.length() * 10 / mark.height().max(1));
    }

    fn of(&self, value: impl Fn(&Shape) -> f32) -> f32 {
        self.letters.iter().map(|shape| value(shape)).sum::<f32>() / self.letters.len() as f32
    }

    /// Whether it can be text at all.
    fn is_candidate(&self) -> bool {
        // One letter or two name nobody: they are the L or R of a side, AP, LT, or no letters at all.
        // One shape on a reduction is a bone or a fold: letters that touch there stand apart on the image itself.
        let is_lonely = self.letters.len() == 1 && self.reduction > 0;
        if self.letters.is_empty() || self.count < LETTERS_MIN || self.height < 5 || is_lonely {
            return false;
        }
        let turns_min = TURNS_MIN.get(self.letters.len()).copied().unwrap_or(0.0);
        let crispness_min = CRISPNESS_MIN.get(self.reduction as usize).copied().unwrap_or(1.0);
        self.of(Shape::crispness) >= crispness_min && self.of(Shape::turns) >= turns_min
    }

    /// Whether a candidate would be text if it read as well as can be: else nothing needs to be read.
    pub(super) fn may_be_text(&self) -> bool {
        let is_word = self.letters.len() == 1 && self.may_touch();
        self.is_candidate() && (is_word || self.is_text(None) || self.is_text(Some(LIKENESS_MAX)))
    }

    /// Whether its letters may touch, so that it says something to cut them apart.
    pub(super) fn may_touch(&self) -> bool {
        self.reduction == 0
            && self.height <= TOUCHING_PX
            && self.longest >= TOUCHING_TENTHS
            && self.of(Shape::turns) >= TOUCHING_TURNS_MIN
            && self.of(Shape::sharpness) >= TOUCHING_SHARPNESS_MIN
            && self.spread() <= TOUCHING_SPREAD_MAX
    }

    /// Whether letters that were cut apart are text.
    pub(super) fn is_cut_text(&self, likeness: f32) -> bool {
        likeness >= if self.longest < LONG_TENTHS { SHORT_LOOKS_MIN } else { LOOKS_MIN }
    }

    /// Whether a candidate is text. `likeness`: how much it reads like letters, if it can be read.
    pub(super) fn is_text(&self, likeness: Option<f32>) -> bool {
        if self.is_solid {
            let is_read = likeness.is_some_and(|likeness| likeness >= LOOKS_MIN);
            return is_read && self.letters.len() >= SOLID_LETTERS_MIN;
        }
        let kind = match self.letters.len() {
            1 => &WORD,
            2 => &PAIR,
            _ => &LINE,
        };
        let readable = if self.letters.len() == 2 { &PAIR_READABLE } else { &READABLE };
        let readable = &readable[usize::from(self.reduction > 0)];
        if self.height >= readable.height_px && likeness.is_some_and(|value| value < readable.likeness_min) {
            return false;
        }
        let weights = &kind[usize::from(likeness.is_some())];
        let measures = self.measures(likeness.unwrap_or_default());
        weights.bias + weights.of.iter().zip(measures).map(|(weight, value)| weight * value).sum::<f32>()
            > 0.0
    }

    /// How unlike their inks are, over their contrast.
    fn spread(&self) -> f32 {
        let ink = self.of(Shape::ink);
        self.of(|shape| (shape.ink() - ink).abs()) / self.of(Shape::contrast).max(1.0)
    }

    fn measures(&self, likeness: f32) -> [f32; MEASURES] {
        let evidence =
            |shape: &Shape| (shape.strength().min(STRENGTH_MAX) - 1.0) * (shape.area as f32).sqrt();
        let all: f32 = self.letters.iter().map(|shape| evidence(shape)).sum();
        let most = self.letters.iter().map(|shape| evidence(shape)).fold(0.0, f32::max);
        let vote = self.letters.iter().fold((0, 0), |vote, shape| majority(vote, shape.vote()));
        let runs: u32 = self.letters.iter().map(|shape| shape.runs()).sum();
        [
            (all + 0.1).ln(),
            (most + 0.1).ln(),
            self.of(Shape::strength).clamp(0.1, STRENGTH_MAX).ln(),
            self.of(Shape::sharpness),
            self.spread().min(1.0),
            self.of(Shape::unevenness).min(1.0),
            vote.1 as f32 / runs as f32,
            self.of(Shape::turns).min(2.0),
            self.of(Shape::fill),
            (self.letters.len() as f32).min(12.0).ln(),
            (self.count as f32).min(24.0).ln(),
            likeness,
        ]
    }
}
