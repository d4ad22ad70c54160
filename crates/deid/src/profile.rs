//! The profile: what happens to each attribute, from PS3.15 Table E.1-1, the options of a project and its overrides.
//!
//! The table and this project's additions are data files under `profiles/`, compiled in and read once. What the table does
//! not list is decided by its value representation, strictly: see `tags`.

mod codes;
mod data;
mod explain;
mod settings;
mod types;

pub use explain::{Done, Explanation};
pub(crate) use settings::Ages;
pub use settings::{
    AgePolicy, Allowed, DeviceRegions, ForProcessing, InspectPrimary, LossyJpeg, Override, OverrideAction,
    PixelSettings, ProfileError, Settings,
};

use crate::recent::Recent;
use crate::text::{DatesInText, Identifier, TextCleaner};
pub(crate) use codes::CodeForm;
use data::Row;
pub(crate) use data::{code_form, codes as listed_codes, identifying_concept};
#[cfg(test)]
pub(crate) use data::{compound_rows, sop_classes, types as type_rows};
use dicom::tag::{self, Tag, VR, tags};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use types::Compound;
pub(crate) use types::Types;

/// The options of PS3.15 Table E.1-1 and CID 7050, by their names in a project file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileOption {
    /// `clean-pixel-data` (E.3.1).
    CleanPixelData,
    /// `clean-recognizable-visual-features` (E.3.2).
    CleanRecognizableVisualFeatures,
    /// `clean-graphics` (E.3.3).
    CleanGraphics,
    /// `clean-structured-content` (E.3.4).
    CleanStructuredContent,
    /// `clean-descriptors` (E.3.5).
    CleanDescriptors,
    /// `retain-longitudinal-full-dates` (E.3.6).
    RetainLongitudinalFullDates,
    /// `retain-longitudinal-modified-dates` (E.3.6).
    RetainLongitudinalModifiedDates,
    /// `retain-patient-characteristics` (E.3.7).
    RetainPatientCharacteristics,
    /// `retain-device-identity` (E.3.8).
    RetainDeviceIdentity,
    /// `retain-uids` (E.3.9).
    RetainUids,
    /// `retain-safe-private` (E.3.10).
    RetainSafePrivate,
    /// `retain-institution-identity` (E.3.11).
    RetainInstitutionIdentity,
}

use ProfileOption as O;

impl ProfileOption {
    /// Every option: name, code and meaning of CID 7050 (PS3.16).
    const ALL: [(Self, &'static str, &'static str, &'static str); 12] = [
        (O::CleanPixelData, "clean-pixel-data", "113101", "Clean Pixel Data Option"),
        (
            O::CleanRecognizableVisualFeatures,
            "clean-recognizable-visual-features",
            "113102",
            "Clean Recognizable Visual Features Option",
        ),
        (O::CleanGraphics, "clean-graphics", "113103", "Clean Graphics Option"),
        (O::CleanStructuredContent, "clean-structured-content", "113104", "Clean Structured Content Option"),
        (O::CleanDescriptors, "clean-descriptors", "113105", "Clean Descriptors Option"),
        (
            O::RetainLongitudinalFullDates,
            "retain-longitudinal-full-dates",
            "113106",
            "Retain Longitudinal Temporal Information Full Dates Option",
        ),
        (
            O::RetainLongitudinalModifiedDates,
            "retain-longitudinal-modified-dates",
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ),
        (
            O::RetainPatientCharacteristics,
            "retain-patient-characteristics",
            "113108",
            "Retain Patient Characteristics Option",
        ),
        (O::RetainDeviceIdentity, "retain-device-identity", "113109", "Retain Device Identity Option"),
        (O::RetainUids, "retain-uids", "113110", "Retain UIDs Option"),
        (O::RetainSafePrivate, "retain-safe-private", "113111", "Retain Safe Private Option"),
        (
            O::RetainInstitutionIdentity,
            "retain-institution-identity",
            "113112",
            "Retain Institution Identity Option",
        ),
    ];

    /// The option of this name.
    pub fn parse(name: &str) -> Result<Self, ProfileError> {
        match Self::ALL.iter().find(|(_, known, ..)| *known == name) {
            Some((option, ..)) => Ok(*option),
            None => Err(ProfileError::UnknownOption(name.to_owned())),
        }
    }

    /// Every option of the standard.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().map(|(option, ..)| *option)
    }

    /// Its name in a project file.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Its code and meaning in CID 7050.
    pub fn code(self) -> (&'static str, &'static str) {
        let row = self.row();
        (row.2, row.3)
    }

