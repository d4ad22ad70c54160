//! A project file as written, and the way from there to what is meant.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Anchor, Arm, BodyParts, ClinicalField, ClinicalForm, DateForm, FieldValue, Identifier, NationalOptOut,
    Project, Reach, SecondIdentifier,
};
use crate::config::{ConfigError, Fault};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProject {
    name: String,
    title: String,
    pseudonym_prefix: String,
    unrequested_days_max: u32,
    anchors: Vec<Anchor>,
    arms: Vec<RawArm>,
    images: RawImages,
    identity: RawIdentity,
    opt_out: RawOptOut,
    #[serde(default)]
    deidentification: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArm {
    name: String,
    anchor: String,
    sheet_values: Vec<String>,
    before: RawReach,
    after: RawReach,
    clinical: Option<ClinicalForm>,
}

/// `{ days = 28 }`, `{ years = 3 }` or `{ open = true }`: exactly one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReach {
    days: Option<u32>,
    years: Option<u32>,
    #[serde(default)]
    open: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawImages {
    settle_days: u32,
    modalities: BTreeMap<String, String>,
    body_parts: RawBodyParts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBodyParts {
    wanted: Vec<String>,
    elsewhere: Vec<String>,
    wanted_words: Vec<String>,
    elsewhere_words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    second_identifier: RawSecondIdentifier,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSecondIdentifier {
    #[serde(default)]
    any_of: Vec<Identifier>,
    not_needed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOptOut {
    check_age_days_max: Option<u32>,
    not_needed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    name: String,
    from: Option<FieldSource>,
    form: Option<DateForm>,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FieldSource {
    Pseudonym,
    SubmittingCentre,
    AnchorDate,
}

impl<'de> Deserialize<'de> for ClinicalField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawField::deserialize(deserializer)?;
        let value = match (raw.from, raw.form, raw.value) {
            (Some(FieldSource::Pseudonym), None, None) => FieldValue::Pseudonym,
            (Some(FieldSource::SubmittingCentre), None, None) => FieldValue::SubmittingCentre,
            (Some(FieldSource::AnchorDate), Some(form), None) => FieldValue::AnchorDate(form),
            (None, None, Some(text)) => FieldValue::Fixed(text),
            _ => {
                return Err(serde::de::Error::custom(
                    "give from = \"pseudonym\" or \"submitting-centre\", or from = \"anchor-date\" with form, or value",
                ));
            }
        };
        Ok(Self { name: raw.name, value })
    }
}

/// The project, or every fault in its file.
pub(super) fn meant(raw: RawProject) -> Result<Project, ConfigError> {
    let mut faults = Vec::new();
    let mut note = |key: &str, what: &str| faults.push(Fault { key: key.into(), what: what.into() });
    if raw.name.is_empty()
        || !raw.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        note("name", "lower case letters, digits and hyphens");
    }
    let prefix = &raw.pseudonym_prefix;
    if !(1..=12).contains(&prefix.len()) || !prefix.bytes().all(|b| b.is_ascii_alphanumeric()) {
        note("pseudonym_prefix", "1 to 12 letters and digits");
    }
    if raw.arms.is_empty() || raw.images.modalities.is_empty() {
        note("arms", "at least one arm, and one modality in images.modalities");
    }
    let arms = raw.arms.into_iter().map(|a| arm(a, &raw.anchors, &mut note)).collect();
    let second_identifier =
        match (raw.identity.second_identifier.not_needed, raw.identity.second_identifier.any_of) {
            (None, list) if !list.is_empty() => SecondIdentifier::AnyOf(list),
            (Some(reason), list) if list.is_empty() && !reason.trim().is_empty() => {
                SecondIdentifier::NotNeeded { reason }
            }
            _ => {
                note("identity.second_identifier", "give any_of, or not_needed = \"who decided, and why\"");
                SecondIdentifier::AnyOf(Vec::new())
            }
        };
    let national_opt_out = match (raw.opt_out.check_age_days_max, raw.opt_out.not_needed) {
        (Some(check_age_days_max), None) => NationalOptOut::Applies { check_age_days_max },
        (None, Some(reason)) if !reason.trim().is_empty() => NationalOptOut::NotNeeded { reason },
        _ => {
            note("opt_out", "give check_age_days_max, or not_needed = \"who decided, and why\"");
            NationalOptOut::Applies { check_age_days_max: 0 }
        }
    };
    let parts = raw.images.body_parts;
    let project = Project {
        name: raw.name,
        title: raw.title,
        pseudonym_prefix: raw.pseudonym_prefix,
        anchors: raw.anchors,
        arms,
        modalities: raw.images.modalities,
        body_parts: BodyParts::new(parts.wanted, parts.elsewhere, parts.wanted_words, parts.elsewhere_words),
        settle_days: raw.images.settle_days,
        unrequested_days_max: raw.unrequested_days_max,
        second_identifier,
        national_opt_out,
        deidentification: raw.deidentification,
    };
    same_value_twice(&project, &mut note);
    if faults.is_empty() { Ok(project) } else { Err(ConfigError::Faults(faults)) }
}

fn arm(raw: RawArm, anchors: &[Anchor], note: &mut impl FnMut(&str, &str)) -> Arm {
    let key = format!("arms.{}", raw.name);
    let anchor = anchors.iter().position(|a| a.name == raw.anchor).unwrap_or_else(|| {
        note(&format!("{key}.anchor"), &format!("there is no [[anchors]] entry named {}", raw.anchor));
        0
    });
    if raw.sheet_values.is_empty() {
        note(&format!("{key}.sheet_values"), "at least one value that sheets write for this arm");
    }
    let mut reach = |side: &str, raw: RawReach| match (raw.days, raw.years, raw.open) {
        (Some(days), None, false) => Reach::Days(days),
        (None, Some(years), false) => Reach::Years(years),
        (None, None, true) => Reach::Open,
        _ => {
            note(&format!("{key}.{side}"), "one of { days = … }, { years = … }, { open = true }");
            Reach::Days(0)
        }
    };
    let (before, after) = (reach("before", raw.before), reach("after", raw.after));
    Arm { name: raw.name, anchor, sheet_values: raw.sheet_values, before, after, clinical: raw.clinical }
}

/// One value in a sheet must not mean two arms.
fn same_value_twice(project: &Project, note: &mut impl FnMut(&str, &str)) {
    for (i, arm) in project.arms.iter().enumerate() {
        for value in &arm.sheet_values {
            if project.arms[..i].iter().any(|a| a.sheet_values.iter().any(|v| v.eq_ignore_ascii_case(value)))
            {
                note(
                    &format!("arms.{}.sheet_values", arm.name),
                    &format!("{value} already means another arm"),
                );
            }
        }
    }
}
