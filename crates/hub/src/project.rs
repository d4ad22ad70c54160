//! A research project as data: all that is particular to a study stands in one TOML file, none of it in code.
//!
//! Built-in files (`projects/`) are compiled in; any other is read from disk. Unknown keys are errors.

mod body_part;
mod raw;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use platform::config;
use serde::Deserialize;

pub use body_part::{BodyParts, Judgement};

use crate::config::ConfigError;

/// The project files that come with the program.
const BUILT_IN: [(&str, &str); 2] = [
    ("nccid", include_str!("../../../projects/nccid.toml")),
    ("mammography", include_str!("../../../projects/mammography.toml")),
];

/// A research project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Short name: lower case letters, digits, hyphens.
    pub name: String,
    /// Its full name.
    pub title: String,
    /// What its pseudonyms begin with.
    pub pseudonym_prefix: String,
    /// The dates of a person that windows hang on.
    pub anchors: Vec<Anchor>,
    /// The groups of people.
    pub arms: Vec<Arm>,
    /// Modality (0008,0060) → folder of the warehouse; a modality that is not here is not collected.
    pub modalities: BTreeMap<String, String>,
    /// Which part of the body is collected.
    pub body_parts: BodyParts,
    /// How long after the end of a closed window archives are still asked, for studies that arrive late.
    pub settle_days: u32,
    /// How long an object that nobody asked for is kept, sealed.
    pub unrequested_days_max: u32,
    /// What must agree before a person's studies are fetched.
    pub second_identifier: SecondIdentifier,
    /// Whether the national data opt-out applies.
    pub national_opt_out: NationalOptOut,
    /// The section `[deidentification]`, read by the de-identification engine.
    pub deidentification: toml::Table,
}

/// A date of a person, as a column of the cohort sheet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Its name, as arms refer to it.
    pub name: String,
    /// Headings under which sheets give it.
    pub headings: Vec<String>,
}

/// A group of people and the window of their studies.
#[derive(Debug, Clone)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Index into `Project::anchors`.
    pub anchor: usize,
    /// What sheets write for it (any case).
    pub sheet_values: Vec<String>,
    /// How far before the anchor.
    pub before: Reach,
    /// How far after the anchor.
    pub after: Reach,
    /// The clinical record of a person in this arm.
    pub clinical: Option<ClinicalForm>,
}

/// How far a window reaches from its anchor; the last day belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whole days; 0 is the anchor day itself.
    Days(u32),
    /// Calendar years.
    Years(u32),
    /// Without end.
    Open,
}

/// The JSON that accompanies a person's images.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClinicalForm {
    /// `data` or `status`: the file is `<Pseudonym>_<record>.json`.
    pub record: Record,
    /// Its fields, in order.
    pub fields: Vec<ClinicalField>,
}

/// Which of the two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// `<Pseudonym>_data.json`
    Data,
    /// `<Pseudonym>_status.json`
    Status,
}

/// One field of a clinical record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicalField {
    /// Its key in the JSON object.
    pub name: String,
    /// What it holds.
    pub value: FieldValue,
}

/// What a clinical field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// The pseudonym.
    Pseudonym,
    /// The trust's name.
    SubmittingCentre,
    /// The anchor date, shifted by the person's offset, in this form.
    AnchorDate(DateForm),
    /// Always this text.
    Fixed(String),
}

/// How a clinical record writes dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum DateForm {
    /// 31/12/2020
    #[serde(rename = "dd/MM/yyyy")]
    DayMonthYear,
    /// 12/31/2020
    #[serde(rename = "MM/dd/yyyy")]
    MonthDayYear,
    /// 2020-12-31
    #[serde(rename = "yyyy-MM-dd")]
    Iso,
}

impl DateForm {
    /// Writes a date.
    pub fn write(self, date: NaiveDate) -> String {
        let form = match self {
            Self::DayMonthYear => "%d/%m/%Y",
            Self::MonthDayYear => "%m/%d/%Y",
            Self::Iso => "%Y-%m-%d",
        };
        date.format(form).to_string()
    }
}

/// What must agree, beside the number asked with, before a person's studies are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondIdentifier {
    /// At least one of these is given and agrees, and none of those given disagrees.
    AnyOf(Vec<Identifier>),
    /// Nothing; why that is right is recorded.
    NotNeeded {
        /// Who decided, and why.
        reason: String,
    },
}

impl SecondIdentifier {
    /// Whether this identifier confirms a person.
    pub fn accepts(&self, identifier: Identifier) -> bool {
        matches!(self, Self::AnyOf(list) if list.contains(&identifier))
    }
}

/// A property of a person that a sheet can give and an archive can confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identifier {
    /// Patient's Birth Date (0010,0030).
    DateOfBirth,
    /// Patient's Sex (0010,0040). Weak: half of all people agree.
    Sex,
    /// The family name component of Patient's Name (0010,0010).
    FamilyName,
    /// A local id beside an NHS number, or the other way round.
    LocalId,
}