    /// What Deidentification Method (0012,0063) says of it.
    pub(crate) fn method(self) -> &'static str {
        self.row().3.trim_end_matches(" Option")
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        let at = Self::ALL.iter().position(|(option, ..)| *option == self).unwrap_or(0);
        &Self::ALL[at]
    }
}

/// The IOD of a storage SOP class of the standard, as `ct-image` (PS3.4 B.5).
pub fn iod(sop_class: &str) -> Option<&'static str> {
    data::sop_classes().find(|(uid, _)| *uid == sop_class).map(|(_, iod)| iod)
}

/// What happens to the dates of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// The profile's own action; what the table does not list is removed.
    Remove,
    /// Moved by the patient's offset.
    Shift,
    /// Kept.
    Keep,
}

/// What happens to one attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// X: removed.
    Remove,
    /// Z: emptied.
    Empty,
    /// D: a value that stands in for it.
    Dummy,
    /// K: kept if it is valid for its VR; a sequence is cleaned.
    Keep,
    /// K, at the top level of the data set only.
    KeepAtTop,
    /// U: mapped, unless the standard itself defines the UID; a sequence is cleaned (U*).
    Uid,
    /// C under modified dates: moved by the offset of the patient.
    Shift,
    /// Kept if its value is a listed term, or holds nothing but allowed words.
    Terms,
    /// C: text is cleaned, word by word; a sequence is cleaned.
    Clean,
    /// Kept, whatever its words; cleaned only where something stands in it that is known of the person.
    Technical,
    /// Kept, whatever its words; a keyed word and number where something known of the person, or a long number, stands in it.
    Named,
    /// A keyed stand-in for each value.
    Pseudonym,
    /// The Type that the attribute has in its object decides; see [`Rule::in_object`].
    ByType(Compound),
}

/// An attribute of the profile: its action, and what to do where that cannot be carried out because the value is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) action: Action,
    pub(crate) fallback: Action,
}

impl Rule {
    /// The rule for an attribute in an item of this sequence, or in the data set itself, of an object of these Types.
    pub(crate) fn in_object(self, types: Types, sequence: Option<Tag>, tag: Tag) -> Self {
        let settled = |action| match action {
            Action::ByType(compound) => compound.action(types.need(sequence, tag)),
            action => action,
        };
        Self { action: settled(self.action), fallback: settled(self.fallback) }
    }
}

/// Why an object stays for now whose age would go out, and whose age fewer people have than `age_people_min` asks for.
pub const AGE_FEW_PEOPLE: &str = "age-few-people";

/// A profile, ready to apply.
pub struct Profile {
    name: String,
    edition: &'static str,
    options: BTreeSet<ProfileOption>,
    rules: FxHashMap<Tag, Rule>,
    patterns: Vec<(data::Pattern, Rule)>,
    ages: Ages,
    words: Arc<BTreeSet<String>>,
    text_cleaners: Recent<(Vec<Identifier>, DatesInText), TextCleaner>,
    /// What the project treats otherwise, and its reasons.
    overrides: Vec<(Tag, String)>,
}

impl Profile {
    /// The profile that a project's settings describe.
    pub fn new(settings: &Settings) -> Result<Self, ProfileError> {
        if settings.edition != data::EDITION {
            return Err(ProfileError::UnknownEdition(settings.edition.clone()));
        }
        let mut options = BTreeSet::new();
        for name in &settings.options {
            options.insert(ProfileOption::parse(name)?);
        }
        if options.contains(&O::RetainLongitudinalFullDates)
            && options.contains(&O::RetainLongitudinalModifiedDates)
        {
            return Err(ProfileError::TwoDateOptions);
        }
        let mut profile = Self {
            name: settings.name.clone(),
            edition: data::EDITION_NAME,
            rules: FxHashMap::default(),
            patterns: Vec::new(),
            options,
            ages: settings.ages()?,
            words: Arc::new(settings.words()?),
            text_cleaners: Recent::new(),
            overrides: Vec::new(),
        };
        for row in data::table() {
            let rule = profile.resolve(row);
            profile.set(row.pattern, rule);
        }
        for data::Addition { pattern, action, .. } in profile.additions() {
            let fallback = match action {
                Action::Terms | Action::Technical | Action::Named => Action::Empty,
                Action::Clean => Action::Dummy,
                _ => Action::Remove,
            };
            profile.set(*pattern, Rule { action: *action, fallback });
        }
        for change in &settings.overrides {
            let tag = change.tag()?;
            let fallback = profile.rule(tag).map_or(Action::Remove, |rule| rule.fallback);
            profile.set(data::Pattern::exact(tag), Rule { action: change.action.into(), fallback });
            profile.overrides.push((tag, change.reason.clone()));
        }
        Ok(profile)
    }

