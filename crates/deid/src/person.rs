//! Who an object says it is about, under the project's key: pseudonyms and digests that can be compared and kept, no value.
//!
//! An NHS number means the same person everywhere. A local identifier means nothing without who issued it. Objects that share
//! one of them are about one person, as long as birth dates and sexes agree: that is for the caller, who sees all objects.

use crate::custody::Sensitive;
use crate::dates;
use crate::facts::{Facts, NoNhsNumber, Patient};
use crate::identity::{InvalidNhsNumber, NhsNumber, PersonKey, is_anywhere, is_nobodys, is_placeholder};
use crate::pseudonym::Pseudonymiser;
use submission::pseudonym::Pseudonym;

/// What an object claims of its patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The pseudonym that the NHS number gives, if the object has one.
    pub by_number: Option<Pseudonym>,
    /// The pseudonym that each local identifier gives, that of Patient ID first.
    pub by_local_id: Vec<Pseudonym>,
    /// The pseudonym that the study gives, where the object belongs to one. It is claimed by `by_local_id` where nothing else is said.
    pub study: Option<Pseudonym>,
    /// A digest of all that it says of the patient that text must not say.
    pub known: [u8; 32],
    /// A digest of the birth date. None where it is missing, no date, or one that stands for none.
    pub birth: Option<[u8; 32]>,
    /// A digest of the sex. None where it is missing or other: that conflicts with nothing.
    pub sex: Option<[u8; 32]>,
}

/// Why an object is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nobody {
    /// It has no identifier, or only what stands for none, and belongs to no study either.
    #[error("no identifier of the patient, or a placeholder, and no study")]
    Unknown,
    /// It has two different NHS numbers.
    #[error("two different NHS numbers")]
    Conflicting,
}

impl Nobody {
    /// A stable code for holds and counts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "identity-unknown",
            Self::Conflicting => "identity-conflicting",
        }
    }
}

impl Claims {
    /// What these facts claim.
    pub fn of(facts: &Facts, pseudonymiser: &Pseudonymiser) -> Result<Self, Nobody> {
        let pseudonym = |person: PersonKey| pseudonymiser.pseudonym(&person).map_err(|_| Nobody::Unknown);
        let by_number = match facts.patient.nhs_number() {
            Ok(number) => Some(pseudonym(PersonKey::Nhs(number))?),
            Err(NoNhsNumber::Two) => return Err(Nobody::Conflicting),
            Err(NoNhsNumber::Absent | NoNhsNumber::Invalid(_)) => None,
        };
        let mut by_local_id = Vec::new();
        for (issuer, id) in local_ids(facts) {
            let found = pseudonym(PersonKey::Local { issuer, id: Sensitive::new(id) })?;
            if !by_local_id.contains(&found) {
                by_local_id.push(found);
            }
        }
        let uids = [&facts.study_uid, &facts.sop_instance_uid].map(|uid| uid.inside().trim());
        let study = uids.into_iter().find(|uid| !uid.is_empty()).map(|study| PersonKey::Local {
            issuer: "no identifier".to_owned(),
            id: Sensitive::new(study.to_owned()),
        });
        let study = study.map(pseudonym).transpose()?;
        if by_number.is_none() && by_local_id.is_empty() {
            // A placeholder is a doubt, and no identity. Where nothing is said at all, a study is about one person: whom its other
            // objects name, else whoever that is.
            let is_said = |id: &Sensitive<String>| !id.inside().trim().is_empty();
            let ids = facts.patient.id.iter().chain(facts.patient.other_ids.iter().map(|(id, _)| id));
            if ids.into_iter().any(is_said) {
                return Err(Nobody::Unknown);
            }
            by_local_id.push(study.clone().ok_or(Nobody::Unknown)?);
        }
        let known: Vec<&str> = facts.told().map(|(_, value)| value).collect();
        let known = pseudonymiser.digest("claim/known", &known.join("\\"));
        let birth = birth_date(&facts.patient).map(|date| pseudonymiser.digest("claim/birth", &date));
        let sex = facts.patient.sex.filter(|sex| "MF".contains(*sex));
        let sex = sex.map(|sex| pseudonymiser.digest("claim/sex", &sex.to_string()));
        Ok(Self { by_number, by_local_id, study, known, birth, sex })
    }
}

