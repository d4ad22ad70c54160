//! Words that radiographers put on an image and that name nobody: the side, the projection, how the patient stood. A line that
//! says nothing else stays.

use super::reader::Reading;

/// Each letter of a word is at least so likely where it stands,
const EACH_MIN: f32 = 0.2;
/// and the word as a whole so likely a letter.
const LETTER_MIN: f32 = 0.6;

/// The words that stay, in capitals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markers(Vec<String>);

/// One place of a line, in the order in which it is read.
pub(super) enum Sign {
    /// A shape that was read.
    Letter(Reading),
    /// A stroke, as an I is in most typefaces.
    Stroke,
}

impl Markers {
    /// These words, whatever their case.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(words.into_iter().map(str::to_uppercase).collect())
    }

    /// Without words that are told of a person: somebody may be called Prone.
    #[must_use]
    pub fn without(&self, is_told: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|word| !is_told(word)).cloned().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a line says these words and nothing else.
    pub(super) fn are_all(&self, words: &[Vec<Sign>]) -> bool {
        !words.is_empty() && words.iter().all(|signs| self.0.iter().any(|word| says(signs, word)))
    }
}

/// How likely a sign is a letter. A small l is an I to the reader, and either may be a stroke.
fn likely(sign: &Sign, letter: u8) -> f32 {
    match (sign, letter) {
        (Sign::Stroke, letter) => f32::from(u8::from(matches!(letter, b'I' | b'L'))),
        (Sign::Letter(reading), b'L') => reading.share(b'L') + reading.share(b'I'),
        (Sign::Letter(reading), letter) => reading.share(letter),
    }
}

/// Whether signs spell a word.
fn says(signs: &[Sign], word: &str) -> bool {
    let shares = || signs.iter().zip(word.bytes()).map(|(sign, letter)| likely(sign, letter));
    let mean = shares().map(|share| share.max(1e-6).ln()).sum::<f32>() / word.len() as f32;
    signs.len() == word.len() && shares().all(|share| share >= EACH_MIN) && mean.exp() >= LETTER_MIN
}
