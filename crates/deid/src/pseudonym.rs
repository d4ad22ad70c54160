//! Everything derived from a person is keyed: pseudonyms, UIDs and the offset in days (HMAC-SHA-256, RFC 2104).

use crate::custody::Sensitive;
use crate::identity::PersonKey;
use ring::hmac;
use submission::names::InvalidName;
use submission::pseudonym::Pseudonym;
use zeroize::Zeroizing;

/// The key of a research project: its hubs and escrow hold it, nobody else, and it is never rotated.
pub struct ProjectKey(Zeroizing<[u8; 32]>);

impl ProjectKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for ProjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProjectKey(…)")
    }
}

/// A subject as the outgoing objects know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The pseudonym: PatientID and PatientName of every outgoing object.
    pub pseudonym: Pseudonym,
    /// Whole days added to every date of this person, images and clinical rows alike. Whoever learns it learns the true dates.
    pub offset_days: Sensitive<i32>,
}

/// The longest way that a date moves back, in days: ten years less leap days.
pub const OFFSET_DAYS_MAX: u32 = 3650;

/// Derives pseudonyms, UIDs and offsets under a project's key.
pub struct Pseudonymiser {
    key: hmac::Key,
    prefix: String,
}

impl Pseudonymiser {
    /// Under this key, with this prefix before each pseudonym.
    pub fn new(key: &ProjectKey, prefix: &str) -> Result<Self, InvalidName> {
        let engine =
            Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.0.as_slice()), prefix: prefix.to_owned() };
        // The prefix is judged here, once, so that no person's pseudonym can fail later.
        Pseudonym::from_mac(prefix, &[0; 32]).map(|_| engine)
    }

    /// The pseudonym of a person: prefix and 20 base32 characters (100 bits).
    ///
    /// The same person under the same key has one pseudonym, whichever hub asks. Two kinds of identity never meet:
    /// a local identifier that looks like an NHS number does not make its pseudonym.
    pub fn pseudonym(&self, person: &PersonKey) -> Result<Pseudonym, InvalidName> {
        let digest = match person {
            PersonKey::Nhs(number) => self.derive("person/nhs", &[number.inside().digits().as_bytes()]),
            PersonKey::Local { issuer, id } => {
                let id = id.inside().trim();
                self.derive("person/local", &[issuer.trim().as_bytes(), id.as_bytes()])
            }
        };
        Pseudonym::from_mac(&self.prefix, &digest)
    }

    /// The subject: pseudonym and offset.
    pub fn subject(&self, person: &PersonKey) -> Result<Subject, InvalidName> {
        let pseudonym = self.pseudonym(person)?;
        let offset_days = self.offset_days(&pseudonym);
        Ok(Subject { pseudonym, offset_days })
    }

    /// The offset of a subject: from −3650 to −1 days, never 0, so every date moves back and no two subjects need share one.
    pub fn offset_days(&self, pseudonym: &Pseudonym) -> Sensitive<i32> {
        let digest = self.derive("offset", &[pseudonym.as_str().as_bytes()]);
        let mut eight = [0; 8];
        eight.copy_from_slice(&digest[..8]);
        // The remainder of 64 random bits by 3650 is even to within 2⁻⁵².
        let days = u64::from_be_bytes(eight) % u64::from(OFFSET_DAYS_MAX);
        Sensitive::new(-1 - i32::try_from(days).unwrap_or(0))
    }

    /// The UID that stands for this one: `2.25.` and a version 8 UUID as one number (PS3.5 B.2, RFC 9562 §5.8).
    ///
    /// Padding does not matter; equal UIDs of one project stay equal, over patients, hubs and nights.
    pub fn uid(&self, original: &str) -> String {
        let digest = self.derive("uid", &[original.trim_matches(['\0', ' ']).as_bytes()]);
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&digest[..16]);
        uuid[6] = (uuid[6] & 0x0f) | 0x80;
        uuid[8] = (uuid[8] & 0x3f) | 0x80;
        format!("2.25.{}", u128::from_be_bytes(uuid))
    }

    /// What stands in for a name of an institution or a person of its staff: 12 base32 characters (60 bits), the same for the same
    /// name, letter case and spaces aside.
    pub(crate) fn stand_in(&self, name: &str) -> String {
        let plain = name.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
        let digest = self.derive("stand-in", &[plain.as_bytes()]);
        data_encoding::BASE32_NOPAD.encode(&digest[..8])[..12].to_owned()
    }

    /// A digest of something about a person, to compare by: equal only for equal texts under the same key and purpose.
    pub(crate) fn digest(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.derive(purpose, &[text.as_bytes()])
    }

    /// HMAC over the purpose and the parts, each with its length before it, so no two inputs run together.
    fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"tributary/1/");
        context.update(purpose.as_bytes());
        context.update(&[0]);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

impl std::fmt::Debug for Pseudonymiser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonymiser(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NhsNumber;

    fn engine(seed: u8) -> Pseudonymiser {
        Pseudonymiser::new(&ProjectKey::new([seed; 32]), "Covid").unwrap()
    }

    fn nhs(number: &str) -> PersonKey {
        PersonKey::Nhs(Sensitive::new(NhsNumber::parse(number).unwrap()))
    }

    fn local(issuer: &str, id: &str) -> PersonKey {
        PersonKey::Local { issuer: issuer.into(), id: Sensitive::new(id.into()) }
    }

    #[test]
    fn one_person_is_one_pseudonym_and_equal_local_ids_of_two_trusts_stay_two() {
        let engine = engine(1);
        assert_eq!(engine.pseudonym(&nhs("9990000018")), engine.pseudonym(&nhs("999 000 0018")));
        assert_ne!(engine.pseudonym(&local("RBL", "123456")), engine.pseudonym(&local("REM", "123456")));
        assert_ne!(engine.pseudonym(&local("RBL1", "23456")), engine.pseudonym(&local("RBL", "123456")));
        assert_ne!(engine.pseudonym(&local("", "9990000018")), engine.pseudonym(&nhs("9990000018")));
    }

    #[test]
    fn another_project_key_makes_everything_else() {
        let (a, b) = (engine(1), engine(2));
        assert_ne!(a.pseudonym(&nhs("9990000018")), b.pseudonym(&nhs("9990000018")));
        assert_ne!(a.uid("1.2.3"), b.uid("1.2.3"));
    }

    #[test]
    fn a_pseudonym_is_the_prefix_and_twenty_base32_characters() {
        let pseudonym = engine(1).pseudonym(&nhs("9990000018")).unwrap();
        let rest = pseudonym.as_str().strip_prefix("Covid").unwrap();
        assert!(rest.len() == 20 && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
        assert!(Pseudonymiser::new(&ProjectKey::new([1; 32]), "1^").is_err());
    }

    #[test]
    fn a_uid_is_a_version_8_uuid_under_2_25() {
        let uid = engine(1).uid("1.2.840.113619.2.1\0");
        assert_eq!(uid, engine(1).uid("1.2.840.113619.2.1"));
        let uuid: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
        assert_eq!((uuid >> 76) & 0xf, 8);
        assert_eq!((uuid >> 62) & 0b11, 0b10);
        assert!(dicom::uid::Uid::parse(&uid).is_ok());
    }

    #[test]
    fn offsets_are_never_zero_and_stay_within_ten_years_back() {
        let engine = engine(3);
        for n in 0..2000 {
            let offset = *engine.subject(&local("X", &n.to_string())).unwrap().offset_days.inside();
            assert!((-3650..=-1).contains(&offset));
        }
    }
}
