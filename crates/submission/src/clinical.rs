//! Clinical records in the minimal forms of the chest imaging database: one flat JSON object per patient.
//!
//! The keys are the headings of the spreadsheets that hospitals filled in; their spelling and their two date orders are
//! the wire format, and readers exist that expect them to the letter.

use crate::names::Day;
use crate::pseudonym::Pseudonym;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A submitting centre's name has at most this many characters.
const CENTRE_CHARS_MAX: usize = 128;

/// A clinical record that is not of its form. The values are not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Not the JSON of this kind of record.
    #[error("not a clinical record of this kind")]
    Form,
    /// The centre's name is empty, too long or holds control characters.
    #[error("the submitting centre is not a name")]
    Centre,
}

/// The `…_status.json` of a patient whose swab was negative, or of one not yet known positive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRecord {
    /// The result.
    #[serde(rename = "SwabStatus")]
    pub swab_status: SwabStatus,
    /// When it was taken, written dd/MM/yyyy.
    #[serde(rename = "SwabDate", with = "day_first")]
    pub swab_date: Day,
    /// Whose record it is.
    #[serde(rename = "Pseudonym")]
    pub pseudonym: Pseudonym,
    /// The trust's name as the national house knows it.
    #[serde(rename = "SubmittingCentre")]
    pub submitting_centre: String,
}

/// The `…_data.json` of a patient whose swab was positive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// When the positive swab was taken, written MM/dd/yyyy.
    #[serde(rename = "Date of Positive Covid Swab", with = "month_first")]
    pub positive_swab_date: Day,
    /// Whose record it is.
    #[serde(rename = "Pseudonym")]
    pub pseudonym: Pseudonym,
    /// The trust's name as the national house knows it.
    #[serde(rename = "SubmittingCentre")]
    pub submitting_centre: String,
}

/// The result of a swab, written 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwabStatus {
    /// 0.
    Negative,
    /// 1.
    Positive,
}

impl StatusRecord {
    /// The record's bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, InvalidRecord> {
        check_centre(&self.submitting_centre)?;
        serde_json::to_vec(self).map_err(|_| InvalidRecord::Form)
    }

    /// Reads a record.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        let record: Self = serde_json::from_slice(bytes).map_err(|_| InvalidRecord::Form)?;
        check_centre(&record.submitting_centre)?;
        Ok(record)
    }
}

impl DataRecord {
    /// The record's bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, InvalidRecord> {
        check_centre(&self.submitting_centre)?;
        serde_json::to_vec(self).map_err(|_| InvalidRecord::Form)
    }

    /// Reads a record.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        let record: Self = serde_json::from_slice(bytes).map_err(|_| InvalidRecord::Form)?;
        check_centre(&record.submitting_centre)?;
        Ok(record)
    }
}

fn check_centre(name: &str) -> Result<(), InvalidRecord> {
    let named = !name.trim().is_empty() && name.chars().count() <= CENTRE_CHARS_MAX;
    if named && !name.chars().any(char::is_control) { Ok(()) } else { Err(InvalidRecord::Centre) }
}

impl Serialize for SwabStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Self::Negative => 0,
            Self::Positive => 1,
        })
    }
}

impl<'de> Deserialize<'de> for SwabStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Self::Negative),
            1 => Ok(Self::Positive),
            _ => Err(serde::de::Error::custom("a swab status is 0 or 1")),
        }
    }
}

/// Dates as dd/MM/yyyy.
mod day_first {
    use super::*;

    pub(super) fn serialize<S: Serializer>(date: &Day, serializer: S) -> Result<S::Ok, S::Error> {
        let (year, month, day) = date.parts();
        serializer.serialize_str(&format!("{day:02}/{month:02}/{year:04}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::read(&text, '/', [2, 1, 0], [2, 2, 4])
            .ok_or_else(|| serde::de::Error::custom("not a date dd/MM/yyyy"))
    }
}

/// Dates as MM/dd/yyyy.
mod month_first {
    use super::*;

    pub(super) fn serialize<S: Serializer>(date: &Day, serializer: S) -> Result<S::Ok, S::Error> {
        let (year, month, day) = date.parts();
        serializer.serialize_str(&format!("{month:02}/{day:02}/{year:04}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::read(&text, '/', [2, 0, 1], [2, 2, 4])
            .ok_or_else(|| serde::de::Error::custom("not a date MM/dd/yyyy"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonym() -> Pseudonym {
        Pseudonym::parse("CovidAAAAAAAAAAAAAAAAAAAA").unwrap()
    }

    #[test]
    fn a_negative_record_to_the_letter() {
        let record = StatusRecord {
            swab_status: SwabStatus::Negative,
            swab_date: Day::new(2020, 4, 3).unwrap(),
            pseudonym: pseudonym(),
            submitting_centre: "St George's".into(),
        };
        let golden = concat!(
            r#"{"SwabStatus":0,"SwabDate":"03/04/2020","Pseudonym":"CovidAAAAAAAAAAAAAAAAAAAA","#,
            r#""SubmittingCentre":"St George's"}"#,
        );
        assert_eq!(String::from_utf8(record.to_json().unwrap()).unwrap(), golden);
        assert_eq!(StatusRecord::from_json(golden.as_bytes()), Ok(record));
    }

    #[test]
    fn a_positive_record_to_the_letter() {
        let record = DataRecord {
            positive_swab_date: Day::new(2020, 4, 3).unwrap(),
            pseudonym: pseudonym(),
            submitting_centre: "Ysbyty Gwynedd".into(),
        };
        let golden = concat!(
            r#"{"Date of Positive Covid Swab":"04/03/2020","Pseudonym":"CovidAAAAAAAAAAAAAAAAAAAA","#,
            r#""SubmittingCentre":"Ysbyty Gwynedd"}"#,
        );
        assert_eq!(String::from_utf8(record.to_json().unwrap()).unwrap(), golden);
        assert_eq!(DataRecord::from_json(golden.as_bytes()), Ok(record));
    }

    #[test]
    fn a_record_with_more_or_other_than_its_form_is_refused() {
        let with = |status: &str, date: &str, rest: &str| {
            format!(
                concat!(
                    r#"{{"SwabStatus":{},"SwabDate":"{}","Pseudonym":"CovidAAAAAAAAAAAAAAAAAAAA","#,
                    r#""SubmittingCentre":"A"{}}}"#
                ),
                status, date, rest
            )
        };
        assert!(StatusRecord::from_json(with("0", "03/04/2020", "").as_bytes()).is_ok());
        for bad in [
            with("2", "03/04/2020", ""),
            with("0", "2020-04-03", ""),
            with("0", "31/04/2020", ""),
            with("0", "03/04/2020", r#","Name":"x""#),
        ] {
            assert_eq!(StatusRecord::from_json(bad.as_bytes()), Err(InvalidRecord::Form));
        }
    }
}
