//! What a profile does to an attribute, and why, in words.

use super::types::{Compound, Need};
use super::{Action, AgePolicy, Ages, Profile, ProfileError, Rule, data};
use dicom::tag::{self, Tag, VR, tags};
use std::borrow::Cow;

/// What happens to an attribute, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The tag, eight hexadecimal digits; `X` for any.
    pub tag: String,
    /// Its keyword or its name; empty where it has none.
    pub name: String,
    /// What decides: the project, this program's additions, the table with its codes, or the VR.
    pub because: String,
    /// What is done.
    pub done: Done,
}

/// What is done to an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The same in every object.
    Always(Cow<'static, str>),
    /// It depends on the Type that the attribute has in its object (PS3.5 §7.4): each case and what is done then.
    ByType([(&'static str, Cow<'static, str>); 4]),
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Always(done) => f.write_str(done),
            Self::ByType([(_, one), (_, two), (_, three), _]) => {
                write!(f, "by its Type 1, 2, 3: {one}, {two}, {three}")
            }
        }
    }
}

impl Profile {
    /// Everything that the table, this program and the project list, in the order of the tags; what they do not list goes by its VR.
    pub fn listed(&self) -> Vec<Explanation> {
        let mut patterns: Vec<data::Pattern> = data::table().iter().map(|row| row.pattern).collect();
        patterns.extend(data::additions().iter().map(|addition| addition.pattern));
        patterns.extend(self.overrides.iter().map(|(tag, _)| data::Pattern::exact(*tag)));
        patterns.sort_unstable();
        patterns.dedup();
        patterns.into_iter().map(|pattern| self.told(pattern)).collect()
    }

    /// What happens to one attribute: its keyword (PS3.6), or its tag as `ggggeeee`, `gggg,eeee` or `(gggg,eeee)`.
    pub fn explain(&self, attribute: &str) -> Result<Explanation, ProfileError> {
        let digits: String = attribute.chars().filter(|c| !"(), ".contains(*c)).collect();
        let tag = tag::by_keyword(attribute).or_else(|| data::Pattern::parse(&digits)?.tag());
        let tag = tag.ok_or_else(|| ProfileError::NoSuchAttribute(attribute.to_owned()))?;
        Ok(self.told(data::Pattern::exact(tag)))
    }

    fn told(&self, pattern: data::Pattern) -> Explanation {
        if let Some(tag) = pattern.tag() {
            let (because, done) = self.of_tag(tag);
            let name = tag::entry(tag).map_or_else(String::new, |entry| entry.keyword.to_owned());
            return Explanation { tag: pattern.to_string(), name, because, done };
        }
        let name = data::table().iter().find(|row| row.pattern == pattern).map_or("", |row| row.name);
        let rule = self.patterns.iter().rev().find(|(known, _)| *known == pattern);
        Explanation {
            tag: pattern.to_string(),
            name: name.to_owned(),
            because: self.because(|listed| listed == pattern),
            done: rule.map_or(Done::Always("removed".into()), |(_, rule)| self.done(*rule, VR::UN)),
        }
    }

    /// Why and what, of one tag: the engine's own business, else what is listed, else by its VR.
    fn of_tag(&self, tag: Tag) -> (String, Done) {
        if tag::is_private(tag) {
            return if self.keeps_safe_private() {
                let because = "retain-safe-private: by its creator and place (PS3.15 Table E.3.10-1)";
                (because.into(), Done::Always("kept if it is listed and valid, else removed".into()))
            } else {
                ("private elements do not go out".into(), Done::Always("removed".into()))
            };
        }
        let Some(entry) = tag::entry(tag) else {
            return ("the dictionary of PS3.6 does not have it".into(), Done::Always("removed".into()));
        };
        if let Some((because, done)) = of_the_engine(tag) {
            return (because.into(), Done::Always(done.into()));
        }
        if let Some(rule) = self.rule(tag) {
            let overridden = self.overrides.iter().rev().find(|(overridden, _)| *overridden == tag);
            let because = match overridden {
                Some((_, reason)) => format!("the project: {reason}"),
                None => self.because(|listed| listed.matches(tag)),
            };
            return (because, self.done(rule, entry.vr));
        }
        let because = format!("nothing lists it; its VR is {}", entry.vr);
        (because, self.done(self.unlisted(tag, entry.vr), entry.vr))
    }

