//! A patient's pseudonym: the project's prefix and 20 base32 characters (RFC 4648 §6), 100 bits of a keyed hash.
//!
//! It is at once PatientID, PatientName and the `Pseudonym` of the clinical record.

use crate::names::{InvalidName, name};
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Characters after the prefix.
const TAIL_CHARS: usize = 20;
/// The longest prefix.
const PREFIX_CHARS_MAX: usize = 16;
/// PatientID is LO: 64 characters (PS3.5 §6.2).
const IMPORTED_CHARS_MAX: usize = 64;

/// A patient's pseudonym. It names the subject in manifests, receipts and audits, so it may print.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pseudonym(String);
name!(Pseudonym);

impl Pseudonym {
    /// Reads a prefix of 1 to 16 letters or digits, the first a letter, and 20 characters of `A-Z 2-7`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let valid = text.is_ascii()
            && text.len() > TAIL_CHARS
            && is_prefix(&text[..text.len() - TAIL_CHARS])
            && text[text.len() - TAIL_CHARS..].bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidName::Pseudonym) }
    }

    /// Reads also the running pseudonyms of the older database (`Covid1234`): a letter, then letters, digits and
    /// hyphens. Only for what is imported; a manifest never names one.
    pub fn import(text: &str) -> Result<Self, InvalidName> {
        let valid = (2..=IMPORTED_CHARS_MAX).contains(&text.len())
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidName::Pseudonym) }
    }

    /// The pseudonym that a keyed hash of the person gives: the prefix and the first 100 bits.
    pub fn from_mac(prefix: &str, mac: &[u8; 32]) -> Result<Self, InvalidName> {
        let mut text = BASE32_NOPAD.encode(&mac[..13]);
        text.truncate(TAIL_CHARS);
        Self::parse(&format!("{prefix}{text}"))
    }
}

fn is_prefix(text: &str) -> bool {
    (1..=PREFIX_CHARS_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_and_a_hundred_bits() {
        let made = Pseudonym::from_mac("Covid", &[0xff; 32]).unwrap();
        assert_eq!(made.as_str(), "Covid77777777777777777777");
        assert_eq!(Pseudonym::parse(made.as_str()), Ok(made));
        for bad in
            ["Covid1234", "77777777777777777777", "Covid7777777777777777777/", "../7777777777777777777777"]
        {
            assert_eq!(Pseudonym::parse(bad), Err(InvalidName::Pseudonym));
        }
        assert_eq!(Pseudonym::from_mac("9covid", &[0; 32]), Err(InvalidName::Pseudonym));
    }

    #[test]
    fn running_numbers_only_by_import() {
        assert!(Pseudonym::import("Covid1234").is_ok());
        assert!(Pseudonym::import("Covid3f2a-11").is_ok());
        assert!(Pseudonym::import("../Covid1").is_err());
        assert!(Pseudonym::import("Covid 1").is_err());
    }
}
