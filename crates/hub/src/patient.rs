//! Is this the right person? What an archive says of a patient, held against what the linkage knows (house rule: never merge).

use crate::config::{NhsNumberIn, Source};
use crate::linkage::Identity;
use crate::project::{Identifier, SecondIdentifier};
use deid::identity::{NhsNumber, is_nobodys};
use dicom::dataset::Dataset;
use dicom::tag::{Tag, tags};

/// Other Patient IDs (0010,1000): retired, and still where many archives keep the NHS number.
pub const OTHER_PATIENT_IDS: Tag = Tag(0x0010, 0x1000);

/// What an archive, or an object, says of its patient. Lives only while it is compared; never stored, never printed.
#[derive(Default)]
pub struct Claimed {
    /// Patient ID and its issuer as stated.
    pub patient_id: Option<(String, Option<String>)>,
    /// Other patient ids, with their issuers where stated.
    pub other_ids: Vec<(String, Option<String>)>,
    /// YYYYMMDD.
    pub birth_date: Option<String>,
    /// `M`, `F`, `O`.
    pub sex: Option<String>,
    /// Family name component of each group of Patient's Name.
    pub family_names: Vec<String>,
}

impl Claimed {
    /// From an answer to C-FIND.
    pub fn of_answer(answer: &Dataset) -> Self {
        let text = |tag| answer.text(tag).map(str::to_owned);
        let plain = answer.texts(OTHER_PATIENT_IDS).filter(|id| !id.is_empty());
        let mut other_ids: Vec<(String, Option<String>)> = plain.map(|id| (id.to_owned(), None)).collect();
        for item in answer.items(tags::OTHER_PATIENT_I_DS_SEQUENCE) {
            if let Some(id) = item.text(tags::PATIENT_ID) {
                other_ids.push((id.to_owned(), item.text(tags::ISSUER_OF_PATIENT_ID).map(str::to_owned)));
            }
        }
        Self {
            patient_id: text(tags::PATIENT_ID).map(|id| (id, text(tags::ISSUER_OF_PATIENT_ID))),
            other_ids,
            birth_date: text(tags::PATIENT_BIRTH_DATE),
            sex: text(tags::PATIENT_SEX),
            family_names: answer.text(tags::PATIENT_NAME).map(family_names).unwrap_or_default(),
        }
    }

    /// Without what reads as a number that stands for nobody at this hub, wherever it stands.
    pub fn without(mut self, placeholders: &[String]) -> Self {
        let is_nobody = |id: &str| {
            let digits: String = id.chars().filter(char::is_ascii_digit).collect();
            NhsNumber::parse(id).is_ok() && placeholders.contains(&digits)
        };
        self.patient_id = self.patient_id.filter(|(id, _)| !is_nobody(id));
        self.other_ids.retain(|(id, _)| !is_nobody(id));
        self
    }

    /// Whether an answer names, in the key that was asked by, only others than the one asked for: some archives answer as if
    /// a key that they do not support had not been asked.
    pub fn is_of_another(&self, key: Tag, asked: &str) -> bool {
        let plain = |id: &str| -> String {
            id.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect()
        };
        let stated = if key == OTHER_PATIENT_IDS { &self.other_ids[..] } else { self.patient_id.as_slice() };
        let mut stated = stated.iter().map(|(id, _)| plain(id)).filter(|id| !id.is_empty()).peekable();
        stated.peek().is_some() && stated.all(|id| id != plain(asked))
    }

