//! A clearance: the hub's signed word that these bytes were judged clean, by which rules and which program.

use crate::digest::Digest;
use crate::names::Label;
use crate::paths::ItemName;
use crate::pseudonym::Pseudonym;
use crate::signed::Document;
use serde::{Deserialize, Serialize};

/// What de-identification vouches for. It binds a name, the outgoing bytes and a pseudonym to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clearance {
    /// The object's name in the consignment.
    pub name: ItemName,
    /// The digest of its outgoing bytes.
    pub sha256: Digest,
    /// How many outgoing bytes there are.
    pub bytes: u64,
    /// Whom it is about.
    pub pseudonym: Pseudonym,
    /// The project's profile, by name.
    pub profile: Label,
    /// The edition of PS3.15 that the profile follows.
    pub edition: Label,
    /// The program that cleaned it, with its version.
    pub engine: Label,
    /// The program that searched the outgoing bytes, with its version.
    pub verifier: Label,
    /// When, in microseconds since 1970-01-01 UTC.
    pub at_us: i64,
}

impl Document for Clearance {
    const KIND: &'static str = "clearance";
    const VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::{PinnedKeys, Signed, Signer};

    #[test]
    fn a_clearance_to_the_letter() {
        let clearance = Clearance {
            name: ItemName::parse("2.25.7.dcm").unwrap(),
            sha256: Digest::of(b"abc"),
            bytes: 3,
            pseudonym: Pseudonym::parse("CovidAAAAAAAAAAAAAAAAAAAA").unwrap(),
            profile: Label::parse("nccid").unwrap(),
            edition: Label::parse("PS3.15 2026c").unwrap(),
            engine: Label::parse("deid 0.1.0").unwrap(),
            verifier: Label::parse("residue 0.1.0").unwrap(),
            at_us: 1_600_000_000_000_000,
        };
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let json = Signed::sign(&clearance, &signer).unwrap().to_json().unwrap();
        let text = String::from_utf8(json.clone()).unwrap();
        assert!(text.starts_with(concat!(
            r#"{"kind":"clearance","version":1,"payload":{"name":"2.25.7.dcm","#,
            r#""sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","bytes":3,"#,
            r#""pseudonym":"CovidAAAAAAAAAAAAAAAAAAAA","profile":"nccid","edition":"PS3.15 2026c","#,
            r#""engine":"deid 0.1.0","verifier":"residue 0.1.0","at_us":1600000000000000},"key_id":""#
        )));
        let keys = PinnedKeys::new([signer.public_key()]);
        assert_eq!(Signed::<Clearance>::from_json(&json).unwrap().verify(&keys), Ok(clearance));
    }
}
