//! Clinical records pass the same wall as images: a schema that allows, the same pseudonym, the same offset, searched, cleared.

use crate::custody::Sensitive;
use crate::profile::Profile;
use crate::pseudonym::Subject;
use crate::state::{Deidentified, Identifiable, State};
use crate::verify::{Residue, VERIFIER, Verifier};
use residue::{Form, Needle};
use std::fmt;
use std::io::Cursor;
use std::marker::PhantomData;
use submission::clearance::Clearance;
use submission::digest::Digest;
use submission::names::{Day, Label};
use submission::paths::ItemName;
use submission::signed::{Signed, Signer};

/// Which of the two records of a person (`<Pseudonym>_data.json`, `<Pseudonym>_status.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// `…_data.json`
    Data,
    /// `…_status.json`
    Status,
}

/// How a record writes dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateForm {
    /// 31/12/2020
    DayMonthYear,
    /// 12/31/2020
    MonthDayYear,
    /// 2020-12-31
    Iso,
}

/// What a field of a record may hold. Nothing else can: there is no field for text that somebody typed about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// The pseudonym.
    Pseudonym,
    /// The name of the trust, from the hub's configuration.
    SubmittingCentre(String),
    /// The anchor date, moved by the person's offset.
    AnchorDate(DateForm),
    /// Always this, from the project file; a whole number is written as a number.
    Fixed(String),
}

/// A clinical record in one state of de-identification.
pub struct ClinicalRecord<S: State> {
    record: Record,
    fields: Vec<(String, FieldValue)>,
    anchor: Sensitive<Day>,
    json: Vec<u8>,
    state: PhantomData<S>,
}

impl ClinicalRecord<Identifiable> {
    /// The record of a person: the fields of the project's form in their order, and the true anchor date.
    pub fn new(record: Record, fields: Vec<(String, FieldValue)>, anchor: Sensitive<Day>) -> Self {
        Self { record, fields, anchor, json: Vec::new(), state: PhantomData }
    }

    /// Puts in the pseudonym and the moved date, writes, searches and clears.
    pub fn deidentify(
        mut self,
        subject: &Subject,
        profile: &Profile,
        known: &[Needle],
        verifier: &Verifier,
        signer: &Signer,
        at_us: i64,
    ) -> Result<(ClinicalRecord<Deidentified>, Signed<Clearance>), Residue> {
        let broken = |promise| Residue::Promise { promise, place: "clinical record".to_owned() };
        let moved = self
            .anchor
            .inside()
            .plus_days(*subject.offset_days.inside())
            .ok_or_else(|| broken("a date stays within the calendar"))?;
        let pseudonym = &subject.pseudonym;
        // Field by field, because the order of a form is part of it.
        let members: Vec<String> = self
            .fields
            .iter()
            .map(|(name, value)| format!("{}:{}", quoted(name), json_value(value, pseudonym.as_str(), moved)))
            .collect();
        self.json = format!("{{{}}}", members.join(",")).into_bytes();
        let needles: Vec<Needle> =
            known.iter().filter(|needle| needle.text != pseudonym.as_str()).cloned().collect();
        verifier.search(needles, &mut Cursor::new(&self.json), Form::Json)?;
        let label = |text: &str| Label::parse(text).map_err(|_| Residue::Sign);
        let clearance = Clearance {
            name: match self.record {
                Record::Data => ItemName::Data(pseudonym.clone()),
                Record::Status => ItemName::Status(pseudonym.clone()),
            },
            sha256: Digest::of(&self.json),
            bytes: u64::try_from(self.json.len()).unwrap_or(u64::MAX),
            pseudonym: pseudonym.clone(),
            profile: label(profile.name())?,
            edition: label(profile.edition())?,
            engine: label(crate::ENGINE)?,
            verifier: label(VERIFIER)?,
            at_us,
        };
        let clearance = Signed::sign(&clearance, signer).map_err(|_| Residue::Sign)?;
        let Self { record, fields, anchor, json, state: _ } = self;
        Ok((ClinicalRecord { record, fields, anchor, json, state: PhantomData }, clearance))
    }
}

