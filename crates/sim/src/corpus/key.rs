//! The answer key: what must become of each place of each object, in a form that a scorer of any tool can read.

use serde::{Deserialize, Serialize};

/// The two sets of options that the key has answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Options {
    /// Cleaning of pixels, graphics, structured content and descriptors; modified dates, patient characteristics, device
    /// identity and safe private attributes retained.
    Research,
    /// The Basic Profile alone.
    Basic,
}

impl Options {
    /// The options by the names that the standard's tables give them here.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Research => &[
                "clean-pixel-data",
                "clean-graphics",
                "clean-structured-content",
                "clean-descriptors",
                "retain-longitudinal-modified-dates",
                "retain-patient-characteristics",
                "retain-device-identity",
                "retain-safe-private",
            ],
            Self::Basic => &[],
        }
    }
}

/// What may become of an object as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It can be cleaned. To hold it loses all that it has.
    CanClean,
    /// It must not be written.
    MustHold,
    /// To hold it costs nothing; if it is written, it must be clean.
    Either,
}

/// What must become of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Rule {
    /// Nothing of the value is left. `present`: the attribute is of Type 1 or 2 in its IOD and must still be there.
    Gone {
        /// Whether the attribute must still be there, empty or with another value.
        present: bool,
    },
    /// Each UID is another one, the same wherever it stood.
    Uid,
    /// A date moved by the person's own constant; a time of day as it was.
    Shift,
    /// The identifying parts are gone and the useful ones still there.
    Clean {
        /// Parts that identify.
        gone: Vec<String>,
        /// Words that research needs.
        keep: Vec<String>,
    },
    /// The value as it was: bit for bit, or character for character.
    Keep,
}

/// One place of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Tags and item numbers, as `00400275[0].00321060`; `meta` and `preamble` for what stands before the data set.
    pub path: String,
    /// What kind of hiding place it is.
    pub category: String,
    /// The value representation that the object was made with.
    pub vr: String,
    /// The value: text as it reads, or the bytes in hexadecimal.
    pub value: String,
    /// Whether `value` is hexadecimal.
    pub hex: bool,
    /// What must become of it under [`Options::Research`]; nothing is asked where absent.
    pub research: Option<Rule>,
    /// The same under [`Options::Basic`].
    pub basic: Option<Rule>,
}

impl Place {
    /// The rule under these options.
    pub fn rule(&self, options: Options) -> Option<&Rule> {
        match options {
            Options::Research => self.research.as_ref(),
            Options::Basic => self.basic.as_ref(),
        }
    }
}

/// Writing in the pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writing {
    /// Frame, from 0.
    pub frame: usize,
    /// Left column.
    pub x: usize,
    /// Upper row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The sample value of its strokes.
    pub ink: u16,
    /// Whether it identifies; else it is a marker that must stay.
    pub identifies: bool,
    /// What it says.
    pub text: String,
}

/// What must become of the pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelKey {
    /// Rows of a frame.
    pub rows: usize,
    /// Columns of a frame.
    pub columns: usize,
    /// Frames.
    pub frames: usize,
    /// Samples per pixel.
    pub channels: usize,
    /// Bits stored: what lies above them is no pixel.
    pub bits: u16,
    /// Bits allocated.
    pub allocated: u16,
    /// Whether something was hidden above the stored bits.
    pub hidden_bits: bool,
    /// Text in the picture.
    pub writings: Vec<Writing>,
}

/// The answer key of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Its file name in `in/`.
    pub file: String,
    /// Its InstanceNumber: unique in the corpus, and no rule asks anybody to change it.
    pub number: u32,
    /// What it is, in a word.
    pub kind: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// The transfer syntax UID that it is written in.
    pub syntax: String,
    /// Whose it is: one pseudonym for all objects of a person, and no two persons on one.
    pub person: String,
    /// What may become of it under [`Options::Research`].
    pub research: Fate,
    /// The same under [`Options::Basic`].
    pub basic: Fate,
    /// Why it may or must be held; empty where it can be cleaned.
    pub why: String,
    /// Its places.
    pub places: Vec<Place>,
    /// Its pixels, where their samples can be compared.
    pub pixels: Option<PixelKey>,
    /// What must be found nowhere in the bytes that are written, in whichever encoding.
    pub leaks: Vec<String>,
}

impl ObjectKey {
    /// What may become of it under these options.
    pub fn fate(&self, options: Options) -> Fate {
        match options {
            Options::Research => self.research,
            Options::Basic => self.basic,
        }
    }
}
