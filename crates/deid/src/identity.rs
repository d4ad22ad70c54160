//! Who a person is: NHS numbers and local identifiers, checked at the door.

use crate::custody::Sensitive;
use std::fmt;
use zeroize::Zeroize;

/// A valid NHS number: ten digits, Modulus 11, and no placeholder (NHS Data Dictionary, NHS NUMBER).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NhsNumber([u8; 10]);

/// Why a text is no NHS number. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNhsNumber {
    /// It is not ten digits, blanks and hyphens aside.
    #[error("not ten digits")]
    NotTenDigits,
    /// The check digit does not agree (Modulus 11).
    #[error("the check digit does not agree (Modulus 11)")]
    CheckDigit,
    /// It is well formed but stands for nobody.
    #[error("a placeholder, not a person's number")]
    Placeholder,
}

/// Numbers that pass Modulus 11 and are typed where none is known; a site adds its own in its configuration.
const PLACEHOLDERS: [&str; 4] = ["1234567881", "0123456789", "9876543210", "9999999999"];

impl NhsNumber {
    /// Reads a number as people and systems write it: `999 000 0018`, `999-000-0018`, `9990000018`, `NHS No. 999 000 0018`,
    /// `9990000018^^^NHS` (HL7 CX).
    pub fn parse(text: &str) -> Result<Self, InvalidNhsNumber> {
        let digits = ten_digits(text).ok_or(InvalidNhsNumber::NotTenDigits)?;
        let sum: u32 = (0_u32..).zip(&digits[..9]).map(|(at, digit)| (10 - at) * u32::from(*digit)).sum();
        let check = match 11 - sum % 11 {
            11 => 0,
            check => check,
        };
        if check == 10 || check != u32::from(digits[9]) {
            return Err(InvalidNhsNumber::CheckDigit);
        }
        let number = Self(digits);
        if digits.iter().all(|digit| *digit == digits[0]) || PLACEHOLDERS.contains(&number.digits().as_str())
        {
            return Err(InvalidNhsNumber::Placeholder);
        }
        Ok(number)
    }

    /// The ten digits.
    pub fn digits(&self) -> String {
        self.0.iter().map(|digit| char::from(b'0' + digit)).collect()
    }
}

impl Drop for NhsNumber {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(…)")
    }
}

/// The root of NHS numbers in the register of object identifiers: how HL7 names who assigns them.
const NHS_NUMBER_ROOT: &str = "2.16.840.1.113883.2.1.4.1";

/// The ten digits of a text that holds nothing else but separators and the name of what they are.
fn ten_digits(text: &str) -> Option<[u8; 10]> {
    // HL7 CX: what follows the first `^` says who assigned the number.
    let (text, assigner) = text.split_once('^').unwrap_or((text, ""));
    if assigner.contains(char::is_alphanumeric) && !names_the_nhs(assigner) {
        return None;
    }
    let start = text.find(|c| digit_of(c).is_some())?;
    let end = start + text[start..].rfind(|c| digit_of(c).is_some())?;
    let end = end + text[end..].chars().next().map_or(0, char::len_utf8);
    if !is_label(&text[..start]) || !is_label(&text[end..]) {
        return None;
    }
    let (mut digits, mut count) = ([0_u8; 10], 0);
    for c in text[start..end].chars() {
        match digit_of(c) {
            Some(digit) => {
                *digits.get_mut(count)? = digit;
                count += 1;
            }
            None if is_gap(c) => {}
            // A decimal point is none, so `123.4567890` is no number of a person.
            None if c == '.' && is_dotted(&text[start..end]) => {}
            None => return None,
        }
    }
    (count == 10).then_some(digits)
}

/// The value of a digit, full-width ones (U+FF10) included.
fn digit_of(c: char) -> Option<u8> {
    let narrow = if ('\u{ff10}'..='\u{ff19}').contains(&c) { u32::from(c) - 0xff10 } else { c.to_digit(10)? };
    u8::try_from(narrow).ok()
}

/// What stands between the digits of a number: blanks, hyphens and dashes.
fn is_gap(c: char) -> bool {
    matches!(c, ' ' | '-' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2010}'..='\u{2015}')
}

/// `999.000.0018`.
fn is_dotted(text: &str) -> bool {
    text.split('.').map(|group| group.chars().count()).eq([3, 3, 4])
}

/// Whether this says no more than that the digits beside it are an NHS number, if it says anything.
fn is_label(text: &str) -> bool {
    let is_point = |c: char| is_gap(c) || " .,:;#/_()[]\t".contains(c);
    let words: Vec<String> =
        text.split(is_point).filter(|word| !word.is_empty()).map(str::to_uppercase).collect();
    let known = |word: &String| {
        matches!(word.as_str(), "NHS" | "NHSNO" | "NHSNUMBER" | "NO" | "NUM" | "NUMBER" | "ID")
    };
    words.iter().all(known) && (words.is_empty() || words.iter().any(|word| word.starts_with("NHS")))
}

fn names_the_nhs(assigner: &str) -> bool {
    let mut words = assigner.split(|c: char| !c.is_alphanumeric() && c != '.');
    words.any(|word| word.to_uppercase().starts_with("NHS") || word == NHS_NUMBER_ROOT)
}

/// How a person is known.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PersonKey {
    /// By NHS number: the same person at any trust.
    Nhs(Sensitive<NhsNumber>),
    /// By a local identifier, which means nothing without its issuer.
    Local {
        /// Who issued it: a trust, or an assigning authority (PS3.3 C.7.1.1, Issuer of Patient ID).
        issuer: String,
        /// The identifier, as issued.
        id: Sensitive<String>,
    },
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nhs(_) => "PersonKey(NHS number)",
            Self::Local { .. } => "PersonKey(local identifier)",
        })
    }
}