impl ClinicalRecord<Deidentified> {
    /// The bytes that go out.
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

fn json_value(value: &FieldValue, pseudonym: &str, anchor: Day) -> String {
    let (year, month, day) = anchor.parts();
    match value {
        FieldValue::Pseudonym => quoted(pseudonym),
        FieldValue::SubmittingCentre(name) => quoted(name),
        FieldValue::Fixed(text) if text.parse::<u32>().is_ok_and(|number| number.to_string() == *text) => {
            text.clone()
        }
        FieldValue::Fixed(text) => quoted(text),
        FieldValue::AnchorDate(DateForm::DayMonthYear) => quoted(&format!("{day:02}/{month:02}/{year:04}")),
        FieldValue::AnchorDate(DateForm::MonthDayYear) => quoted(&format!("{month:02}/{day:02}/{year:04}")),
        FieldValue::AnchorDate(DateForm::Iso) => quoted(&format!("{year:04}-{month:02}-{day:02}")),
    }
}

/// A JSON string (RFC 8259 §7).
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Shows state and size only.
impl<S: State> fmt::Debug for ClinicalRecord<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClinicalRecord<{}>({} fields)", S::NAME, self.fields.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Settings;
    use residue::NeedleKind;
    use submission::pseudonym::Pseudonym;

    fn subject() -> Subject {
        let pseudonym = Pseudonym::parse("CovidAAAAAAAAAAAAAAAAAAAA").unwrap();
        Subject { pseudonym, offset_days: Sensitive::new(-1) }
    }

    fn record(centre: &str) -> ClinicalRecord<Identifiable> {
        let fields = vec![
            ("Date of Positive Covid Swab".to_owned(), FieldValue::AnchorDate(DateForm::MonthDayYear)),
            ("Pseudonym".to_owned(), FieldValue::Pseudonym),
            ("SubmittingCentre".to_owned(), FieldValue::SubmittingCentre(centre.to_owned())),
        ];
        ClinicalRecord::new(Record::Data, fields, Sensitive::new(Day::new(2020, 3, 1).unwrap()))
    }

    fn deidentify(centre: &str) -> Result<(ClinicalRecord<Deidentified>, Signed<Clearance>), Residue> {
        let profile = Profile::new(&Settings::basic("test")).unwrap();
        let known = [Needle::new(NeedleKind::Name, "SENTINEL^ANNA")];
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        record(centre).deidentify(&subject(), &profile, &known, &Verifier::default(), &signer, 0)
    }

    #[test]
    fn the_anchor_date_moves_as_the_images_do() {
        let (clean, _) = deidentify("St George's").unwrap();
        let golden = concat!(
            r#"{"Date of Positive Covid Swab":"02/29/2020","Pseudonym":"CovidAAAAAAAAAAAAAAAAAAAA","#,
            r#""SubmittingCentre":"St George's"}"#,
        );
        assert_eq!(std::str::from_utf8(clean.json()).unwrap(), golden);
        assert!(submission::clinical::DataRecord::from_json(clean.json()).is_ok());
    }

    #[test]
    fn a_status_record_is_what_the_contract_reads() {
        let fields = vec![
            ("Pseudonym".to_owned(), FieldValue::Pseudonym),
            ("SubmittingCentre".to_owned(), FieldValue::SubmittingCentre("A \"trust\"".to_owned())),
            ("SwabStatus".to_owned(), FieldValue::Fixed("0".to_owned())),
            ("SwabDate".to_owned(), FieldValue::AnchorDate(DateForm::DayMonthYear)),
        ];
        let record =
            ClinicalRecord::new(Record::Status, fields, Sensitive::new(Day::new(2020, 3, 1).unwrap()));
        let profile = Profile::new(&Settings::basic("test")).unwrap();
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let (clean, _) =
            record.deidentify(&subject(), &profile, &[], &Verifier::default(), &signer, 0).unwrap();
        let read = submission::clinical::StatusRecord::from_json(clean.json()).unwrap();
        assert_eq!(read.swab_date, Day::new(2020, 2, 29).unwrap());
        assert_eq!(read.submitting_centre, "A \"trust\"");
    }

    #[test]
    fn a_name_in_a_record_is_not_cleared() {
        assert!(matches!(deidentify("Ward of Anna Sentinel"), Err(Residue::Found(_))));
    }
}