    /// What this program adds to the table under these options.
    pub(crate) fn additions(&self) -> impl DoubleEndedIterator<Item = &'static data::Addition> + use<> {
        let keeps_dates = self.dates() == Dates::Keep;
        data::additions().iter().filter(move |addition| !(addition.is_version && keeps_dates))
    }

    /// The project's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The edition of the standard that it follows, e.g. `PS3.15 2024e`.
    pub fn edition(&self) -> &str {
        self.edition
    }

    /// Its options.
    pub fn options(&self) -> impl Iterator<Item = ProfileOption> {
        self.options.iter().copied()
    }

    /// What Deidentification Method (0012,0063) says where all of it was carried out.
    pub(crate) fn methods(&self) -> Vec<String> {
        let options = self.options().map(|option| option.method().to_owned());
        let edition = format!("{} Basic Profile", self.edition);
        [edition].into_iter().chain(options).chain([crate::ENGINE.to_owned()]).collect()
    }

    /// What happens to dates.
    pub fn dates(&self) -> Dates {
        if self.options.contains(&O::RetainLongitudinalModifiedDates) {
            Dates::Shift
        } else if self.options.contains(&O::RetainLongitudinalFullDates) {
            Dates::Keep
        } else {
            Dates::Remove
        }
    }

    /// Whether UIDs are mapped.
    pub fn maps_uids(&self) -> bool {
        !self.options.contains(&O::RetainUids)
    }

    /// Whether private elements that are known to be safe are kept.
    pub(crate) fn keeps_safe_private(&self) -> bool {
        self.options.contains(&O::RetainSafePrivate)
    }

    /// How many people must have an age that goes out; `None` where nobody counts, or no age goes out.
    pub fn age_people_min(&self) -> Option<u32> {
        self.ages.people_min.filter(|_| self.keeps_ages())
    }

    /// Whether ages go out.
    pub(crate) fn keeps_ages(&self) -> bool {
        self.rule(tags::PATIENT_AGE).is_some_and(|rule| rule.action == Action::Keep)
    }

    /// What happens to ages.
    pub(crate) fn ages(&self) -> Ages {
        self.ages
    }

    /// What cleans text of these identifiers, and of what the project's reviewer does not allow beside the vocabulary.
    pub(crate) fn text_cleaner(&self, identifiers: Vec<Identifier>, dates: DatesInText) -> Arc<TextCleaner> {
        self.text_cleaners.get((identifiers, dates), |(identifiers, dates)| {
            TextCleaner::new(identifiers, *dates, Arc::clone(&self.words))
        })
    }

    /// Whether this option is among the profile's.
    pub(crate) fn has(&self, option: ProfileOption) -> bool {
        self.options.contains(&option)
    }

    /// What the table, the additions or the overrides say of this attribute; `None` where they do not list it.
    pub(crate) fn rule(&self, tag: Tag) -> Option<Rule> {
        self.rules.get(&tag).copied().or_else(|| {
            // Later patterns stand above earlier ones.
            self.patterns.iter().rev().find(|(pattern, _)| pattern.matches(tag)).map(|(_, rule)| *rule)
        })
    }

    /// What happens to an attribute in an item of this sequence, or in the data set itself, of an object of these Types. `vr` is
    /// the dictionary's.
    pub(crate) fn rule_in(&self, types: Types, sequence: Option<Tag>, tag: Tag, vr: VR) -> Rule {
        self.rule(tag).unwrap_or_else(|| self.unlisted(tag, vr)).in_object(types, sequence, tag)
    }

    /// What happens to an attribute that nothing lists, by the VR that the dictionary gives it.
    pub(crate) fn unlisted(&self, tag: Tag, vr: VR) -> Rule {
        let action = match vr {
            VR::SQ | VR::AS | VR::IS | VR::DS => Action::Keep,
            VR::US | VR::SS | VR::UL | VR::SL | VR::UV | VR::SV | VR::FL | VR::FD | VR::AT => Action::Keep,
            VR::UI if self.maps_uids() => Action::Uid,
            VR::UI => Action::Keep,
            // Where people type codes, terms are listed; elsewhere machines write them.
            VR::CS if data::has_terms(tag) => Action::Terms,
            VR::CS => Action::Technical,
            VR::DA | VR::DT | VR::TM => match self.dates() {
                Dates::Remove => Action::Remove,
                Dates::Shift => Action::Shift,
                Dates::Keep => Action::Keep,
            },
            // The standard keeps what its table does not list; text could say anything all the same.
            VR::LO | VR::SH | VR::ST | VR::LT | VR::UC | VR::UT => Action::Clean,
            // Numbers, if they do not spell text throughout.
            VR::OF | VR::OD | VR::OL | VR::OV => Action::Keep,
            _ => Action::Remove,
        };
        // A coded string without a listed term, and a number that is none, is emptied: that is never less valid than its absence (PS3.5 §7.4).
        // Text of which nothing is left has a stand-in: some of it must not be empty, and the table says nothing of it.
        let fallback = match action {
            Action::Clean => Action::Dummy,
            Action::Shift | Action::Terms | Action::Technical => Action::Empty,
            Action::Keep if matches!(vr, VR::IS | VR::DS | VR::AS) => Action::Empty,
            _ => Action::Remove,
        };
        Rule { action, fallback }
    }

    /// The listed term that this value spells, for an attribute of this VR; the spelling of the list is what goes out.
    pub(crate) fn term(&self, tag: Tag, vr: VR, value: &str) -> Option<&'static str> {
        data::term(tag, vr, value)
    }

    /// The listed term that this value of a coded attribute spells, whatever the project.
    pub(crate) fn listed_term(tag: Tag, value: &str) -> Option<&'static str> {
        data::term(tag, VR::CS, value)
    }

    fn set(&mut self, pattern: data::Pattern, rule: Rule) {
        match pattern.tag() {
            Some(tag) => {
                self.rules.insert(tag, rule);
            }
            None => self.patterns.push((pattern, rule)),
        }
    }

    /// The action for a row of the table under this profile's options.
    ///
    /// The option for dates goes before every other, and one that keeps before one that cleans.
    fn resolve(&self, row: &Row) -> Rule {
        let fallback = basic(row.basic);
        let rule = |action| Rule { action, fallback };
        if self.dates() == Dates::Shift && row.modified_dates == "C" {
            return rule(Action::Shift);
        }
        let says = |wanted| self.codes_of(row).any(|(_, code)| code == wanted);
        rule(match () {
            () if says("K") => Action::Keep,
            () if says("C") => Action::Clean,
            () => fallback,
        })
    }

    /// What the options of this profile say in a row of the table.
    fn codes_of(&self, row: &Row) -> impl Iterator<Item = (ProfileOption, &'static str)> {
        let codes = [
            (O::RetainUids, row.uids),
            (O::RetainDeviceIdentity, row.device),
            (O::RetainInstitutionIdentity, row.institution),
            (O::RetainPatientCharacteristics, row.patient),
            (O::RetainLongitudinalFullDates, row.full_dates),
            (O::RetainLongitudinalModifiedDates, row.modified_dates),
            (O::CleanDescriptors, row.descriptors),
            (O::CleanStructuredContent, row.structured),
            (O::CleanGraphics, row.graphics),
        ];
        codes.into_iter().filter(|(option, code)| !code.is_empty() && self.options.contains(option))
    }
}

