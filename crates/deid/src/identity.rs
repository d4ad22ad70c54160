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
    /// Reads a number as people write it: `999 000 0018`, `999-000-0018`, `9990000018`.
    pub fn parse(text: &str) -> Result<Self, InvalidNhsNumber> {
        let mut digits = [0_u8; 10];
        let mut count = 0;
        for c in text.trim().chars() {
            match c {
                ' ' | '-' | '\u{a0}' => {}
                '0'..='9' if count < 10 => {
                    // One ASCII digit, so the cast to a byte is exact.
                    digits[count] = u8::try_from(c).unwrap_or(b'0') - b'0';
                    count += 1;
                }
                _ => return Err(InvalidNhsNumber::NotTenDigits),
            }
        }
        if count != 10 {
            return Err(InvalidNhsNumber::NotTenDigits);
        }
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

/// Whether a local identifier stands for nobody: too short, one character repeated, a counting run, or a word like UNKNOWN.
pub fn is_placeholder(id: &str) -> bool {
    let plain: String = id.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase();
    let Some(first) = plain.chars().next() else { return true };
    plain.chars().all(|c| c == first)
        || plain == "123456789"
        || plain == "1234567890"
        || plain == "0123456789"
        || NO_IDENTITY.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modulus_11_accepts_every_spelling_of_a_valid_number() {
        for text in ["9990000018", " 999 000 0018", "999-000-0018"] {
            assert_eq!(NhsNumber::parse(text).unwrap().digits(), "9990000018");
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