/// The national data opt-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NationalOptOut {
    /// It applies: only who was submitted to the checking service and returned by it may be used.
    Applies {
        /// A check older than this counts as none.
        check_age_days_max: u32,
    },
    /// It does not apply; why is recorded. Local objections apply all the same.
    NotNeeded {
        /// Who decided, and why.
        reason: String,
    },
}

impl Project {
    /// The names of the built-in projects.
    pub fn built_in() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The built-in project of that name.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        Self::parse(Self::text_named(name)?)
    }

    /// A built-in name, or else the path of a project file.
    pub fn load(name_or_file: &str) -> Result<Self, ConfigError> {
        if BUILT_IN.iter().any(|(built_in, _)| *built_in == name_or_file) {
            return Self::named(name_or_file);
        }
        raw::meant(config::load(Path::new(name_or_file))?)
    }

    /// Reads a project file.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        raw::meant(config::parse(text, "project file")?)
    }

    /// The text of a built-in project file, to start a new one from.
    pub fn text_named(name: &str) -> Result<&'static str, ConfigError> {
        BUILT_IN.iter().find(|(built_in, _)| *built_in == name).map(|(_, text)| *text).ok_or_else(|| {
            let known = Self::built_in().collect::<Vec<_>>().join(", ");
            let source = std::io::Error::other(format!("no built-in project; there are {known}"));
            config::ConfigError::Unreadable { path: name.into(), source }.into()
        })
    }

    /// The arm of that name.
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|a| a.name == name)
    }

    /// The arm for which a sheet writes that value.
    pub fn arm_of_sheet_value(&self, value: &str) -> Option<&Arm> {
        let value = value.trim();
        self.arms.iter().find(|a| a.sheet_values.iter().any(|v| v.eq_ignore_ascii_case(value)))
    }

    /// The warehouse folder of a modality; `None`: not collected.
    pub fn folder_of(&self, modality: &str) -> Option<&str> {
        self.modalities.get(modality.trim()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_project_reads() {
        for name in Project::built_in() {
            assert_eq!(Project::named(name).unwrap().name, name);
        }
    }

    #[test]
    fn nccid_collects_radiographs_ct_and_mr() {
        let nccid = Project::named("nccid").unwrap();
        let folders = ["CR", "DX", "CT", "MR"].map(|m| nccid.folder_of(m).unwrap());
        assert_eq!(folders, ["xray", "xray", "ct", "mri"]);
        assert_eq!(nccid.folder_of("US"), None);
    }

    #[test]
    fn what_sheets_write_leads_to_the_arm_in_any_case() {
        let nccid = Project::named("nccid").unwrap();
        for (value, arm) in
            [("1", "positive"), (" POSITIVE", "positive"), ("0", "negative"), ("Neg", "negative")]
        {
            assert_eq!(nccid.arm_of_sheet_value(value).unwrap().name, arm);
        }
        assert!(nccid.arm_of_sheet_value("2").is_none());
    }

    #[test]
    fn clinical_forms_are_the_minimal_ones_of_the_collection() {
        let nccid = Project::named("nccid").unwrap();
        let form = |arm: &str| nccid.arm(arm).unwrap().clinical.clone().unwrap();
        let names = |form: &ClinicalForm| form.fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        assert_eq!(form("positive").record, Record::Data);
        assert_eq!(
            names(&form("positive")),
            ["Date of Positive Covid Swab", "Pseudonym", "SubmittingCentre"]
        );
        assert_eq!(form("negative").record, Record::Status);
        assert_eq!(names(&form("negative")), ["Pseudonym", "SubmittingCentre", "SwabStatus", "SwabDate"]);
        let date = NaiveDate::from_ymd_opt(2020, 12, 31).unwrap();
        assert_eq!(DateForm::MonthDayYear.write(date), "12/31/2020");
    }

    #[test]
    fn a_project_must_say_why_no_second_identifier_or_opt_out_is_needed() {
        let text = Project::text_named("nccid").unwrap();
        let silent = text.replace("any_of = [\"date-of-birth\", \"local-id\"]", "any_of = []");
        assert_ne!(silent, text);
        assert!(Project::parse(&silent).unwrap_err().to_string().contains("identity.second_identifier"));
        let recorded = text
            .replace("any_of = [\"date-of-birth\", \"local-id\"]", "not_needed = \"steering group, 1 May\"");
        assert!(matches!(
            Project::parse(&recorded).unwrap().second_identifier,
            SecondIdentifier::NotNeeded { .. }
        ));
    }

    #[test]
    fn an_unknown_key_or_anchor_is_an_error() {
        let text = Project::text_named("nccid").unwrap();
        assert!(Project::parse(&format!("colour = 1\n{text}")).unwrap_err().to_string().contains("colour"));
        let lost = text.replace("anchor = \"swab\"", "anchor = \"swap\"");
        assert!(Project::parse(&lost).unwrap_err().to_string().contains("swap"));
    }
}
