//! The `[deidentification]` section of a project file.

use super::{Action, data};
use crate::values;
use dicom::tag::{self, Tag};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::num::NonZeroU32;

/// What a project says of de-identification.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The profile's name, as clearances carry it.
    #[serde(rename = "profile")]
    pub name: String,
    /// The edition of PS3.15, e.g. `2024e`.
    pub edition: String,
    /// The options on top of the Basic Profile, by name.
    #[serde(default)]
    pub options: Vec<String>,
    /// What happens to ages.
    #[serde(default)]
    pub ages: AgePolicy,
    /// Ages in years are rounded down to multiples of this, so that no age stands for few people; 1 to 10.
    #[serde(default)]
    pub age_band_years: Option<u16>,
    /// Objects of people younger than this are held.
    #[serde(default)]
    pub age_min_years: Option<u16>,
    /// Objects are held whose age, as it would go out, so few people of a folder have; 2 or more. Needs the whole folder: `tributary deid`.
    #[serde(default)]
    pub age_people_min: Option<u32>,
    /// What happens to FOR PROCESSING images.
    #[serde(default)]
    pub for_processing: ForProcessing,
    /// Words that text may keep, beside the vocabulary of the program.
    #[serde(default, rename = "allow")]
    pub allowed: Vec<Allowed>,
    /// What the project says of pixels, where it asks for Clean Pixel Data.
    #[serde(default)]
    pub pixels: PixelSettings,
    /// Attributes that the project treats otherwise than the table.
    #[serde(default, rename = "override")]
    pub overrides: Vec<Override>,
}

/// What happens to an age (AS) that the profile keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgePolicy {
    /// Kept as it is.
    #[default]
    Keep,
    /// Ages of 90 years and more become 90 years.
    CapAt90,
}

/// What a profile does to ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ages {
    pub(crate) policy: AgePolicy,
    pub(crate) band_years: u16,
    pub(crate) min_years: Option<u16>,
    pub(crate) people_min: Option<u32>,
}

impl Ages {
    /// An age (AS) as it goes out; `None` if it is none.
    pub(crate) fn outgoing(&self, value: &str) -> Option<String> {
        let (number, unit) = values::age(value)?;
        let number = match (unit, self.policy) {
            ('Y', AgePolicy::CapAt90) => number.min(90),
            _ => number,
        };
        let band = if unit == 'Y' { self.band_years } else { 1 };
        Some(format!("{:03}{unit}", number - number % band))
    }
}

/// Words that text may keep, and why: for the person who reviews the project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// The words, letter case aside.
    pub words: Vec<String>,
    /// Whose words they are, and who approved them.
    pub reason: String,
}

/// What happens to images that are not yet made for a person to look at (PS3.3 C.8.11.1, Presentation Intent Type).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForProcessing {
    /// Outside the project: rejected.
    #[default]
    Reject,
    /// Held for a person to decide.
    Hold,
    /// Treated as any other image where the project asks for clean-pixel-data; rejected otherwise.
    Accept,
}

/// What a project says of pixels (PS3.15 E.3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixelSettings {
    /// Which primary CT and MR images that declare nothing suspicious are read for text.
    #[serde(default)]
    pub inspect_primary: InspectPrimary,
    /// How pictures that are lossy JPEG are stored once something was blanked in them.
    #[serde(default)]
    pub lossy_jpeg: LossyJpeg,
    /// Where devices write, beside those of profiles/pixels.toml.
    #[serde(default, rename = "device")]
    pub devices: Vec<DeviceRegions>,
}

/// Which primary CT and MR images are read for text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InspectPrimary {
    /// All of them.
    #[default]
    All,
    /// One of so many, chosen by the UID that it goes out under.
    Every(NonZeroU32),
}

/// How a picture that is JPEG of 8 bits, baseline or extended, is stored once something was blanked in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossyJpeg {
    /// Without compression, bit for bit as it was decoded.
    #[default]
    Decode,
    /// As JPEG of the same size: what no box touches keeps its coefficients. Decoded where that cannot be.
    Keep,
}

/// Where a kind of device writes into its pictures of one format.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRegions {
    /// Manufacturer (0008,0070), whatever its case.
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090), whatever its case.
    pub model: String,
    /// Rows (0028,0010).
    pub rows: u32,
    /// Columns (0028,0011).
    pub columns: u32,
    /// Left, top, width, height of each region to blank, in pixels.
    pub boxes: Vec<[u32; 4]>,
    /// Why: for the person who reviews the project.
    pub reason: String,
}

/// One attribute that the project treats otherwise than the table, and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Its keyword (PS3.6), or its tag as eight hexadecimal digits.
    pub attribute: String,
    /// What happens to it.
    pub action: OverrideAction,
    /// Why: for the person who reviews the project.
    pub reason: String,
}

/// What a project may have done to an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverrideAction {
    /// Removed (X).
    Remove,
    /// Emptied (Z).
    Empty,
    /// A value that stands in for it (D).
    Dummy,
    /// Kept, if valid for its VR (K).
    Keep,
    /// Cleaned, word by word (C).
    Clean,
    /// A keyed stand-in: the same for the same value, letter case and spaces aside, and telling nothing else. For institutions and
    /// operators, whose differences matter to research.
    Pseudonym,
}