/// Words that archives put where an identifier is missing.
const NO_IDENTITY: [&str; 14] = [
    "UNKNOWN",
    "UNK",
    "NONE",
    "NULL",
    "NA",
    "TEST",
    "TESTPATIENT",
    "ANON",
    "ANONYMOUS",
    "ANONYMIZED",
    "ANONYMISED",
    "PATIENT",
    "TBA",
    "TEMP",
];

/// Whether a name or an identifier stands for nobody: too short, one character repeated, a counting run, or a word like UNKNOWN.
pub fn is_placeholder(id: &str) -> bool {
    let mut plain = String::with_capacity(id.len());
    plain.extend(id.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase));
    let Some(first) = plain.chars().next() else { return true };
    plain.chars().all(|c| c == first)
        || plain == "123456789"
        || plain == "1234567890"
        || plain == "0123456789"
        || NO_IDENTITY.contains(&plain.as_str())
}

/// Whether an identifier is one of nobody: a placeholder, or words that are written where it is not known. Of names this must not be asked:
/// somebody may be called Ed Child.
pub fn is_nobodys(id: &str) -> bool {
    is_placeholder(id) || made_of(id, &SAYS_NOBODY)
}

/// Whether the text has words, and none but these.
fn made_of(text: &str, known: &[&str]) -> bool {
    let words = || text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words().next().is_some() && words().all(|word| known.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// What is written where nobody knows the patient's identifier, word by word.
const SAYS_NOBODY: [&str; 36] = [
    "UNKNOWN",
    "UNK",
    "UNIDENTIFIED",
    "NOT",
    "KNOWN",
    "GIVEN",
    "NO",
    "NONE",
    "ID",
    "IDENTIFIER",
    "NUMBER",
    "NUM",
    "MRN",
    "MALE",
    "FEMALE",
    "ADULT",
    "CHILD",
    "BABY",
    "NEWBORN",
    "INFANT",
    "EMERGENCY",
    "TRAUMA",
    "ED",
    "A",
    "E",
    "AE",
    "BLANK",
    "TBC",
    "TBA",
    "DUMMY",
    "REMOVED",
    "DEIDENTIFIED",
    "ANON",
    "ANONYMOUS",
    "TEMPORARY",
    "PATIENT",
];

/// Whether an issuer or an institution is one that any hospital may write: it tells no hospital from another.
pub(crate) fn is_anywhere(issuer: &str) -> bool {
    made_of(issuer, &ANYWHERE) || issuer.trim() == NHS_NUMBER_ROOT
}

const ANYWHERE: [&str; 30] = [
    "NHS",
    "NO",
    "NUMBER",
    "PACS",
    "RIS",
    "HIS",
    "LOCAL",
    "DEFAULT",
    "HOSPITAL",
    "INSTITUTION",
    "INSTITUTE",
    "CLINIC",
    "RADIOLOGY",
    "IMAGING",
    "DEPARTMENT",
    "DEPT",
    "OF",
    "THE",
    "X",
    "RAY",
    "XRAY",
    "MEDICAL",
    "CENTRE",
    "CENTER",
    "CT",
    "MRI",
    "SIEMENS",
    "GE",
    "PHILIPS",
    "UNKNOWN",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modulus_11_accepts_every_spelling_of_a_valid_number() {
        for text in [
            "9990000018",
            " 999 000 0018",
            "999-000-0018",
            "999.000.0018",
            "999\u{2013}000\u{2013}0018",
            "９９９ ０００ ００１８",
            "NHS 999 000 0018",
            "NHS:9990000018",
            "nhs9990000018",
            "NHS No. 999 000 0018",
            "9990000018 (NHS)",
            "9990000018^^^NHS",
            "9990000018^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^NH",
            "9990000018^^^&2.16.840.1.113883.2.1.4.1&ISO",
            "9990000018^^^",
        ] {
            assert_eq!(
                NhsNumber::parse(text).map(|number| number.digits()),
                Ok("9990000018".into()),
                "{text}"
            );
        }
    }

    #[test]
    fn ten_digits_among_other_things_are_no_nhs_number() {
        for text in [
            "RBL9990000018",
            "9990000018^^^RBL",
            "999.0000018",
            "9990000018.0",
            "+9990000018",
            "NHS",
            "ID 9990000018",
            "999 NHS 000 0018",
            "9990000018 9990000018",
        ] {
            assert_eq!(NhsNumber::parse(text), Err(InvalidNhsNumber::NotTenDigits), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_named_without_repeating_it() {
        assert_eq!(NhsNumber::parse("999000001"), Err(InvalidNhsNumber::NotTenDigits));
        assert_eq!(NhsNumber::parse("99900000181"), Err(InvalidNhsNumber::NotTenDigits));
        assert_eq!(NhsNumber::parse("9.99E+09"), Err(InvalidNhsNumber::NotTenDigits));
        assert_eq!(NhsNumber::parse("9990000019"), Err(InvalidNhsNumber::CheckDigit));
    }

    #[test]
    fn ten_equal_digits_pass_modulus_11_and_are_still_nobody() {
        for digit in 0..10 {
            assert_eq!(NhsNumber::parse(&digit.to_string().repeat(10)), Err(InvalidNhsNumber::Placeholder));
        }
        assert_eq!(NhsNumber::parse("9876543210"), Err(InvalidNhsNumber::Placeholder));
    }

    #[test]
    fn local_ids_that_stand_for_nobody() {
        for id in ["", "  ", "0000000", "UNKNOWN", "x", "1234567890", "N/A"] {
            assert!(is_placeholder(id), "{id}");
        }
        assert!(!is_placeholder("RJE1234567"));
    }
}