    /// What happens to attributes that nothing lists, by their VR, where that differs between profiles.
    pub fn unlisted_by_vr(&self) -> Vec<(VR, Done)> {
        [VR::AS, VR::DA, VR::DT, VR::TM, VR::UI].map(|vr| (vr, self.done(self.unlisted(ANY, vr), vr))).into()
    }

    /// What the additions, else the table, say of what `is_it`: the last that lists it.
    fn because(&self, is_it: impl Fn(data::Pattern) -> bool) -> String {
        if let Some(addition) = self.additions().rev().find(|addition| is_it(addition.pattern)) {
            return format!("added to the table: {}", addition.reason);
        }
        let Some(row) = data::table().iter().rev().find(|row| is_it(row.pattern)) else {
            return String::new();
        };
        let told: Vec<String> =
            self.codes_of(row).map(|(option, code)| format!("{} {code}", option.name())).collect();
        let own = format!("Table E.1-1: {}", row.basic);
        if told.is_empty() { own } else { format!("{own}; {}", told.join(", ")) }
    }

    fn done(&self, rule: Rule, vr: VR) -> Done {
        let words = |action| self.words(action, vr);
        match rule.action {
            Action::ByType(compound) => {
                Done::ByType(cases(compound).map(|(case, action)| (case, words(action))))
            }
            action => Done::Always(words(action)),
        }
    }

    fn words(&self, action: Action, vr: VR) -> Cow<'static, str> {
        let words = match action {
            Action::Remove => "removed",
            Action::Empty => "emptied",
            Action::Dummy | Action::ByType(_) if vr == VR::SQ => "cleaned inside, or a stand-in code",
            Action::Dummy | Action::ByType(_) => "a stand-in",
            Action::Keep | Action::Uid | Action::Shift | Action::Clean if vr == VR::SQ => "cleaned inside",
            Action::Keep if matches!(vr, VR::DA | VR::DT | VR::TM) => "kept as far as it is valid",
            Action::Clean if vr == VR::CS => "kept if it is a listed term or of allowed words",
            Action::Keep if vr == VR::AS => return self.age_words().into(),
            Action::Keep => "kept if it is valid",
            Action::KeepAtTop => "kept in the data set itself, removed from items",
            Action::Uid => "mapped, unless the standard itself defines the UID",
            Action::Shift if vr == VR::TM => "kept as far as it is valid",
            Action::Shift if matches!(vr, VR::DA | VR::DT) => "moved by the person's offset",
            Action::Shift => "kept if it is an offset from UTC, else removed",
            Action::Terms => "kept if it is a listed term or of allowed words, else emptied",
            Action::Clean => "cleaned, word by word",
            Action::Technical => "kept, unless something known of the person stands in it",
            Action::Named => "kept, or a word and a number where it may name somebody",
            Action::Pseudonym => "a keyed stand-in",
        };
        words.into()
    }

    /// What happens to an age that is kept, and to whom.
    fn age_words(&self) -> String {
        let Ages { policy, band_years, min_years, people_min } = self.ages;
        let mut words = match policy {
            AgePolicy::Keep => "kept if it is valid".to_owned(),
            AgePolicy::CapAt90 => "kept, up to 90 years".to_owned(),
        };
        if band_years > 1 {
            words += &format!(", years rounded down to multiples of {band_years}");
        }
        if let Some(years) = min_years {
            words += &format!("; people younger than {years} are held");
        }
        if let Some(people) = people_min {
            words += &format!("; ages that fewer than {people} people have are held");
        }
        words
    }
}

/// A tag that nothing lists, for what is said of a VR.
const ANY: Tag = Tag(0xFFFE, 0x0000);

/// What the engine sees to itself, whatever the lists say.
fn of_the_engine(tag: Tag) -> Option<(&'static str, &'static str)> {
    Some(match tag {
        tags::PATIENT_NAME | tags::PATIENT_ID => ("every object has it", "the pseudonym"),
        tags::PATIENT_IDENTITY_REMOVED
        | tags::DEIDENTIFICATION_METHOD
        | tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE
        | tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED => {
            ("every object says what was done", "written anew at the top level")
        }
        tags::CODE_VALUE | tags::CODING_SCHEME_DESIGNATOR | tags::CODE_MEANING => (
            "codes are judged with their scheme",
            "kept if the scheme is known and the code has its form, else a stand-in",
        ),
        _ if tag.0 <= 0x0002 || tag.1 == 0 => {
            ("file meta information is written anew, and no group length or command goes out", "removed")
        }
        _ => return None,
    })
}