impl From<OverrideAction> for Action {
    fn from(action: OverrideAction) -> Self {
        match action {
            OverrideAction::Remove => Self::Remove,
            OverrideAction::Empty => Self::Empty,
            OverrideAction::Dummy => Self::Dummy,
            OverrideAction::Keep => Self::Keep,
            OverrideAction::Clean => Self::Clean,
            OverrideAction::Pseudonym => Self::Pseudonym,
        }
    }
}

/// Why settings make no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The text is not the section of a project file.
    #[error("[deidentification]: {0}")]
    Form(String),
    /// No table of this edition is compiled in.
    #[error("no table of PS3.15 edition {0}; this version has {edition}", edition = data::EDITION)]
    UnknownEdition(String),
    /// No such option in PS3.15.
    #[error("unknown option {0}; see `tributary deid --help` for the names")]
    UnknownOption(String),
    /// Dates cannot be both kept and moved.
    #[error("retain-longitudinal-full-dates and retain-longitudinal-modified-dates exclude each other")]
    TwoDateOptions,
    /// The dictionary does not know it.
    #[error("override of {0}: no such attribute (PS3.6 keyword, or eight hexadecimal digits)")]
    UnknownAttribute(String),
    /// Neither a keyword nor a tag.
    #[error("{0}: no such attribute; give its keyword (PS3.6), as StudyDate, or its tag, as 0008,0020")]
    NoSuchAttribute(String),
    /// An override, or a list of words, without a reason.
    #[error("override of {0}: the reason is missing")]
    NoReason(String),
    /// A pseudonym stands in for text that has room for it.
    #[error("override of {0}: a pseudonym needs an attribute of VR PN, LO, SH, ST, LT, UC or UT")]
    NoRoomForPseudonym(String),
    /// What is no word, or words without a reason.
    #[error("allow: {0}")]
    Words(&'static str),
    /// Everybody has an age that one person has.
    #[error("age_people_min: less than 2 asks for nothing")]
    AgePeople,
    /// Not 1 to 10.
    #[error("age_band_years: {0} is not between 1 and 10")]
    AgeBand(u16),
}

impl Settings {
    /// The Basic Profile alone.
    pub fn basic(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            edition: data::EDITION.to_owned(),
            options: Vec::new(),
            ages: AgePolicy::Keep,
            age_band_years: None,
            age_min_years: None,
            age_people_min: None,
            allowed: Vec::new(),
            for_processing: ForProcessing::Reject,
            pixels: PixelSettings::default(),
            overrides: Vec::new(),
        }
    }

    /// These settings with other options.
    pub fn with_options<S: AsRef<str>>(mut self, options: &[S]) -> Self {
        self.options = options.iter().map(|name| name.as_ref().to_owned()).collect();
        self
    }

    pub(super) fn ages(&self) -> Result<Ages, ProfileError> {
        let band_years = self.age_band_years.unwrap_or(1);
        if !(1..=10).contains(&band_years) {
            return Err(ProfileError::AgeBand(band_years));
        }
        if self.age_people_min.is_some_and(|people| people < 2) {
            return Err(ProfileError::AgePeople);
        }
        let (min_years, people_min) = (self.age_min_years, self.age_people_min);
        Ok(Ages { policy: self.ages, band_years, min_years, people_min })
    }

    pub(super) fn words(&self) -> Result<BTreeSet<String>, ProfileError> {
        let mut words = BTreeSet::new();
        for allowed in &self.allowed {
            if allowed.reason.trim().is_empty() {
                return Err(ProfileError::Words("the reason is missing"));
            }
            for word in &allowed.words {
                if word.is_empty() || word.chars().any(|c| c.is_whitespace() || c.is_control()) {
                    return Err(ProfileError::Words("give single words, without spaces"));
                }
                words.insert(word.to_lowercase());
            }
        }
        Ok(words)
    }

    /// The settings of a section `[deidentification]`.
    pub fn from_toml(section: toml::Table) -> Result<Self, ProfileError> {
        section.try_into().map_err(|error: toml::de::Error| ProfileError::Form(error.message().to_owned()))
    }
}

impl Override {
    pub(super) fn tag(&self) -> Result<Tag, ProfileError> {
        if self.reason.trim().is_empty() {
            return Err(ProfileError::NoReason(self.attribute.clone()));
        }
        let numeric = || {
            let number =
                u32::from_str_radix(&self.attribute, 16).ok().filter(|_| self.attribute.len() == 8)?;
            Some(Tag(u16::try_from(number >> 16).ok()?, u16::try_from(number & 0xffff).ok()?))
        };
        tag::by_keyword(&self.attribute)
            .or_else(numeric)
            .filter(|tag| tag::entry(*tag).is_some())
            .ok_or_else(|| ProfileError::UnknownAttribute(self.attribute.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Dates, Profile};

    #[test]
    fn the_projects_of_the_repository_make_profiles() {
        for project in [
            include_str!("../../../../projects/nccid.toml"),
            include_str!("../../../../projects/mammography.toml"),
        ] {
            let mut table: toml::Table = project.parse().unwrap();
            let Some(toml::Value::Table(section)) = table.remove("deidentification") else {
                panic!("no section")
            };
            let profile = Profile::new(&Settings::from_toml(section).unwrap()).unwrap();
            assert_eq!(profile.dates(), Dates::Shift);
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let section: toml::Table = "profile = 'x'\nedition = '2024e'\ndates = 'keep'".parse().unwrap();
        assert!(Settings::from_toml(section).unwrap_err().to_string().contains("dates"));
    }
}