    /// The NHS numbers that stand where this archive keeps them. Elsewhere ten digits are a local id: one in eleven of those
    /// passes Modulus 11 as well.
    pub fn nhs_numbers(&self, source: &Source) -> Vec<NhsNumber> {
        let ids: &mut dyn Iterator<Item = &(String, Option<String>)> = match source.nhs_number_in {
            NhsNumberIn::PatientId => &mut self.patient_id.iter(),
            NhsNumberIn::OtherPatientIds => &mut self.other_ids.iter(),
            NhsNumberIn::None => return Vec::new(),
        };
        let mut found: Vec<NhsNumber> = ids.filter_map(|(id, _)| NhsNumber::parse(id).ok()).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The local ids: (issuer, id). One that states no issuer is the archive's own, if it has one.
    pub fn local_ids(&self, source: &Source) -> Vec<(String, String)> {
        let numbers: Vec<String> = self.nhs_numbers(source).iter().map(NhsNumber::digits).collect();
        let issuer = |stated: &Option<String>| stated.clone().or_else(|| source.issuer.clone());
        let ids = self.patient_id.iter().chain(&self.other_ids);
        ids.filter_map(|(id, stated)| Some((issuer(stated)?, id.trim().to_owned())))
            .filter(|(issuer, id)| {
                source.knows_local_ids_of(issuer)
                    && !is_nobodys(id)
                    && !NhsNumber::parse(id).is_ok_and(|number| numbers.contains(&number.digits()))
            })
            .collect()
    }

    /// Whether this is the person that the linkage knows. `asked_by_number` tells which identifier found the answer: that one
    /// must agree as well, and does not count as the second.
    pub fn confirms(
        &self,
        known: &Identity,
        rule: &SecondIdentifier,
        source: &Source,
        asked_by_number: bool,
    ) -> bool {
        let numbers = self.nhs_numbers(source);
        // An archive that states no NHS number says nothing about it; one that states another speaks of somebody else.
        let number_agrees = (known.nhs_number.as_ref())
            .filter(|_| !numbers.is_empty())
            .map(|known| numbers.iter().any(|n| n.digits() == *known));
        if number_agrees == Some(false) {
            return false;
        }
        let stated = self.local_ids(source);
        let local_agrees = known
            .local_ids
            .iter()
            .any(|(issuer, id)| stated.iter().any(|(at, other)| same(at, issuer) && other == id.trim()));
        let first = if asked_by_number { number_agrees == Some(true) } else { local_agrees };
        if !first {
            return false;
        }
        let SecondIdentifier::AnyOf(_) = rule else { return true };
        let mut agreed = false;
        for (identifier, agrees) in [
            (Identifier::DateOfBirth, compare(known.birth_date.as_deref(), self.birth_date.as_deref())),
            (Identifier::Sex, compare(known.sex.as_deref(), self.sex.as_deref())),
            (
                Identifier::FamilyName,
                known
                    .family_name
                    .as_deref()
                    .filter(|_| !self.family_names.is_empty())
                    .map(|known| self.family_names.iter().any(|stated| same(stated, known))),
            ),
            (Identifier::LocalId, if asked_by_number { local_agrees.then_some(true) } else { number_agrees }),
        ] {
            match agrees {
                Some(false) => return false,
                Some(true) if rule.accepts(identifier) => agreed = true,
                _ => {}
            }
        }
        agreed
    }
}

fn compare(known: Option<&str>, stated: Option<&str>) -> Option<bool> {
    Some(same(known?, stated?))
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// The family name of each component group (PS3.5 §6.2, PN).
pub fn family_names(name: &str) -> Vec<String> {
    name.split('=')
        .filter_map(|group| group.split('^').next())
        .map(str::trim)
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn source(name: &str) -> Source {
        let config = Config::parse(include_str!("../../../docs/samples/hub.toml"), Path::new("/")).unwrap();
        config.sources.into_iter().find(|s| s.name == name).unwrap()
    }

    fn known() -> Identity {
        Identity {
            nhs_number: Some("9990000018".into()),
            birth_date: Some("19500101".into()),
            ..Identity::default()
        }
    }

    fn claimed(id: &str, birth: &str) -> Claimed {
        Claimed { patient_id: Some((id.into(), None)), birth_date: Some(birth.into()), ..Claimed::default() }
    }

    #[test]
    fn a_number_needs_a_second_identifier_that_agrees() {
        let (rule, source) = (SecondIdentifier::AnyOf(vec![Identifier::DateOfBirth]), source("alder"));
        assert!(claimed("999 000 0018", "19500101").confirms(&known(), &rule, &source, true));
        assert!(!claimed("9990000018", "19500102").confirms(&known(), &rule, &source, true));
        assert!(!claimed("9990000026", "19500101").confirms(&known(), &rule, &source, true));
        let silent = Claimed { birth_date: None, ..claimed("9990000018", "") };
        assert!(!silent.confirms(&known(), &rule, &source, true));
    }

    #[test]
    fn an_answer_about_somebody_else_is_told_from_one_that_says_nothing() {
        let of = |patient_id: &str, others: &[&str]| Claimed {
            patient_id: Some((patient_id.to_owned(), None)),
            other_ids: others.iter().map(|id| ((*id).to_owned(), None)).collect(),
            ..Claimed::default()
        };
        let asked = "9990000018";
        assert!(!of("999 000 0018", &[]).is_of_another(tags::PATIENT_ID, asked));
        assert!(of("9990000026", &[]).is_of_another(tags::PATIENT_ID, asked));
        assert!(!of("H12", &["X1", "999-000-0018"]).is_of_another(OTHER_PATIENT_IDS, asked));
        assert!(of("H12", &["9990000026", "X1"]).is_of_another(OTHER_PATIENT_IDS, asked));
        assert!(!of("H12", &[]).is_of_another(OTHER_PATIENT_IDS, asked), "silent: held, not dropped");
        assert!(!of("", &[]).is_of_another(tags::PATIENT_ID, asked));
    }

    #[test]
    fn an_archive_without_nhs_numbers_confirms_by_local_id_and_birth_date() {
        let rule = SecondIdentifier::AnyOf(vec![Identifier::DateOfBirth, Identifier::LocalId]);
        let source = source("hazel");
        let known = Identity { local_ids: vec![("RB5-PAS".into(), "H12".into())], ..known() };
        assert!(claimed("H12", "19500101").confirms(&known, &rule, &source, false));
        assert!(!claimed("H12", "19510101").confirms(&known, &rule, &source, false));
        let silent = Claimed { birth_date: None, ..claimed("H12", "") };
        assert!(!silent.confirms(&known, &rule, &source, false), "the local id alone is one identifier");
    }

    #[test]
    fn a_project_that_needs_no_second_identifier_still_needs_the_first() {
        let rule = SecondIdentifier::NotNeeded { reason: "steering group".into() };
        let source = source("alder");
        assert!(claimed("9990000018", "19990909").confirms(&known(), &rule, &source, true));
        assert!(!claimed("12345", "19500101").confirms(&known(), &rule, &source, true));
    }

    #[test]
    fn ten_digits_elsewhere_than_declared_are_a_local_id() {
        let source =
            Source { nhs_number_in: NhsNumberIn::None, issuer: Some("RX1".into()), ..source("alder") };
        let claimed = claimed("9990000018", "19500101");
        assert!(claimed.nhs_numbers(&source).is_empty());
        assert_eq!(claimed.local_ids(&source), [("RX1".into(), "9990000018".into())]);
    }

    #[test]
    fn another_issuers_id_is_another_persons() {
        let source =
            Source { nhs_number_in: NhsNumberIn::None, issuer: Some("RX1".into()), ..source("alder") };
        let known = Identity {
            local_ids: vec![("RX1".into(), "12345".into())],
            birth_date: Some("19500101".into()),
            ..Identity::default()
        };
        let rule = SecondIdentifier::AnyOf(vec![Identifier::DateOfBirth]);
        let of = |issuer: Option<&str>| Claimed {
            patient_id: Some(("12345".into(), issuer.map(str::to_owned))),
            birth_date: Some("19500101".into()),
            ..Claimed::default()
        };
        assert!(of(None).confirms(&known, &rule, &source, false));
        assert!(of(Some("rx1")).confirms(&known, &rule, &source, false));
        assert!(!of(Some("RX2")).confirms(&known, &rule, &source, false));
    }
}