/// The Basic Profile's action.
fn basic(code: &str) -> Action {
    match code {
        "X" => Action::Remove,
        "Z" => Action::Empty,
        "U" => Action::Uid,
        "K" => Action::Keep,
        _ => Compound::parse(code).map_or(Action::Dummy, Action::ByType),
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({}, {}, {:?})", self.name, self.edition, self.options)
    }
}

/// Whether the standard itself defines this UID, so that it identifies nobody (PS3.6 Annex A).
///
/// A UID that only borrows the standard's root, with a date or a number behind it, is not one of its own.
pub(crate) fn is_well_known(uid: &str) -> bool {
    let is_context_group =
        |number: &str| (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    data::well_known_uids().contains(uid)
        || uid.strip_prefix("1.2.840.10008.6.1.").is_some_and(is_context_group)
}

/// The keyword of an attribute, for reports; its number where the dictionary has none.
pub(crate) fn attribute_name(tag: Tag) -> String {
    tag::entry(tag).map_or_else(|| tag.to_string(), |entry| entry.keyword.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::tag::tags;

    fn profile(options: &[&str]) -> Profile {
        Profile::new(&Settings::basic("test").with_options(options)).unwrap()
    }

    const NCCID: [&str; 3] =
        ["retain-longitudinal-modified-dates", "retain-patient-characteristics", "retain-device-identity"];

    #[test]
    fn the_table_is_whole() {
        assert_eq!(data::table().len(), 621);
        assert_eq!(data::table().iter().filter(|row| row.uids == "K").count(), 59);
        assert_eq!(data::table().iter().filter(|row| row.modified_dates == "C").count(), 165);
    }

    #[test]
    fn compound_actions_take_what_keeps_the_object_valid() {
        let basic = profile(&[]);
        let unknown = Types::of(None);
        let action = |tag| basic.rule(tag).unwrap().in_object(unknown, None, tag).action;
        assert_eq!(action(tags::INSTITUTION_NAME), Action::Dummy);
        assert_eq!(action(tags::ACQUISITION_DATE), Action::Empty);
        assert_eq!(action(tags::REFERENCED_IMAGE_SEQUENCE), Action::Uid);
        let ct = Types::of(Some("1.2.840.10008.5.1.4.1.1.2"));
        let in_ct = |tag| basic.rule(tag).unwrap().in_object(ct, None, tag).action;
        assert_eq!(in_ct(tags::INSTITUTION_NAME), Action::Remove);
        assert_eq!(in_ct(tags::REFERENCED_IMAGE_SEQUENCE), Action::Remove);
        assert_eq!(action(tags::PATIENT_BIRTH_DATE), Action::Empty);
        assert_eq!(action(Tag(0x6002, 0x3000)), Action::Remove);
        assert_eq!(action(Tag(0x5010, 0x2500)), Action::Remove);
    }

    #[test]
    fn the_date_option_wins_over_device_identity() {
        let nccid = profile(&NCCID);
        assert_eq!(nccid.rule(tags::DATE_OF_LAST_CALIBRATION).unwrap().action, Action::Shift);
        assert_eq!(nccid.rule(tags::DEVICE_SERIAL_NUMBER).unwrap().action, Action::Keep);
        assert_eq!(nccid.rule(tags::PATIENT_AGE).unwrap().action, Action::Keep);
        assert_eq!(nccid.rule(tags::PATIENT_BIRTH_DATE).unwrap().action, Action::Empty);
        assert_eq!(nccid.rule(tags::STATION_AE_TITLE).unwrap().action, Action::Clean);
    }

    #[test]
    fn a_date_that_the_world_knows_is_never_shifted() {
        assert_eq!(profile(&NCCID).rule(tags::CONTEXT_GROUP_VERSION).unwrap().action, Action::Remove);
    }

    #[test]
    fn options_that_nobody_knows_or_that_contradict_each_other_are_refused() {
        assert!(matches!(ProfileOption::parse("keep-everything"), Err(ProfileError::UnknownOption(_))));
        let two = ["retain-longitudinal-modified-dates", "retain-longitudinal-full-dates"];
        let settings = Settings::basic("test").with_options(&two);
        assert!(matches!(Profile::new(&settings), Err(ProfileError::TwoDateOptions)));
    }

    #[test]
    fn people_are_counted_by_age_where_ages_go_out() {
        let settings = |people, options: &[&str]| {
            let basic = Settings::basic("test").with_options(options);
            Settings { age_people_min: people, ..basic }
        };
        let kept = ["retain-patient-characteristics"];
        assert_eq!(Profile::new(&settings(Some(5), &kept)).unwrap().age_people_min(), Some(5));
        assert_eq!(Profile::new(&settings(Some(5), &[])).unwrap().age_people_min(), None, "no age goes out");
        assert!(matches!(Profile::new(&settings(Some(1), &kept)), Err(ProfileError::AgePeople)));
    }

    #[test]
    fn an_override_needs_a_known_attribute_and_stands_above_the_table() {
        let mut settings = Settings::basic("test").with_options(&NCCID);
        settings.overrides.push(Override {
            attribute: "StationName".into(),
            action: OverrideAction::Remove,
            reason: "holds the ward".into(),
        });
        let profile = Profile::new(&settings).unwrap();
        assert_eq!(profile.rule(tags::STATION_NAME).unwrap().action, Action::Remove);
        settings.overrides[0].attribute = "StationNome".into();
        assert!(matches!(Profile::new(&settings), Err(ProfileError::UnknownAttribute(_))));
    }

    #[test]
    fn a_borrowed_root_is_not_well_known() {
        assert!(is_well_known("1.2.840.10008.5.1.4.1.1.481.10"));
        assert!(is_well_known("1.2.840.10008.1.2.1") && is_well_known("1.2.840.10008.6.1.29"));
        assert!(!is_well_known("1.2.840.10008.19530412.9990000018"));
        assert!(!is_well_known("1.2.840.10008.9990.0000.18.1"));
        assert!(!is_well_known("1.2.840.10008.5.1.4.1.1.2.1234.12"));
        assert!(!is_well_known("1.2.3"));
    }
}