fn cases(compound: Compound) -> [(&'static str, Action); 4] {
    [
        ("Type 1", Some(Need::Value)),
        ("Type 2", Some(Need::Element)),
        ("Type 3, or not in the IOD", Some(Need::Nothing)),
        ("no SOP class of the standard", None),
    ]
    .map(|(case, need)| (case, compound.action(need)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Override, OverrideAction, Settings};

    fn nccid() -> Profile {
        let options = [
            "retain-longitudinal-modified-dates",
            "retain-patient-characteristics",
            "retain-device-identity",
        ];
        let mut settings = Settings::basic("nccid").with_options(&options);
        settings.overrides.push(Override {
            attribute: "StationName".into(),
            action: OverrideAction::Remove,
            reason: "holds the ward".into(),
        });
        Profile::new(&settings).unwrap()
    }

    #[test]
    fn it_says_what_is_done_and_why() {
        let profile = nccid();
        let told = |attribute: &str| {
            let explanation = profile.explain(attribute).unwrap();
            (explanation.because, explanation.done.to_string())
        };
        let of = |because: &str, done: &str| (because.to_owned(), done.to_owned());
        assert_eq!(told("PatientBirthDate"), of("Table E.1-1: Z", "emptied"));
        let moved = "Table E.1-1: Z; retain-longitudinal-modified-dates C";
        assert_eq!(told("StudyDate"), of(moved, "moved by the person's offset"));
        assert_eq!(told("StudyTime"), of(moved, "kept as far as it is valid"));
        let kept = "Table E.1-1: X/Z/D; retain-device-identity K";
        assert_eq!(told("0018,1000"), of(kept, "kept if it is valid"));
        assert_eq!(told("StationName"), of("the project: holds the ward", "removed"));
        assert_eq!(told("PatientName").1, "the pseudonym");
        assert_eq!(told("PatientIdentityRemoved").1, "written anew at the top level");
        assert!(told("CodeMeaning").1.starts_with("kept if the scheme is known"));
        assert_eq!(told("TimezoneOffsetFromUTC").1, "kept if it is an offset from UTC, else removed");
        assert_eq!(told("MediaStorageSOPInstanceUID").1, "removed");
        assert_eq!(told("PixelData").0, "added to the table: the image; judged by the pixel policy");
        assert_eq!(told("SliceThickness"), of("nothing lists it; its VR is DS", "kept if it is valid"));
        assert_eq!(told("(0009,1001)"), of("private elements do not go out", "removed"));
        let by_type = told("InstitutionName");
        assert_eq!(by_type.0, "Table E.1-1: X/Z/D");
        assert_eq!(by_type.1, "by its Type 1, 2, 3: a stand-in, emptied, removed");
        assert!(matches!(profile.explain("Nonsense"), Err(ProfileError::NoSuchAttribute(_))));
    }

    #[test]
    fn what_a_project_says_of_ages_is_told_with_them() {
        let settings = Settings {
            ages: AgePolicy::CapAt90,
            age_band_years: Some(5),
            age_min_years: Some(18),
            age_people_min: Some(4),
            ..Settings::basic("test").with_options(&["retain-patient-characteristics"])
        };
        let told = Profile::new(&settings).unwrap().explain("PatientAge").unwrap();
        assert_eq!(
            told.done.to_string(),
            "kept, up to 90 years, years rounded down to multiples of 5; people younger than 18 are held; \
             ages that fewer than 4 people have are held"
        );
        let removed = Profile::new(&Settings { options: Vec::new(), ..settings }).unwrap();
        assert_eq!(removed.explain("PatientAge").unwrap().done.to_string(), "removed");
    }

    #[test]
    fn everything_that_is_listed_is_told_once() {
        let profile = nccid();
        let listed = profile.listed();
        assert!(listed.len() > data::table().len());
        assert!(listed.iter().all(|told| !told.because.is_empty()), "each has its cause");
        assert!(listed.windows(2).all(|pair| pair[0].tag != pair[1].tag), "none comes twice");
        for told in listed.iter().filter(|told| tag::by_keyword(&told.name).is_some()) {
            assert_eq!(&profile.explain(&told.name).unwrap(), told);
        }
    }
}