/// Patient ID with its issuer, else the institution, else what else is known of the person; and the identifiers of Other Patient
/// IDs Sequence that name their issuer. Each as (issuer, identifier).
fn local_ids(facts: &Facts) -> Vec<(String, String)> {
    let patient = &facts.patient;
    let mut found = Vec::new();
    if let Some((id, issuer)) = patient.id.as_ref().and_then(|id| local_id(id, patient.issuer.as_ref())) {
        let institution = || said(facts.origin.institution_name.as_ref());
        found.push((issuer.or_else(institution).unwrap_or_else(|| no_issuer(facts)), id));
    }
    for (id, issuer) in &patient.other_ids {
        // Of two hospitals' `PENDING` nobody is one person.
        let is_number = id.inside().contains(|c: char| c.is_numeric());
        if let Some((id, Some(issuer))) = local_id(id, issuer.as_ref()).filter(|_| is_number) {
            found.push((issuer, id));
        }
    }
    found
}

/// An identifier that is no NHS number and stands for somebody, and its issuer if one is named.
fn local_id(id: &Sensitive<String>, issuer: Option<&Sensitive<String>>) -> Option<(String, Option<String>)> {
    match NhsNumber::parse(id.inside()) {
        Ok(_) | Err(InvalidNhsNumber::Placeholder) => return None,
        Err(InvalidNhsNumber::NotTenDigits | InvalidNhsNumber::CheckDigit) => {}
    }
    // HL7 CX: identifier, check digit, its scheme, who assigned it and its parts.
    let mut parts = id.inside().split('^');
    let plain = words(parts.next().unwrap_or_default());
    let assigner = parts.nth(2).map(|assigner| words(assigner.split('&').next().unwrap_or_default()));
    let issuer = said(issuer)
        .or_else(|| assigner.filter(|assigner| !is_placeholder(assigner) && !is_anywhere(assigner)));
    (!is_nobodys(&plain)).then_some((plain, issuer))
}

/// Nobody issued it: only the same name and birth date make it the same person, and where neither is known only the same study
/// does, so that two never merge.
fn no_issuer(facts: &Facts) -> String {
    let name =
        facts.patient.name.as_ref().map(|name| words(name.inside())).filter(|name| !is_placeholder(name));
    let birth = birth_date(&facts.patient);
    if name.is_none() && birth.is_none() {
        return format!("no issuer: {}", facts.study_uid.inside().trim());
    }
    format!("no issuer: {}, {}", name.unwrap_or_default(), birth.unwrap_or_default())
}

fn said(text: Option<&Sensitive<String>>) -> Option<String> {
    text.map(|text| words(text.inside())).filter(|text| !is_placeholder(text) && !is_anywhere(text))
}

/// The words of a text in capitals: `Smith^John^` and `SMITH, JOHN` are alike.
fn words(text: &str) -> String {
    let words =
        text.split(|c: char| c.is_whitespace() || "^,=\0".contains(c)).filter(|word| !word.is_empty());
    words.map(str::to_uppercase).collect::<Vec<_>>().join(" ")
}

/// Dates that archives write where none is known.
const NO_BIRTH_DATES: [&str; 3] = ["19000101", "18991230", "18991231"];

/// The birth date as YYYYMMDD, if it is one that a living person's record can hold.
fn birth_date(patient: &Patient) -> Option<String> {
    let digits: String = patient.birth_date.as_ref()?.inside().trim().replace(['-', '.', '/'], "");
    let year = dates::parse_da(&digits)?.parts().0;
    ((1850..=2200).contains(&year) && !NO_BIRTH_DATES.contains(&digits.as_str())).then_some(digits)
}

#[cfg(test)]
mod tests;
